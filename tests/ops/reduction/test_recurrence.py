import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.ops.reduction.recurrence import Recurrence, Shift, along, running
from tests.harness import check_dtypes, check_op


def recurrence(a, b, axis, reverse):
    """Term by term."""
    a, b = (np.moveaxis(x, axis, 0)[:: -1 if reverse else 1] for x in (a, b))
    y = np.zeros(b.shape)
    for i in range(len(b)):
        before = y[i - 1] if i else 0
        factor = a[i - 1] if reverse else a[i]
        y[i] = factor * before + b[i]
    return np.moveaxis(y[:: -1 if reverse else 1], 0, axis)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((1,), 0), ((7,), 0), ((5, 3), 0), ((2, 9), 1), ((0, 2), 0)])
def test_recurrence(shape, axis, reverse, device):
    check_op(Recurrence(axis, reverse), lambda a, b: recurrence(a, b, axis, reverse), [shape, shape], device)


def test_recurrence_in_half_types(device):
    check_dtypes(
        lambda a, b: Recurrence(0, False)(a, b),
        lambda a, b: recurrence(a, b, 0, False),
        [np.linspace(0, 0.9, 9), np.linspace(-1, 1, 9)],
        device,
    )


def test_constant_factors_need_no_gradient(device):
    a = gp.tensor([9.0, 2.0, 3.0], device=device)
    b = gp.ones(3, device=device, requires_grad=True)
    Recurrence(0, False)(a, b).sum().backward()
    assert b.grad.tolist() == [1 + 2 + 6, 1 + 3, 1]
    assert a.grad is None


def test_recurrence_leaves_its_inputs_alone(device):
    a, b = gp.ones(5, device=device), gp.ones(5, device=device)
    Recurrence(0, False)(a, b)
    assert a.tolist() == b.tolist() == [1] * 5


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("shape", [(4,), (1,), (0,)])
def test_shift(shape, back, device):
    def shifted(x):
        return np.append(x[1:], 7.0)[: len(x)] if back else np.append(7.0, x[:-1])[: len(x)]

    check_op(Shift(0, fill=7.0, back=back), shifted, [shape], device)


def test_running_combines_all_that_came_before(device):
    x = gp.tensor(np.arange(1.0, 12.0).reshape(1, 11), device=device).array.copy()
    (sums,) = running(lambda a, b: (a + b,), 1, x)
    assert backend.asnumpy(sums).tolist() == [np.arange(1.0, 12.0).cumsum().tolist()]
    assert sums is x


def test_along():
    assert along(2, 1) == (slice(None), slice(None), slice(1, None, None))
    assert along(0, None, None, -1) == (slice(None, None, -1),)
