import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op

PLACES = np.array([0.0, 0.5, 1.5, 1.7, 3.0])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("spacing", "steps", "dim"),
    [
        (None, (1,), None),
        (0.5, (0.5,), None),
        ((2.0, 3), (2.0, 3.0), None),
        ((2.0, 0.5), (0.5, 2.0), (1, 0)),
        (None, (1,), -1),
        ((PLACES[:4], PLACES), (PLACES[:4], PLACES), None),
        ((PLACES,), (PLACES,), (1,)),
    ],
)
def test_as_numpy(spacing, steps, dim, order, device):
    tensors = spacing
    if isinstance(spacing, tuple):
        tensors = [gp.tensor(s, device=device) if isinstance(s, np.ndarray) else s for s in spacing]
    axis = tuple(sorted(dim)) if isinstance(dim, tuple) else dim

    def slopes(x):
        found = gp.gradient(x, spacing=tensors, dim=dim, edge_order=order)
        return found if dim != (1, 0) else found[::-1]

    check_op(slopes, lambda x: np.gradient(x, *steps, axis=axis, edge_order=order), [(4, 5)], device)


def test_of_integers_and_halves():
    assert gp.gradient(gp.tensor([1, 2, 4]))[0].tolist() == [1, 1.5, 2]
    assert gp.gradient(gp.tensor([1, 2, 4], dtype=gp.float16))[0].dtype is gp.float16


def test_errors():
    x = gp.ones(3, 3)
    for options, text in (
        ({"edge_order": 3}, "edge_order=1 and edge_order=2"),
        ({"spacing": (1.0, 2.0), "dim": 0}, "a list of length 1"),
        ({"spacing": gp.ones(3)}, "a list of length 2"),
        ({"spacing": (gp.ones(2), gp.ones(3))}, "as many places as samples"),
        ({"spacing": (gp.ones(3, 1), gp.ones(3))}, "one dimension"),
        ({"dim": (0, 0)}, "multiple times"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=text):
            gp.gradient(x, **options)
    with pytest.raises(RuntimeError, match=r"at least edge_order\+1"):
        gp.gradient(gp.ones(2), edge_order=2)
    assert gp.gradient(gp.ones(())) == ()
    with pytest.raises(RuntimeError, match="uint8"):
        gp.gradient(gp.ones(3, dtype=gp.uint8))
    with pytest.raises(IndexError):
        gp.gradient(x, dim=2)
