import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.vision.transforms import functional as T
from tests.harness import check_op

TYPES = ("uint8", "float32", "float16", "bfloat16", "float64")


def pictures(shape=(3, 3, 5, 6), dtype="uint8", device="cpu", seed=0):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    array = values.astype(np.uint8) if dtype == "uint8" else (values / 255).astype(getattr(gp, dtype).numpy)
    return array, gp.tensor(array, device=device)


def host(t):
    return t.to(gp.float64).numpy(force=True)


@pytest.mark.parametrize("dtype", TYPES)
def test_crop(dtype, device):
    """The part of each image, zeros outside, one image after the other."""
    x, t = pictures(dtype=dtype, device=device)
    tops, lefts = [1, -2, 4], [0, 3, -1]
    y = T.crop(t, tops, gp.tensor(lefts, device=device), 4, 3)
    assert y.dtype is t.dtype
    wide = np.pad(x, [(0, 0), (0, 0), (9, 9), (9, 9)])
    for n, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        wanted = wide[n, :, top + 9 : top + 13, left + 9 : left + 12]
        np.testing.assert_array_equal(host(y)[n], wanted.astype(np.float64))
    assert T.crop(t[0], 1, 2, 3, 4).tolist() == t[0, :, 1:4, 2:6].tolist()


def test_flips(device):
    x, t = pictures(device=device)
    np.testing.assert_array_equal(host(T.hflip(t)), x[..., ::-1])
    np.testing.assert_array_equal(host(T.vflip(t)), x[..., ::-1, :])
    y = host(T.hflip(t, [True, False, True]))
    np.testing.assert_array_equal(y, np.stack([x[0, ..., ::-1], x[1], x[2, ..., ::-1]]))
    y = host(T.crop_and_flip(t, 1, [0, 1, 2], 4, 4, horizontal=[0, 1, 1], vertical=[1, 0, 1]))
    part = [x[n, :, 1:5, n : n + 4] for n in range(3)]
    np.testing.assert_array_equal(y, np.stack([part[0][:, ::-1], part[1][..., ::-1], part[2][:, ::-1, ::-1]]))


def test_center_crop(device):
    x, t = pictures(device=device)
    np.testing.assert_array_equal(host(T.center_crop(t, 3)), x[..., 1:4, 2:5])
    np.testing.assert_array_equal(host(T.center_crop(t, (5, 8))), np.pad(x, [(0, 0)] * 3 + [(1, 1)]))


def test_erase(device):
    x, t = pictures(device=device)
    y = host(T.erase(t, [0, 1, 2], 1, [2, 9, 0], [1, 2, 3], v=(7, 8, 9)))
    for n, (i, h, w) in enumerate(zip([0, 1, 2], [2, 9, 0], [1, 2, 3], strict=True)):
        x[n, :, i : i + h, 1 : 1 + w] = np.array([7, 8, 9])[:, None, None]
    np.testing.assert_array_equal(y, x)


def test_erase_with_a_tensor(device):
    x, t = pictures(device=device)
    box = gp.arange(12, device=device).reshape(3, 2, 2)
    assert T.erase(t, 1, 2, 2, 2, box).tolist() == T.erase(t.clone(), 1, 2, 2, 2, box, inplace=True).tolist()
    x[:, :, 1:3, 2:4] = np.arange(12).reshape(3, 2, 2)
    np.testing.assert_array_equal(host(T.erase(t, 1, 2, 2, 2, box)), x)
    with pytest.raises(ArgumentError, match="one box for all images"):
        T.erase(t, [0, 1, 2], 2, 2, 2, box)
    each = T.erase(t, 1, 2, 2, 2, gp.tensor([7, 8, 9]).reshape(3, 1, 1))
    assert each[0, :, 1, 2].tolist() == [7, 8, 9]
    assert T.erase(t, 0, 0, 9, 9, 5, inplace=True) is t and t.unique().tolist() == [5]


MASKS = ("bool", "int8", "int16", "int32", "int64")


def masks(shape, dtype, device):
    """Labels that are moved bit by bit: the largest of 64 bits is no float64."""
    array = np.random.default_rng(0).integers(0, 256, shape)
    array = array > 127 if dtype == "bool" else array.astype(dtype)
    if array.dtype.kind == "i":
        array.flat[::3] = np.iinfo(dtype).max
    return array, gp.tensor(array, device=device)


@pytest.mark.parametrize("dtype", MASKS)
def test_masks(dtype, device):
    x, t = masks((2, 1, 5, 6), dtype, device)
    for seen, wanted in (
        (T.hflip(t), x[..., ::-1]),
        (T.vflip(t), x[..., ::-1, :]),
        (T.crop(t, 1, 2, 3, 9), np.pad(x[..., 1:4, 2:], [(0, 0)] * 3 + [(0, 5)])),
        (T.crop(t, [1, 0], 2, 3, 2), np.stack([x[0, :, 1:4, 2:4], x[1, :, :3, 2:4]])),
        (T.center_crop(t, 3), x[..., 1:4, 2:5]),
        (T.hflip(t[0, 0]), x[0, 0, :, ::-1]),
        (T.center_crop(t[0, 0], 3), x[0, 0, 1:4, 2:5]),
    ):
        assert seen.dtype is t.dtype
        np.testing.assert_array_equal(seen.numpy(force=True), wanted)


def test_gradients(device):
    """Of all that moves pixels to other places or replaces them; twice."""
    tops, lefts, flips, mirrors = [1, -2, 4], [0, 3, -1], [True, False, True], [False, True, True]
    boxes = np.array([[1, 2], [0, 9], [4, 1]])

    def moved(x):
        rows = []
        for n in range(3):
            wide = np.pad(x[n], [(0, 0), (9, 9), (9, 9)])
            part = wide[:, tops[n] + 9 : tops[n] + 13, lefts[n] + 9 : lefts[n] + 12]
            part = part[:, ::-1] if flips[n] else part
            rows.append(part[..., ::-1] if mirrors[n] else part)
        return np.stack(rows)

    def erased(x):
        x[0, :, 1:3, 2:4] = x[1, :, 0:9, 2:4] = x[2, :, 4:5, 2:4] = 0.5
        return x

    check_op(lambda x: T.crop_and_flip(x, tops, lefts, 4, 3, mirrors, flips), moved, [(3, 2, 5, 6)], device)
    check_op(lambda x: T.erase(x, boxes[:, 0], 2, boxes[:, 1], 2, 0.5), erased, [(3, 2, 5, 6)], device)
    check_op(lambda x: T.center_crop(x, 3), lambda x: x[..., 1:4, 2:5], [(2, 5, 7)], device)


def test_nothing(device):
    empty = gp.zeros(0, 3, 4, 5, device=device)
    assert T.crop(empty, 0, 0, 2, 2).shape == (0, 3, 2, 2)
    assert T.erase(empty, 0, 0, 2, 2, gp.tensor(0.0, device=device)).shape == empty.shape
    assert T.erase(gp.ones(1, 2, 2, device=device), 0, 0, 1, 2, gp.tensor(0.0, device=device)).tolist()[0] == [
        [0, 0],
        [1, 1],
    ]
    assert T.crop(gp.ones(1, 1, 0, 3, device=device), 0, 0, 2, 2).tolist() == [[[[0, 0], [0, 0]]]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda t: T.crop(t, 0, 0, -1, 2), ArgumentError, "must not be negative"),
        (lambda t: T.crop(t, [0, 1], 0, 1, 2), ShapeError, "one for each image"),
        (lambda t: T.crop(t, 0.5, 0, 1, 2), ArgumentError, "whole numbers"),
        (lambda t: T.crop(t, 0.5, 0, 1, 2), TypeError, "whole numbers"),
        (lambda t: T.crop(t, "a", 0, 1, 2), ArgumentTypeError, "a number or one for each"),
        (lambda t: T.crop(t[0, 0, 0], 0, 0, 1, 2), ShapeError, r"\(N, C, H, W\) or one \(C, H, W\) or a mask"),
        (lambda t: T.adjust_hue(t[0, 0], 0.1), ShapeError, r"\(N, C, H, W\) or one \(C, H, W\), got"),
        (lambda t: T.erase(t.to(gp.int64), 0, 0, 1, 2, 0), DtypeError, "uint8 or a floating type"),
        (lambda t: T.center_crop(t, "x"), ArgumentError, "output_size must be one number or two"),
        (lambda t: T.crop([1], 0, 0, 1, 2), ArgumentTypeError, "img must be a Tensor"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(pictures()[1])
