import numpy as np
import pytest

from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.vision.transforms import functional as T
from tests.harness import check_op
from tests.vision.transforms.test_geometry import MASKS, TYPES, host, masks, pictures

MODES = ("constant", "edge", "reflect", "symmetric")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("mode", MODES)
def test_pad(mode, dtype, device):
    x, t = pictures((2, 3, 5, 4), dtype, device)
    y = T.pad(t, (1, 2, 3, 4), 1 if mode == "constant" else 0, mode)
    extra = {"constant_values": 1} if mode == "constant" else {}
    wanted = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (2, 4), (1, 3)], mode, **extra)
    assert y.dtype is t.dtype
    np.testing.assert_array_equal(host(y), wanted)
    np.testing.assert_array_equal(host(T.pad(t[1], (1, 2, 3, 4), [1], mode)), wanted[1])


@pytest.mark.parametrize("dtype", MASKS)
@pytest.mark.parametrize("mode", MODES)
def test_masks(mode, dtype, device):
    x, t = masks((2, 1, 5, 4), dtype, device)
    if dtype in ("int32", "int64") and mode in ("edge", "reflect"):  # by way of float32
        x, t = x % 256, t % 256
    y = T.pad(t, (1, 2, 3, 4), 0, mode)
    assert y.dtype is t.dtype
    np.testing.assert_array_equal(y.numpy(force=True), np.pad(x, [(0, 0), (0, 0), (2, 4), (1, 3)], mode))
    np.testing.assert_array_equal(T.pad(t[0, 0], 1, 0, mode).numpy(force=True), np.pad(x[0, 0], 1, mode))


@pytest.mark.parametrize("mode", MODES)
def test_negative_amounts_cut_off(mode, device):
    x, t = pictures((1, 1, 5, 6), device=device)
    y = host(T.pad(t, (-1, -2, 2, 1), 0, mode))
    np.testing.assert_array_equal(y, np.pad(x[..., 2:, 1:], [(0, 0), (0, 0), (0, 1), (0, 2)], mode))


@pytest.mark.parametrize("mode", MODES)
def test_gradients(mode, device):
    def padded(x):
        return np.pad(x, [(0, 0), (2, 1), (1, 2)], mode)

    check_op(lambda x: T.pad(x, (1, 2, 2, 1), 0, mode), padded, [(2, 4, 3)], device)


def test_errors():
    _, t = pictures()
    with pytest.raises(ShapeError, match="each pixel twice at most"):
        T.pad(t, 7, 0, "symmetric")
    with pytest.raises(ArgumentTypeError, match="a number for tensors"):
        T.pad(t, 1, (1, 2, 3))
    with pytest.raises(ArgumentError, match="Padding mode"):
        T.pad(t, 1, 0, "circular")
