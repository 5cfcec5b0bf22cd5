import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import DeviceError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
LOSSES = [(F.mse_loss, np.square), (F.l1_loss, np.abs)]
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.asarray}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (), (2, 1, 3)])
@pytest.mark.parametrize(("loss", "of"), LOSSES)
def test_loss(loss, of, shape, reduction, device):
    def op(a, b):
        return loss(a, b, reduction=reduction)

    def reference(a, b):
        return REDUCTIONS[reduction](of(a - b))

    rng = np.random.default_rng(1)
    inputs = [rng.normal(0, 2, shape), rng.normal(0, 2, shape)]
    check_op(op, reference, inputs, device)
    check_dtypes(op, reference, inputs, device, factor=6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("loss", "of"), LOSSES)
def test_weight(loss, of, reduction, device):
    def reference(a, b, w):
        losses = w * of(a - b)
        return losses.sum() / w.sum() if reduction == "mean" else REDUCTIONS[reduction](losses)

    def op(a, b, w):
        return loss(a, b, reduction=reduction, weight=w)

    check_op(op, reference, [(3, 2), np.full((3, 2), 3.0), np.linspace(0.5, 2, 6).reshape(3, 2)], device)


@pytest.mark.parametrize(("loss", "of"), LOSSES)
def test_strided_inputs(loss, of, device):
    check_op(lambda a, b: loss(a.T, b[::2]), lambda a, b: of(a.T - b[::2]).mean(), [(3, 2), (4, 3)], device)


@pytest.mark.parametrize(("reduction", "value"), [("mean", np.nan), ("sum", 0.0), ("none", [])])
@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss])
def test_nothing(loss, reduction, value, device):
    x = gp.zeros(0, device=device, requires_grad=True)
    y = loss(x, gp.zeros(0, device=device), reduction=reduction)
    np.testing.assert_array_equal(y.tolist(), value)
    y.sum().backward()
    assert x.grad.shape == (0,)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_half_types_are_added_up_in_float32(dtype, device):
    x = gp.full((30_000,), 0.25, dtype=dtype, device=device)
    exact = gp.tensor(7500.0, dtype=dtype).item()
    assert F.mse_loss(x, -x, reduction="sum").item() == exact
    assert F.mse_loss(x, -x).item() == 0.25


def test_float32_loses_no_digits(device):
    x = gp.full((1 << 20, 3), 0.1, device=device)
    y = F.mse_loss(x.T, gp.zeros(3, 1 << 20, device=device), reduction="sum")
    np.testing.assert_allclose(y.item(), 0.1**2 * 3 * 2**20, rtol=1e-6)


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss])
def test_dtypes_are_promoted(loss):
    y = loss(gp.ones(2), gp.zeros(2, dtype=gp.float64))
    assert y.dtype is gp.float64 and y.item() == 1
    assert loss(gp.ones(2), gp.tensor([0, 1])).dtype is gp.float32


def test_infinities(device):
    a = gp.tensor([np.inf, np.inf, np.nan], device=device)
    b = gp.tensor([np.inf, -np.inf, 0], device=device)
    for loss in (F.mse_loss, F.l1_loss):
        np.testing.assert_array_equal(loss(a, b, reduction="none").tolist(), [np.nan, np.inf, np.nan])


def test_errors(device):
    a = gp.ones(2, 3, device=device)
    for loss in (F.mse_loss, F.l1_loss):
        name = loss.__name__
        with pytest.raises(ShapeError, match=rf"{name}: Weights and input must have the same size, got \(3,\) and"):
            loss(a, a, weight=gp.ones(3, device=device))
    with pytest.raises(DtypeError, match=r"mse_loss: not implemented for gpunn.int64"):
        F.mse_loss(gp.tensor([1]), gp.tensor([2]))
    if device == "cuda":
        with pytest.raises(DeviceError, match=r"\(2, 3\) on cuda:0 and one of shape \(2, 3\) on cpu"):
            F.mse_loss(a, a.cpu())
