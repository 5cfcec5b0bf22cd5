import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ShapeError, UnsupportedError
from gpunn.nn import functional as F
from tests.harness import check_op


def reference(theta, size, corners):
    """One point after the other."""
    space = size[2:]
    grid = np.zeros((size[0], *space, len(space)))
    for n, *place in itertools.product(range(size[0]), *map(range, space)):
        point = []
        for k, count in zip(place, space, strict=True):
            edge = 2 * k / (count - 1) - 1 if corners and count > 1 else 0 if corners else (2 * k + 1) / count - 1
            point.insert(0, edge)
        grid[(n, *place)] = theta[n] @ [*point, 1]
    return grid


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (1, 2, 3, 1, 4)])
def test_affine_grid(size, corners, device):
    rank = len(size) - 2
    check_op(
        lambda t: F.affine_grid(t, size, corners),
        lambda t: reference(t, size, corners),
        [(size[0], rank, rank + 1)],
        device,
    )


def test_the_identity_changes_nothing(device):
    x = gp.rand(2, 3, 4, 5, device=device)
    theta = gp.eye(2, 3, device=device).expand(2, 2, 3)
    for corners in (False, True):
        grid = F.affine_grid(theta, x.shape, corners)
        y = F.grid_sample(x, grid, align_corners=corners)
        np.testing.assert_allclose(y.numpy(force=True), x.numpy(force=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("theta", "size", "error", "text"),
    [
        ((1, 2, 3), (1, 1, 2), UnsupportedError, "4D and 5D"),
        ((1, 2, 2), (1, 1, 2, 2), ShapeError, "2D affine matrices"),
        ((1, 2, 3), (2, 1, 2, 2), ShapeError, "one matrix for each of 2"),
        ((1, 2, 3), (1, 1, 0, 2), ArgumentError, "positive output size"),
    ],
)
def test_errors(theta, size, error, text):
    with pytest.raises(error, match=text):
        F.affine_grid(gp.zeros(theta), size, False)
    with pytest.warns(UserWarning, match="align_corners is False"), pytest.raises(ArgumentError):
        F.affine_grid(gp.zeros(theta, dtype=gp.int64), size)
