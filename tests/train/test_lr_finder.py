import importlib
import sys

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn, optim
from gpunn.train import LearningRates, lr_find
from tests.train.test_snapshot import everything


def parabola(device="cpu"):
    """w² / 2, of which a step with rate r leaves (1 - r)² of the loss: it grows beyond r = 2."""
    model = nn.Linear(1, 1, bias=False, dtype=gp.float64, device=device)
    with gp.no_grad():
        model.weight.fill_(1.0)
    x = gp.ones(1, 1, dtype=gp.float64)
    return model, lambda output, y: (output * output).sum() / 2 + y, [(x, 0.0)]


def test_rates_losses_and_smoothing(device):
    model, loss, loader = parabola(device)
    found = lr_find(model, loss, loader, start=1e-3, end=1.0, steps=4, smoothing=0.5)
    np.testing.assert_allclose(found.lrs, [1e-3, 1e-2, 1e-1, 1.0], rtol=1e-12)
    w = np.cumprod([1, 1 - 1e-3, 1 - 1e-2, 1 - 1e-1])
    np.testing.assert_allclose(found.raw_losses, w * w / 2, rtol=1e-12)
    average = [sum(0.5 ** (i - j) * 0.5 * w[j] ** 2 / 2 for j in range(i + 1)) / (1 - 0.5 ** (i + 1)) for i in range(4)]
    np.testing.assert_allclose(found.losses, average, rtol=1e-12)
    assert not found.diverged and model.weight.item() == 1.0


def test_it_stops_when_the_loss_grows():
    model, loss, loader = parabola()
    found = lr_find(model, loss, loader, start=1e-3, end=1e3, steps=60, smoothing=0.0)
    assert found.diverged and 2.0 < found.lrs[-1] < 30.0 and len(found.lrs) == len(found.losses) < 60
    assert found.losses[-1] > 4 * min(found.losses)
    assert 0.01 < found.suggestion < 2.0
    slopes = np.diff(found.losses[: int(np.argmin(found.losses)) + 1])
    assert abs(found.lrs.index(found.suggestion) - int(np.argmin(slopes))) <= 1


def test_a_negative_loss_has_not_diverged():
    model, _, loader = parabola()
    found = lr_find(model, lambda output, y: -1 - output.sum() * 0.01, loader, start=1e-3, end=1e-1, steps=20)
    assert not found.diverged and len(found.lrs) == 20


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_ends_it(bad):
    model, loss, loader = parabola()
    found = lr_find(model, lambda o, y: loss(o, y) * (bad if o.item() < 0.9 else 1.0), loader, steps=50)
    assert found.diverged and np.isfinite(found.losses).all() and len(found.lrs) == len(found.raw_losses)
    first = lr_find(model, lambda o, y: loss(o, y) * bad, loader)
    assert first == LearningRates([], [], [], True)
    with pytest.raises(ValueError, match="never fell in 0 steps"):
        first.suggestion  # noqa: B018


def test_nothing_is_left_behind(device):
    gp.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).to(device).eval()
    optimizer = optim.Adam([{"params": model[0].parameters()}, {"params": model[3].parameters(), "lr": 0.5}])
    model.train()(gp.randn(4, 3, device=device)).sum().backward()
    optimizer.step()
    model.eval()
    before = everything(model, optimizer)
    data = gp.utils.data.TensorDataset(gp.randn(12, 3), gp.arange(12) % 2)
    gp.set_rng_state(gp.tensor(before[-1], dtype=gp.uint8))
    loader = gp.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    found = lr_find(model, nn.CrossEntropyLoss(), loader, optimizer, steps=7)
    assert len(found.lrs) == 7 and everything(model, optimizer) == before
    with pytest.raises(ZeroDivisionError):
        lr_find(model, lambda x, y: 1 / 0, loader, optimizer)
    assert everything(model, optimizer) == before


def test_plot(monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed").use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    found = LearningRates([0.001, 0.01, 0.1, 1.0], [3.0, 2.9, 1.0, 5.0], [3.0, 2.8, 0.9, 9.0], True)
    ax = found.plot()
    assert ax.get_xscale() == "log" and len(ax.lines) == 3
    np.testing.assert_allclose(ax.lines[1].get_xydata()[:, 1], found.losses)
    assert found.plot(ax) is ax
    pyplot.close(ax.figure)
    rising = LearningRates([0.1, 1.0], [1.0, 2.0], [1.0, 2.0], False)
    ax = rising.plot()
    assert len(ax.lines) == 2
    pyplot.close(ax.figure)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'LearningRates\.plot needs matplotlib: pip install "gpunn\[plot\]"'):
        found.plot()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"start": 0.0}, "0 < start < end"),
        ({"start": 2.0, "end": 1.0}, "got start=2.0, end=1.0"),
        ({"steps": 1}, "at least 2 steps, got 1"),
        ({"smoothing": 1.0}, r"smoothing in \[0, 1\)"),
        ({"divergence": 1.0}, "divergence > 1"),
        ({"loader": []}, "no batches"),
        ({"loader": [gp.ones(2, 1)]}, r"batches \(x, y\) from the loader, got Tensor"),
    ],
)
def test_arguments_are_checked(settings, text):
    model, loss, loader = parabola()
    with pytest.raises(ValueError, match=text):
        lr_find(model, loss, **{"loader": loader, **settings})
    assert model.weight.item() == 1.0
