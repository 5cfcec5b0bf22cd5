import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.squeeze(x), np.squeeze, (1, 3, 1)),
        (lambda x: gp.squeeze(x, 0), lambda a: a[0], (1, 3, 1)),
        (lambda x: gp.squeeze(x, 1), lambda a: a, (1, 3, 1)),
        (lambda x: gp.squeeze(x, (0, -1)), np.squeeze, (1, 3, 1)),
        (lambda x: gp.squeeze(x, axis=0), lambda a: a[0], (1, 3)),
        (lambda x: gp.squeeze(x, ()), lambda a: a, (1, 3)),
        (lambda x: gp.squeeze(x, 0), lambda a: a, ()),
        (lambda x: gp.unsqueeze(x, 0), lambda a: a[None], (2, 3)),
        (lambda x: gp.unsqueeze(x, -1), lambda a: a[..., None], (2, 3)),
        (lambda x: gp.unsqueeze(x.t(), axis=1), lambda a: a.T[:, None], (2, 3)),
        (lambda x: gp.atleast_1d(x), np.atleast_1d, ()),
        (lambda x: gp.atleast_2d(x), np.atleast_2d, (3,)),
        (lambda x: gp.atleast_3d(x), np.atleast_3d, (3,)),
        (lambda x: gp.atleast_3d(x), np.atleast_3d, (2, 3)),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_share_memory(device):
    x = counted(1, 3, device=device)
    for y in (x.squeeze(), x.squeeze(1), x.unsqueeze(1), x.t().unsqueeze(0), gp.atleast_3d(x)):
        assert is_view(y, x)


def test_atleast_of_several():
    a, b = gp.tensor(1.0), gp.zeros(2, 3)
    one, same = gp.atleast_1d(a, b)
    assert one.shape == (1,) and same is b
    assert [x.shape for x in gp.atleast_2d([a])] == [(1, 1)]
    assert gp.atleast_3d(gp.zeros(1, 1, 1)).shape == (1, 1, 1)
    with pytest.raises(TypeError, match="atleast_1d: expected Tensors, got int"):
        gp.atleast_1d(a, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.squeeze(2), IndexError, "squeeze: Dimension out of range"),
        (lambda x: x.squeeze((0, 0)), RuntimeError, "appears multiple times"),
        (lambda x: x.unsqueeze(3), IndexError, "unsqueeze: Dimension out of range"),
        (lambda x: x.unsqueeze(-4), IndexError, r"\[-3, 2\]"),
        (lambda x: x.unsqueeze(0, axis=0), TypeError, "dim"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(1, 3))
