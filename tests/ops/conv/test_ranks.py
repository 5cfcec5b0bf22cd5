"""Convolutions of one and three axes, and transposed ones of any rank."""

import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from gpunn.ops.conv.convolve import conv_relu
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.test_conv import with_options


def numbers(value, rank):
    return (value,) * rank if isinstance(value, int) else value


def reference(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Σ_{c,r} w[k, c, r] · x[n, c, p · stride + r · dilation], one output at a time, for any number of axes."""
    rank = w.ndim - 2
    stride, padding, dilation = [numbers(v, rank) for v in (stride, padding, dilation)]
    reach = [d * (k - 1) for k, d in zip(w.shape[2:], dilation, strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    out = [(n - r - 1) // s + 1 for n, r, s in zip(x.shape[2:], reach, stride, strict=True)]
    y, per_group = np.zeros((x.shape[0], w.shape[0], *out)), w.shape[0] // groups
    for n, k, *place in itertools.product(*map(range, y.shape)):
        first = k // per_group * w.shape[1]
        spans = zip(place, stride, reach, dilation, strict=True)
        seen = x[(n, slice(first, first + w.shape[1]), *[slice(p * s, p * s + r + 1, d) for p, s, r, d in spans])]
        y[(n, k, *place)] = (seen * w[k]).sum()
    return y if b is None else y + b.reshape(-1, *[1] * rank)


def transposed_reference(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Every element of the input spreads its weights: y[n, k, p · stride - padding + r · dilation] += x · w."""
    rank = w.ndim - 2
    stride, padding, more, dilation = [numbers(v, rank) for v in (stride, padding, output_padding, dilation)]
    full = [
        (n - 1) * s + d * (k - 1) + 1 + m
        for n, s, d, k, m in zip(x.shape[2:], stride, dilation, w.shape[2:], more, strict=True)
    ]
    k, c = w.shape[1], x.shape[1] // groups
    y = np.zeros((x.shape[0], groups * k, *full))
    for channel, *place in itertools.product(*map(range, x.shape[1:])):
        group = channel // c
        spans = zip(place, stride, dilation, w.shape[2:], strict=True)
        target = y[
            (slice(None), slice(group * k, group * k + k), *[slice(p * s, p * s + d * r, d) for p, s, d, r in spans])
        ]
        target += x[(slice(None), channel, *place)].reshape(-1, *[1] * (rank + 1)) * w[channel]
    y = y[(..., *[slice(p, n - p) for p, n in zip(padding, full, strict=True)])]
    return y if b is None else y + b.reshape(-1, *[1] * rank)


ROWS = [  # function, x, weight, arguments
    (F.conv1d, (2, 3, 8), (4, 3, 3), {}),
    (F.conv1d, (2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}),
    (F.conv1d, (2, 3, 5), (3, 1, 2), {"padding": (1,), "groups": 3}),
    (F.conv3d, (2, 2, 4, 3, 5), (3, 2, 2, 3, 2), {}),
    (F.conv3d, (1, 4, 3, 5, 4), (4, 2, 2, 1, 3), {"stride": (1, 2, 3), "padding": (1, 0, 2), "groups": 2}),
    (F.conv3d, (1, 2, 5, 4, 6), (2, 1, 2, 2, 2), {"dilation": (3, 1, 2), "groups": 2}),
]
TRANSPOSED = [
    (F.conv_transpose1d, (2, 3, 5), (3, 4, 3), {}),
    (F.conv_transpose1d, (2, 4, 4), (4, 3, 4), {"stride": 3, "padding": 2, "output_padding": 2, "groups": 2}),
    (F.conv_transpose2d, (2, 3, 4, 5), (3, 2, 3, 2), {"padding": 1}),
    (F.conv_transpose2d, (2, 4, 3, 4), (4, 3, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    (F.conv_transpose2d, (1, 2, 3, 3), (2, 3, 2, 3), {"stride": (2, 4), "dilation": (3, 2), "output_padding": (2, 3)}),
    (F.conv_transpose2d, (1, 4, 3, 2), (4, 1, 2, 2), {"stride": 5, "groups": 4}),  # elements that nothing reaches
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 2, 3, 3), {"dilation": 4, "stride": 6, "padding": 2}),
    (F.conv_transpose3d, (1, 2, 2, 3, 2), (2, 3, 2, 2, 3), {}),
    (F.conv_transpose3d, (1, 2, 2, 2, 3), (2, 1, 3, 2, 2), {"stride": (2, 1, 3), "padding": (1, 0, 1), "groups": 2}),
]


def cases(rows):
    return [pytest.param(*row, id=f"{row[0].__name__}-{row[1]}-{row[2]}-{row[3]}") for row in rows]


@pytest.mark.parametrize(("op", "x", "w", "options"), cases(ROWS))
def test_convolutions(op, x, w, options, device):
    check_op(with_options(op, options), with_options(reference, options), [x, w, (w[0],)], device)


@pytest.mark.parametrize(("op", "x", "w", "options"), cases(TRANSPOSED))
def test_transposed_convolutions(op, x, w, options, device):
    inputs = [x, w, (w[1] * options.get("groups", 1),)]
    check_op(with_options(op, options), with_options(transposed_reference, options), inputs, device)


@pytest.mark.parametrize(("op", "x", "w", "options"), cases([ROWS[1], ROWS[4]]))
def test_dtypes(op, x, w, options, device):
    check_dtypes(with_options(op, options), with_options(reference, options), [x, w, (w[0],)], device, factor=4)


@pytest.mark.parametrize(("op", "x", "w", "options"), cases(TRANSPOSED[1:8:2]))
def test_dtypes_of_transposed_ones(op, x, w, options, device):
    inputs = [x, w, (w[1] * options.get("groups", 1),)]
    check_dtypes(with_options(op, options), with_options(transposed_reference, options), inputs, device, factor=4)


@pytest.mark.parametrize(("op", "x", "w", "options"), cases([ROWS[3], TRANSPOSED[3], TRANSPOSED[8]]))
def test_channels_last(op, x, w, options, device):
    rng = np.random.default_rng(0)
    layout = gp.channels_last if len(x) == 4 else gp.channels_last_3d
    plain = [gp.tensor(distinct(shape, rng), device=device) for shape in (x, w)]
    last = [t.contiguous(memory_format=layout).requires_grad_() for t in plain]
    y, expected = op(*last, **options), op(*plain, **options)
    assert y.is_contiguous(memory_format=layout)
    np.testing.assert_allclose(y.detach().cpu().numpy(), expected.detach().cpu().numpy(), rtol=1e-12, atol=1e-12)
    y.sum().backward()
    assert last[0].grad.shape == x and last[1].grad.shape == w


@pytest.mark.parametrize(("op", "x", "w", "options"), cases([ROWS[1], ROWS[4], TRANSPOSED[1], TRANSPOSED[3]]))
def test_unbatched(op, x, w, options, device):
    rng = np.random.default_rng(0)
    inputs = [gp.tensor(distinct(shape, rng), device=device) for shape in (x, w)]
    one = op(inputs[0][0], inputs[1], **options)
    np.testing.assert_allclose(one.cpu().numpy(), op(*inputs, **options)[0].cpu().numpy(), rtol=1e-12, atol=1e-12)


ERRORS = [  # function, x, weight, bias, arguments, words of the message
    (F.conv1d, (2, 3, 4, 4), (2, 3, 3), None, {}, "Expected 3-dimensional weight (K, C / groups, L)"),
    (F.conv3d, (2, 3, 4, 4, 4), (2, 2, 3, 3, 3), None, {}, "takes 2 input channels"),
    (F.conv_transpose1d, (1, 2, 4, 4, 4), (2, 3, 3), None, {}, "Expected 3-dimensional weight (C, K / groups, L)"),
    (F.conv_transpose2d, (1, 3, 4, 4), (2, 3, 3, 3), None, {}, "takes 2 input channels, x (1, 3, 4, 4) has 3"),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), (2,), {}, "gives 3 channels, expected bias (3,), got (2,)"),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), None, {"groups": 3}, "at least 3 at dimension 0"),
    (
        F.conv_transpose2d,
        (1, 2, 4, 4),
        (2, 3, 3, 3),
        None,
        {"padding": 4},
        "Calculated output size per channel: (-2 x -2)",
    ),
    (
        F.conv_transpose2d,
        (1, 2, 4, 4),
        (2, 3, 3, 3),
        None,
        {"stride": 2, "output_padding": 2},
        "output padding must be",
    ),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), None, {"output_padding": -1}, "negative output_padding"),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), None, {"padding": -1}, "negative padding is not supported"),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), None, {"stride": 0}, "non-positive stride is not supported"),
    (F.conv_transpose2d, (1, 2, 4, 4), (2, 3, 3, 3), None, {"stride": 2**31 - 1}, "no axis may be longer"),
    (F.conv_transpose2d, (1, 2, 0, 4), (2, 3, 3, 3), None, {}, "Only zero batch or zero channel"),
]


@pytest.mark.parametrize(("op", "x", "w", "b", "options", "words"), ERRORS)
def test_errors(op, x, w, b, options, words, device):
    tensors = [None if s is None else gp.tensor(np.zeros(s, np.float32), device=device) for s in (x, w, b)]
    with pytest.raises(RuntimeError) as caught:
        op(*tensors, **options)
    assert str(caught.value).startswith(f"{op.__name__}: ")
    assert words in str(caught.value)


def test_padding_of_a_transposed_convolution_is_no_word():
    with pytest.raises(TypeError, match="padding must be ints, got 'same'"):
        F.conv_transpose2d(gp.ones(1, 2, 4, 4), gp.ones(2, 3, 3, 3), padding="same")


def test_nothing_to_spread(device):
    x, w = [gp.ones(*shape, device=device, requires_grad=True) for shape in ((0, 2, 3, 3), (2, 3, 2, 2))]
    y = F.conv_transpose2d(x, w)
    assert y.shape == (0, 3, 4, 4)
    y.sum().backward()
    assert x.grad.shape == x.shape and not w.grad.cpu().numpy().any()


def test_they_are_public_in_gpunn():
    for name in ("conv1d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"):
        assert getattr(gp, name) is getattr(F, name)


@pytest.mark.parametrize("images", [0, 2])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_padding_may_take_all_of_a_transposed_convolution(rank, groups, images, device):
    x = gp.ones(images, 4, *[2] * rank, device=device, requires_grad=True)
    w, b = gp.ones(4, 6 // groups, *[1] * rank, device=device, requires_grad=True), gp.ones(6, device=device)
    op = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    y = op(x, w, b, padding=1, groups=groups)
    assert y.shape == (images, 6, *[0] * rank)
    y.sum().backward()
    assert not x.grad.any()
    assert not w.grad.any()
    with pytest.raises(RuntimeError, match="Output size is too small"):
        op(x, w, b, padding=2, groups=groups)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_with_relu(rank, device):
    """The largest of a convolution and 0, with gradients; what does not fit is told as by the convolution."""
    shapes = [(2, 4, *(4,) * rank), (6, 2, *(2,) * rank), (6,)]
    options = {"stride": 2, "padding": 1, "groups": 2}
    check_op(
        lambda x, w, b: conv_relu(x, w, b, **options),
        lambda x, w, b: np.maximum(reference(x, w, b, **options), 0),
        shapes,
        device,
    )
    x, w, b = (gp.ones(shape, device=device) for shape in shapes)
    assert conv_relu(x[0], w, -b * 100, **options).max().item() == 0
    with pytest.raises(RuntimeError, match=f"conv{rank}d"):
        conv_relu(x, w, b, groups=3)
