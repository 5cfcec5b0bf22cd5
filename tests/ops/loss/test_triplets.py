import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.harness import check_op
from tests.ops.loss.test_margins import REDUCTIONS, A, B, C, check

F = gp.nn.functional
LOSSES = [F.triplet_margin_loss, F.triplet_margin_with_distance_loss]


@pytest.mark.parametrize(("p", "swap"), [(2.0, False), (2.0, True), (3.0, False)])
def test_triplet_margin_loss(p, swap, device):
    def distance(a, b):
        return (np.abs(a - b + 1e-6) ** p).sum(-1) ** (1 / p)

    def reference(a, b, c):
        far = np.minimum(distance(a, c), distance(b, c)) if swap else distance(a, c)
        return np.maximum(0, distance(a, b) - far + 2)

    check(F.triplet_margin_loss, reference, [A, B, C], [], device, margin=2.0, p=p, swap=swap)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_with_a_distance_of_your_own(reduction, swap, device):
    def reference(a, b, c):
        near, far, other = ((x - y).max(-1) for x, y in ((a, b), (a, c), (b, c)))
        return REDUCTIONS[reduction](np.maximum(0, near - (np.minimum(far, other) if swap else far) + 2))

    def loss(a, b, c):
        return F.triplet_margin_with_distance_loss(
            a, b, c, distance_function=lambda x, y: (x - y).amax(-1), margin=2.0, swap=swap, reduction=reduction
        )

    check_op(loss, reference, [A, B, C], device)


def test_the_distance_is_euclidean_unless_given(device):
    x, y, z = (gp.tensor(values, device=device) for values in (A, B, C))
    found = F.triplet_margin_with_distance_loss(x, y, z, swap=True)
    np.testing.assert_allclose(found.item(), F.triplet_margin_loss(x, y, z, swap=True).item(), rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_errors(loss):
    x = gp.ones(2, 3)
    with pytest.raises(ShapeError, match=f"{loss.__name__}: .*anchor 2D, positive 2D, and negative 1D"):
        loss(x, x, x[0])
    with pytest.raises(ArgumentError, match=f"{loss.__name__}: expected a margin greater than 0, got 0"):
        loss(x, x, x, margin=0)
    with pytest.raises(ArgumentTypeError):
        loss(x, x, 1.0)
    with pytest.raises(ArgumentError, match="rows is not a valid value for reduction"):
        loss(x, x, x, reduction="rows")
