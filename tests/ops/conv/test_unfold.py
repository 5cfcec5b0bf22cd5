import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct

# size, kernel, dilation, padding, stride
CASES = [
    ((5, 4), (2, 3), (1, 1), (0, 0), (1, 1)),
    ((5, 7), (3, 2), (2, 1), (1, 2), (1, 2)),
    ((4, 6), (2, 2), (1, 3), (0, 1), (3, 2)),
    ((1, 3), (1, 1), (1, 1), (2, 0), (2, 1)),
    ((6, 2), (3, 3), (1, 1), (1, 1), (4, 5)),
]


def windows(x, *settings):
    """(N, C, H, W) -> (N, C · kernels, windows), element by element."""
    kernel, dilation, padding, stride = settings
    n, c, *size = x.shape
    out = [(s + 2 * p - d * (k - 1) - 1) // t + 1 for s, k, d, p, t in zip(size, *settings, strict=True)]
    y = np.zeros((n, c, *kernel, *out), x.dtype)
    for at in np.ndindex(*kernel, *out):
        h, w = (at[a + 2] * stride[a] - padding[a] + at[a] * dilation[a] for a in (0, 1))
        if 0 <= h < size[0] and 0 <= w < size[1]:
            y[(slice(None), slice(None), *at)] = x[:, :, h, w]
    return y.reshape(n, c * kernel[0] * kernel[1], out[0] * out[1])


def sums(columns, size, channels, settings):
    """The transpose of `windows`, as a matrix."""
    n = columns.shape[0]
    unit = np.eye(size[0] * size[1]).reshape(-1, 1, *size)
    matrix = windows(unit, *settings)  # (places, kernels, windows)
    parts = columns.reshape(n, channels, *matrix.shape[1:])
    return np.einsum("nckl,pkl->ncp", parts, matrix).reshape(n, channels, *size)


@pytest.mark.parametrize("case", CASES)
def test_unfold(case, device):
    size, *settings = case
    shape = (2, 3, *size)
    check_op(lambda x: F.unfold(x, *settings), lambda x: windows(x, *settings), [shape], device)
    check_dtypes(lambda x: F.unfold(x, *settings), lambda x: windows(x, *settings), [shape], device)


@pytest.mark.parametrize("case", CASES)
def test_fold(case, device):
    size, *settings = case
    shape = windows(np.zeros((2, 3, *size)), *settings).shape
    check_op(lambda x: F.fold(x, size, *settings), lambda x: sums(x, size, 3, settings), [shape], device)
    check_dtypes(lambda x: F.fold(x, size, *settings), lambda x: sums(x, size, 3, settings), [shape], device, factor=3)


def test_one_image_and_no_image(device):
    x = gp.arange(24.0, device=device).reshape(2, 3, 4)
    columns = F.unfold(x, 2, padding=1)
    assert columns.tolist() == F.unfold(x[None], (2, 2), padding=(1, 1))[0].tolist()
    assert F.fold(columns, (3, 4), 2, padding=1).tolist() == (4 * x).tolist()  # each place is seen by four windows
    assert F.unfold(x[None][:0], 2).shape == (0, 8, 6)
    assert F.fold(columns[None][:0], (3, 4), 2, padding=1).shape == (0, 2, 3, 4)


def test_other_dtypes_and_orders_in_memory(device):
    array = np.arange(36.0).reshape(1, 2, 3, 6) % 5
    wanted = windows(array, (2, 2), (1, 1), (1, 0), (1, 2))
    x = gp.tensor(array, device=device)
    for each in (x > 2, x.contiguous(memory_format=gp.channels_last), x.mT.contiguous().mT):
        found = F.unfold(each, 2, 1, (1, 0), (1, 2))
        assert found.dtype is each.dtype
        assert found.cpu().numpy().tolist() == ((wanted > 2) if each.dtype is gp.bool else wanted).tolist()
    columns = F.unfold(x, 2)
    marked = F.fold(columns > 3, (3, 6), 2)
    assert marked.dtype is gp.bool and marked.any() and not marked.all()
    assert marked.tolist() == (F.fold((columns > 3).float(), (3, 6), 2) > 0).tolist()
    assert F.fold(columns.mT.contiguous().mT, (3, 6), 2).tolist() == F.fold(columns, (3, 6), 2).tolist()


def test_integers_are_refused():
    with pytest.raises(NotImplementedError, match=r"unfold: not implemented for gpunn.int64; convert"):
        F.unfold(gp.ones(1, 4, 9, 9).long(), 2)
    with pytest.raises(NotImplementedError, match=r"fold: not implemented for gpunn.int64; use x.float"):
        F.fold(gp.ones(1, 4, 9).long(), (4, 4), 2)


def test_a_convolution_is_a_product_with_the_columns(device):
    rng = np.random.default_rng(0)
    x, weight = (gp.tensor(distinct(s, rng), device=device) for s in [(2, 3, 5, 6), (4, 3, 3, 2)])
    columns = F.unfold(x, (3, 2), padding=1, stride=2)
    found = (weight.reshape(4, -1) @ columns).reshape(2, 4, 3, 4)
    wanted = F.conv2d(x, weight, padding=1, stride=2)
    np.testing.assert_allclose(found.cpu().numpy(), wanted.cpu().numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((gp.ones(3, 4), 2), r"Expected 3D or 4D .*got shape \(3, 4\)"),
        ((gp.ones(1, 0, 4, 4), 2), r"non-zero dimensions for input, but got shape \(1, 0, 4, 4\)"),
        ((gp.ones(1, 2, 3, 3), 4), r"blocks as \(0, 0\), but its components must be at least one"),
        ((gp.ones(1, 2, 3, 3), (2, 2, 2)), "It is expected kernel_size equals to 2"),
        ((gp.ones(1, 2, 3, 3), 0), "kernel_size should be greater than zero, but got kernel_size=0"),
        ((gp.ones(1, 2, 3, 3), 2, 0), "dilation should be greater than zero"),
        ((gp.ones(1, 2, 3, 3), 2, 1, -1), "padding should be non-negative"),
        ((gp.ones(1, 2, 3, 3), 2, 1, 0, (1, 0)), r"stride should be greater than zero, but got stride=\(1, 0\)"),
        ((gp.ones(1, 2, 3, 3), 2, 1, 0, 2**31), "stride may be 2147483647 at most"),
        ((gp.ones(1, 2, 3, 3), 3, 2**30), "no axis may be longer than 2147483647"),
    ],
)
def test_unfold_errors(arguments, words):
    with pytest.raises(RuntimeError, match=words):
        F.unfold(*arguments)


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((4,), (3, 3), r"Expected 2D or 3D .*got shape \(4,\)"),
        ((1, 4, 0), (3, 3), "non-zero dimensions"),
        ((1, 6, 4), (3, 3), r"input's dimension 1 to be divisible by .*\(1, 6, 4\) and kernel_size=\(2, 2\)"),
        ((1, 4, 5), (3, 3), r"number of sliding blocks 2 \* 2 = 4, but got input of shape \(1, 4, 5\)"),
        ((1, 4, 1), (1, 1), r"number of sliding blocks 0 \* 0 = 0"),
        ((1, 4, 4), 0, "output_size should be greater than zero"),
    ],
)
def test_fold_errors(shape, size, words):
    with pytest.raises(RuntimeError, match=words):
        F.fold(gp.ones(shape), size, 2)


def test_arguments_of_other_types():
    with pytest.raises(TypeError, match="kernel_size must be ints"):
        F.unfold(gp.ones(1, 1, 3, 3), 2.5)
    with pytest.raises(TypeError, match="must be a Tensor, not list"):
        F.unfold([1.0], 2)
