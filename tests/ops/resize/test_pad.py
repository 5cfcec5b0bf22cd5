import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct

NAMES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # NumPy's
ROWS = [  # shape, pad, mode
    ((3, 5), (2, 1), "constant"),
    ((2, 3, 4), (1, 0, 0, 2, 3, 1), "constant"),
    ((2, 3, 4, 5), (-1, 2, 1, -2), "constant"),
    ((2, 1, 2, 2, 3, 2), (1, 0, 0, 1, 1, 1, 0, 2, 1, 0, 1, 1), "constant"),  # two launches
    ((0, 3, 4), (1, 1), "constant"),
    ((2, 0), (1, 2), "constant"),
    ((2, 3, 7), (4, 6), "reflect"),
    ((2, 3, 5, 4), (3, 1, 0, 4), "reflect"),
    ((1, 2, 3, 2, 4), (1, 2, 1, 0, 2, 2), "reflect"),
    ((2, 5, 4), (3, 2, -1, 4), "reflect"),
    ((3, 7), (9, 0), "replicate"),
    ((2, 3, 5, 1), (2, 3, 0, 4), "replicate"),
    ((2, 3, 5, 4), (-2, 3, 2, -1), "replicate"),
    ((1, 2, 3, 2, 4), (1, 2, 5, 0, 0, 2), "replicate"),
    ((2, 3, 4), (4, 3), "circular"),
    ((2, 3, 5, 4), (1, -2, 4, -1), "circular"),
    ((0, 3, 4), (2, 2), "circular"),
]


def reference(x, amounts, mode="constant", **options):
    """NumPy's pad, without what negative amounts cut off."""
    if mode == "circular" and min(amounts) < 0:  # PyTorch cuts off first
        x, amounts = reference(x, [min(a, 0) for a in amounts]), [max(a, 0) for a in amounts]
    pairs = [(0, 0)] * (x.ndim - len(amounts) // 2) + list(zip(amounts[-2::-2], amounts[::-2], strict=True))
    wide = np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], NAMES[mode], **options)
    return wide[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(wide.shape, pairs, strict=True))]


@pytest.mark.parametrize(("shape", "amounts", "mode"), ROWS, ids=str)
def test_pad(shape, amounts, mode, device):
    check_op(lambda x: F.pad(x, amounts, mode), lambda x: reference(x, amounts, mode), [shape], device)


@pytest.mark.parametrize("mode", NAMES)
def test_types(mode, device):
    check_dtypes(lambda x: F.pad(x, (1, 2), mode), lambda x: reference(x, (1, 2), mode), [(2, 3, 5)], device)
    for dtype in (gp.uint8, gp.int16, gp.int32, gp.int64):
        x = np.arange(30).reshape(2, 3, 5).astype(dtype.numpy)
        y = F.pad(gp.tensor(x, device=device), (1, 2), mode)
        assert y.dtype is dtype
        np.testing.assert_array_equal(y.numpy(force=True), reference(x, (1, 2), mode))


def test_values(device):
    x = gp.tensor([[1.0, float("nan")]], device=device)
    for value in (2.5, -np.inf, np.nan, 0.0):
        wanted = reference(np.array([[1.0, np.nan]]), (1, 0), constant_values=value)
        np.testing.assert_array_equal(F.pad(x, (1, 0), value=value).numpy(force=True), wanted)
        half = F.pad(x.to(gp.bfloat16), (1, 0), value=value)
        np.testing.assert_array_equal(half.to(gp.float32).numpy(force=True), wanted)
    mask = F.pad(gp.tensor([True, False], device=device), (1, 1), value=True)
    assert mask.dtype is gp.bool and mask.tolist() == [True, True, False, True]
    assert F.pad(gp.tensor([1, 2], device=device), (1, 0), value=2.9).tolist() == [2, 1, 2]


@pytest.mark.parametrize(("mode", "amounts"), [("constant", (1, 2)), *[(mode, (1, 2, 2, 1)) for mode in NAMES]])
def test_layouts(mode, amounts, device):
    """Channels last come out as they went in, forwards and backwards; misaligned and strided arrays are read right."""
    x = distinct((2, 3, 4, 5), np.random.default_rng(0))
    weight = gp.tensor(distinct(reference(x, amounts).shape, np.random.default_rng(1)), device=device)
    results = []
    for make in (
        lambda t: t,
        lambda t: t.contiguous(memory_format=gp.channels_last),
        lambda t: gp.cat((gp.zeros(1, dtype=t.dtype, device=device), t.reshape(-1)))[1:].reshape(t.shape),
        lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    ):
        t = make(gp.tensor(x, device=device)).detach().requires_grad_()
        y = F.pad(t, amounts, mode)
        is_last = t.is_contiguous(memory_format=gp.channels_last)
        assert y.is_contiguous(memory_format=gp.channels_last) == is_last
        (y * weight).sum().backward()
        results.append((y.numpy(force=True), backend.asnumpy(t.grad.array)))
    np.testing.assert_array_equal(results[0][0], reference(x, amounts, mode))
    for found in results[1:]:
        for a, b in zip(found, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_nothing_to_do_is_a_copy(device):
    x = gp.ones(2, 3, device=device)
    y = F.pad(x, (0, 0))
    y[0, 0] = 5
    assert x[0, 0].item() == 1


@pytest.mark.parametrize(
    ("shape", "arguments", "error", "text"),
    [
        ((2, 3), ((1, 2, 3),), ArgumentError, "divisible by 2"),
        ((2, 3), ((1, 2, 3, 4, 5, 6),), ShapeError, "two times the input dimension"),
        ((2, 3), ((1.5, 2),), ArgumentTypeError, "must be ints"),
        ((2, 3), ((1, 2), "mirror"), UnsupportedError, "Unrecognised padding mode 'mirror'"),
        ((2, 3), ((1, 2), "reflect", 1.0), ArgumentError, "take in value"),
        ((2, 3), ((1, 2), "constant", "a"), ArgumentTypeError, "value must be a number"),
        ((3,), ((1, 1), "replicate"), UnsupportedError, "Only 2D, 3D, 4D, 5D"),
        ((2, 3, 4), ((4, 0), "reflect"), ShapeError, "less than the corresponding input dimension"),
        ((2, 3, 4), ((5, 0), "circular"), ShapeError, "more than once"),
        ((2, 3, 4), ((-5, 0),), ShapeError, "negative output size"),
        ((2, 3, 4), ((-4, 0), "replicate"), ShapeError, "empty output size"),
        ((2, 3, 0), ((1, 0), "replicate"), ShapeError, "non-zero size"),
    ],
)
def test_errors(shape, arguments, error, text):
    with pytest.raises(error, match=text):
        F.pad(gp.zeros(shape), *arguments)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", 300), ("uint8", -1), ("int32", float("nan")), ("int64", float("inf")), ("float16", 1e6)],
)
def test_a_value_that_the_dtype_cannot_hold_is_refused(dtype, value, device):
    x = gp.ones(1, dtype=getattr(gp, dtype), device=device)
    with pytest.raises(ValueError, match="without overflow"):
        F.pad(x, (1, 0), value=value)
