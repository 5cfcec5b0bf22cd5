import numpy as np
import pytest

from gpunn.ops.resize import grid
from gpunn.ops.resize.grid import Sampling


@pytest.mark.parametrize("outside", grid.OUTSIDE)
@pytest.mark.parametrize("corners", [False, True])
def test_slopes_are_derivatives(outside, corners):
    """Of the weights with respect to the points, by central differences."""
    points, step = np.linspace(-2.7, 2.9, 23), 1e-6
    for mode in ("bilinear", "bicubic"):
        sampling = Sampling((4, 5), mode, outside, corners)
        here, up, down = (grid.along(p, 1, sampling) for p in (points, points + step, points - step))
        exact = grid.slopes(here.share, mode)
        for slope, high, low in zip(exact, grid.weights(up.share, mode), grid.weights(down.share, mode), strict=True):
            np.testing.assert_allclose(slope * here.slope, (high - low) / (2 * step), atol=1e-7)


def test_elements():
    sampling = Sampling((4, 5), "bilinear", "zeros", True)
    along = grid.along(np.array([-1.0, 1.0, -1.5, np.nan, 0.25, 1e300]), 1, sampling)
    assert [a.tolist() for a in along.at] == [[0, 4, -1, -1, 2, -1], [1, -1, 0, -1, 3, -1]]
    assert along.share[4] == 0.5
    mirror = grid.along(np.array([-1.5, 2.0]), 1, sampling._replace(outside="reflection"))
    assert mirror.at[0].tolist() == [1, 2]
