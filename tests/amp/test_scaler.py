"""GradScaler: the way of the scale, steps that are left out, the order of calls, what is saved."""

import copy
import io

import numpy as np
import pytest

import gpunn as gp
from gpunn import kernels, optim
from gpunn.amp import GradScaler
from tests.conftest import computing_on

INF, NAN = float("inf"), float("nan")


def setup(device, **settings):
    p = gp.tensor([1.0, -2.0, 3.0], device=device, requires_grad=True)
    return p, optim.SGD([p], lr=0.5), GradScaler(device, **{"init_scale": 8.0, "growth_interval": 2} | settings)


def iterate(p, optimizer, scaler, factor=1.0):
    """One iteration, the gradient of which is `factor`."""
    optimizer.zero_grad()
    scaler.scale((p * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


def test_scale_is_divided_out(device):
    p, optimizer, scaler = setup(device)
    loss = (p * p).sum()
    scaled = scaler.scale(loss)
    assert scaled.item() == 8 * loss.item()
    scaled.backward()
    assert p.grad.tolist() == [16.0, -32.0, 48.0]
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [2.0, -4.0, 6.0]
    gp.nn.utils.clip_grad_value_([p], 2.0)
    scaler.step(optimizer)
    assert p.tolist() == [0.0, -1.0, 2.0]


def test_several_outputs(device):
    _, _, scaler = setup(device)
    a, b = gp.ones(2, device=device), gp.full((), 2.0, device=device)
    found = scaler.scale([a, (b, a)])
    assert type(found) is list and type(found[1]) is tuple
    assert [found[0].tolist(), found[1][0].item(), found[1][1].tolist()] == [[8.0, 8.0], 16.0, [8.0, 8.0]]
    assert [x.item() for x in scaler.scale(x for x in (b, b))] == [16.0, 16.0]
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale([a, 3])


@pytest.mark.parametrize("bad", [INF, -INF, NAN])
def test_the_way_of_the_scale(bad, device):
    p, optimizer, scaler = setup(device)
    scales, values = [], []
    for factor in (1.0, 1.0, bad, 1.0, bad, 1.0, 1.0, 1.0):
        iterate(p, optimizer, scaler, factor)
        scales.append((scaler.get_scale(), scaler.state_dict()["_growth_tracker"]))
        values.append(p[0].item())
    assert scales == [(8, 1), (16, 0), (8, 0), (8, 1), (4, 0), (4, 1), (8, 0), (8, 1)]
    assert values == [0.5, 0.0, 0.0, -0.5, -0.5, -1.0, -1.5, -2.0]


def test_the_scale_stays_finite_and_takes_other_factors(device):
    p, optimizer, scaler = setup(device, init_scale=2.0**127, growth_interval=1)
    iterate(p, optimizer, scaler, 0.0)
    assert scaler.get_scale() == 2.0**127
    scaler.set_backoff_factor(0.25), scaler.set_growth_factor(3.0), scaler.set_growth_interval(2)
    assert (scaler.get_backoff_factor(), scaler.get_growth_factor(), scaler.get_growth_interval()) == (0.25, 3.0, 2)
    for factor, wanted in ((NAN, 2.0**125), (0.0, 2.0**125), (0.0, 3 * 2.0**125)):
        iterate(p, optimizer, scaler, factor)
        assert scaler.get_scale() == wanted
    for new in (4.0, gp.tensor([6.0], device=device)):
        scaler.update(new)
        assert scaler.get_scale() == float(new)
    wrong = [gp.ones(2, device=device), gp.ones(1, device=device, requires_grad=True)]
    for new in [*wrong, gp.ones(1)] if device == "cuda" else wrong:
        with pytest.raises(AssertionError, match="new_scale should be a float or a 1-element"):
            scaler.update(new)
    assert scaler.get_scale() == 6.0


def test_each_optimizer_has_its_own_state(device):
    p, first, scaler = setup(device)
    q = gp.ones(2, device=device, requires_grad=True)
    second = optim.SGD([q], lr=1.0)
    scaler.scale(p.sum() + (q * INF).sum()).backward()
    scaler.unscale_(first)
    with pytest.raises(RuntimeError, match="already been called on this optimizer since the last update"):
        scaler.unscale_(first)
    scaler.step(first)
    scaler.step(second)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called since the last update"):
        scaler.step(first)
    with pytest.raises(RuntimeError, match="is being called after step"):
        scaler.unscale_(second)
    assert (p[0].item(), q.tolist()) == (0.5, [1.0, 1.0])
    scaler.update()
    assert scaler.get_scale() == 4.0
    second.zero_grad()
    scaler.scale(q.sum()).backward()
    scaler.step(second)
    assert q.tolist() == [0.0, 0.0]


def test_calls_out_of_order():
    p, optimizer, scaler = setup("cpu")
    for name, call in (("step", lambda: scaler.step(optimizer)), ("update", scaler.update),
                       ("unscale_", lambda: scaler.unscale_(optimizer))):  # fmt: skip
        with pytest.raises(AssertionError, match=f"Attempted {name} but _scale is None"):
            call()
    scaler.scale(p.sum())
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(optimizer, closure=None)
    with pytest.raises(AssertionError, match="growth factor must be > 1"):
        GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match="backoff factor must be < 1"):
        GradScaler("cpu", backoff_factor=1.0)


def test_parameters_in_float16_are_refused(device):
    p = gp.ones(2, dtype=gp.float16, device=device, requires_grad=True)
    scaler, optimizer = GradScaler(device), optim.SGD([p], lr=1.0)
    scaler.scale(p.sum()).backward()
    before = p.grad.tolist()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.step(optimizer)
    assert p.grad.tolist() == before


def test_arguments_of_step_are_passed_on():
    p, optimizer, scaler = setup("cpu")
    scaler.scale(p.sum()).backward()
    assert scaler.step(optimizer, lambda: 7.0) == 7.0


def test_disabled():
    p, optimizer, scaler = setup("cpu", enabled=False, growth_factor=0.0)
    loss = p.sum()
    assert scaler.scale(loss) is loss and not scaler.is_enabled()
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({})
    assert (p[0].item(), scaler.get_scale(), scaler.state_dict()) == (0.5, 1.0, {})
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not GradScaler().is_enabled()


def test_state_is_saved_and_loaded(device):
    p, optimizer, scaler = setup(device, growth_interval=3)
    for factor in (1.0, NAN, 1.0):
        iterate(p, optimizer, scaler, factor)
    saved = scaler.state_dict()
    wanted = {"scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3, "_growth_tracker": 1}
    assert saved == wanted
    file = io.BytesIO()
    gp.save(saved, file)
    file.seek(0)
    fresh = GradScaler(device)
    fresh.load_state_dict(gp.load(file))
    scaler.update(1.0)
    scaler.load_state_dict(saved)
    for other in (fresh, scaler, copy.deepcopy(scaler)):
        assert other.state_dict() == saved
        iterate(p, optimizer, other)
        iterate(p, optimizer, other)
        assert (other.get_scale(), other.state_dict()["_growth_tracker"]) == (8.0, 0)
    with pytest.raises(RuntimeError, match="The source state dict is empty"):
        scaler.load_state_dict({})
    scaler.scale(p.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(AssertionError, match="may only be pickled at the beginning of an iteration"):
        copy.deepcopy(scaler)


def test_launches_of_an_iteration(monkeypatch):
    """Gradients are looked through in one launch, the scale is updated in one; only `step` waits."""
    with computing_on("emulated"):
        ps = [gp.ones(n, device="cuda", requires_grad=True) for n in (3, 5000, 7)]
        optimizer, scaler = optim.Adam(ps, lr=0.1), GradScaler()
        names, items, launch, item = [], [], kernels.launch, gp.Tensor.item
        monkeypatch.setattr(kernels, "launch", lambda f, k, *a: names.append(k) or launch(f, k, *a))
        monkeypatch.setattr(gp.Tensor, "item", lambda x: items.append(x) or item(x))
        for _ in range(2):
            scaler.scale(gp.stack([p.sum() for p in ps]).sum()).backward()
            names.clear(), items.clear()
            scaler.unscale_(optimizer)
            assert names.count("unscale") == 1 and not items
            scaler.step(optimizer)
            assert len([x for x in items if x.device.type == "cuda"]) == 1
            items.clear()
            scaler.update()
            assert names[-1] == "update_scale" and not items and names.count("adam") == 1
        monkeypatch.undo()
        np.testing.assert_allclose(ps[0].numpy(force=True), 0.8, rtol=1e-5)
