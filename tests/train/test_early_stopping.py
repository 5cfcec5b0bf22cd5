import math

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.train import EarlyStopping


def model(device="cpu"):
    return nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)).to(device)


def fill(m, value):
    """Mark the epoch: all that has a state gets the value."""
    for t in m.state_dict().values():
        t.fill_(value)


def marks(m):
    return {v for t in m.state_dict().values() for v in t.reshape(-1).tolist()}


def run(stopping, metrics, device="cpu"):
    """The number of epochs, and the marks of the weights at the end."""
    m = model(device)
    for epoch, metric in enumerate(metrics):
        fill(m, epoch)
        if stopping.step(metric, m):
            return epoch + 1, marks(m)
    return None, marks(m)


def test_the_best_weights_come_back(device):
    stopping = EarlyStopping(patience=3)
    assert run(stopping, [3.0, 2.0, 1.0, 1.5, 0.9, 0.9, 1.0, 2.0, 0.0], device) == (8, {4})
    assert (stopping.best, stopping.best_epoch, stopping.bad_epochs, stopping.stopped) == (0.9, 4, 3, True)


def test_without_restoring():
    stopping = EarlyStopping(patience=2, restore_best=False)
    assert run(stopping, [1.0, 2.0, 2.0]) == (3, {2})
    assert stopping.weights is None
    assert [EarlyStopping(1, restore_best=False).step(x) for x in (1.0, 2.0)] == [False, False]


@pytest.mark.parametrize(
    ("mode", "delta", "metrics", "end"),
    [
        ("max", 0.0, [0.5, 0.6, 0.6, 0.55], (4, {1})),
        ("max", 0.1, [0.5, 0.59, 0.58], (3, {0})),
        ("min", 0.1, [0.5, 0.41, 0.39, 0.35, 0.3], (5, {2})),
        ("min", 0.0, [math.nan, 1.0, math.nan, math.nan], (4, {1})),
        ("min", 0.0, [math.inf, math.inf, math.inf], (3, {0})),
        ("max", 0.0, [math.nan, math.nan], (2, {1})),
    ],
)
def test_what_is_better(mode, delta, metrics, end):
    assert run(EarlyStopping(2, delta, mode=mode), metrics) == end


def test_restore_after_the_last_epoch():
    stopping, m = EarlyStopping(9), model()
    stopping.restore(m)  # nothing yet
    for epoch, metric in enumerate([gp.tensor(2.0), gp.tensor([1.0]).sum(), gp.tensor(3.0)]):
        fill(m, epoch)
        assert not stopping.step(metric, m)
    stopping.restore(m)
    assert marks(m) == {1} and m[1].num_batches_tracked.dtype is gp.int64


def test_the_copy_is_made_once(device):
    """Better weights go into the memory of those before."""
    stopping, m = EarlyStopping(), model(device)
    stopping.step(2.0, m)
    array = stopping.weights["0.weight"].array
    fill(m, 7)
    stopping.step(1.0, m)
    assert stopping.weights["0.weight"].array is array and stopping.weights["0.weight"].tolist() == [[7.0, 7.0]]
    assert stopping.weights["0.weight"].device == m[0].weight.device


def test_state_through_a_file(tmp_path):
    first, m = EarlyStopping(2), model()
    for epoch, metric in enumerate([1.0, 2.0]):
        fill(m, epoch)
        first.step(metric, m)
    gp.save(first.state_dict(), tmp_path / "stopping")
    second = EarlyStopping(2)
    second.load_state_dict(gp.load(tmp_path / "stopping"))
    assert first.state_dict()["best"] == second.best == 1.0 and second.epoch == 2
    assert second.step(1.5, m) and marks(m) == {0}
    with pytest.raises(ValueError, match="has no best, best_epoch"):
        second.load_state_dict({"epoch": 1, "bad_epochs": 0, "stopped": False, "weights": None})
    assert second.best == 1.0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"patience": 0}, "patience of at least 1 epoch, got 0"),
        ({"patience": 1.5}, "patience"),
        ({"min_delta": -1}, "min_delta >= 0, got -1"),
        ({"mode": "best"}, "got 'best'"),
    ],
)
def test_settings_are_checked(settings, text):
    with pytest.raises(ValueError, match=text):
        EarlyStopping(**settings)


def test_the_model_is_needed():
    stopping = EarlyStopping()
    with pytest.raises(ValueError, match=r"step\(metric, model\)"):
        stopping.step(1.0)
    assert stopping.epoch == 0
