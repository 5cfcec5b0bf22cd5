import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from gpunn.nn import functional as F
from gpunn.ops.conv import differentiable as family
from gpunn.ops.conv import products
from tests.harness import check_dtypes, check_op, distinct

ROWS = [  # x, weight, bias?, arguments
    ((2, 3, 7, 6), (4, 3, 3, 3), True, {}),
    ((2, 3, 7, 6), (4, 3, 1, 1), True, {}),
    ((2, 1, 5, 5), (6, 1, 5, 5), True, {}),
    ((1, 3, 4, 4), (3, 3, 3, 3), True, {"stride": (2, 2), "padding": 2}),
    ((2, 4, 8, 8), (2, 2, 3, 3), True, {"stride": (3, 2), "padding": (2, 1), "groups": 2, "dilation": (2, 3)}),
    ((2, 4, 5, 5), (1, 4, 2, 3), False, {"stride": 2, "padding": 1, "dilation": (2, 3)}),
    ((1, 2, 4, 3), (4, 2, 3, 4), False, {"stride": 2, "padding": 1}),
    ((2, 3, 5, 4), (2, 3, 2, 3), True, {"padding": "valid", "stride": (1, 2)}),
    ((2, 3, 5, 4), (2, 3, 2, 4), True, {"padding": "same"}),
    ((2, 2, 6, 6), (3, 2, 2, 3), False, {"padding": "same", "dilation": (3, 2)}),
    ((2, 3, 3, 4), (2, 3, 3, 2), True, {"padding": "full"}),
    ((2, 3, 3, 4), (2, 3, 3, 2), True, {"padding": "full", "stride": 2, "dilation": 2}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4}),
    ((2, 4, 6, 6), (8, 1, 3, 3), True, {"groups": 4, "padding": 1, "stride": (2, 1)}),
    ((2, 6, 5, 6), (4, 3, 2, 2), False, {"groups": 2, "padding": 3}),
    ((2, 3, 2, 2), (40, 3, 2, 2), True, {"padding": 1}),  # more output channels than positions: by pixels
    ((2, 40, 3, 3), (2, 40, 2, 2), True, {}),
    ((3, 2, 9, 1), (3, 2, 4, 1), True, {"stride": (1, 3)}),
    ((2, 2, 6, 6), (2, 2, 1, 1), True, {"stride": 3, "padding": 1}),
    ((2, 1, 2, 2), (1, 1, 3, 3), False, {"padding": 6}),  # windows that see only zeros
    ((2, 4, 6, 6), (4, 2, 2, 2), True, {"padding": (1, 0), "dilation": 5, "groups": 2}),  # few elements, far apart
    ((2, 3, 8, 8), (2, 3, 3, 2), True, {"padding": 1, "dilation": (1, 7)}),
]
NAMES = [f"{x}-{w}-{options}" for x, w, _, options in ROWS]


def reference(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Σ_{c,r,s} w[k, c, r, s] · x[n, c, p · stride + r · dilation, q · stride + s · dilation], one output at a time."""
    (sh, sw), (dh, dw) = pair(stride), pair(dilation)
    reach = dh * (w.shape[2] - 1), dw * (w.shape[3] - 1)
    margins = {
        "valid": [(0, 0), (0, 0)],
        "full": [(reach[0], reach[0]), (reach[1], reach[1])],
        "same": [(n // 2, n - n // 2) for n in reach],
    }
    margin = margins[padding] if isinstance(padding, str) else [(n, n) for n in pair(padding)]
    x = np.pad(x, [(0, 0), (0, 0), *margin])
    shape = x.shape[0], w.shape[0], (x.shape[2] - reach[0] - 1) // sh + 1, (x.shape[3] - reach[1] - 1) // sw + 1
    y = np.zeros(shape)
    per_group = w.shape[0] // groups
    for n, k, p, q in itertools.product(*map(range, shape)):
        group = k // per_group
        seen = x[n, group * w.shape[1] : (group + 1) * w.shape[1]]
        seen = seen[:, p * sh : p * sh + reach[0] + 1 : dh, q * sw : q * sw + reach[1] + 1 : dw]
        y[n, k, p, q] = (seen * w[k]).sum()
    return y if b is None else y + b[:, None, None]


def pair(value):
    return (value, value) if isinstance(value, int) else value


def with_options(f, options):
    return lambda *arrays: f(*arrays, **options)


@pytest.mark.parametrize(("x", "w", "has_bias", "options"), ROWS, ids=NAMES)
def test_conv2d(x, w, has_bias, options, device):
    inputs = [x, w, (w[0],)] if has_bias else [x, w]
    check_op(with_options(F.conv2d, options), with_options(reference, options), inputs, device)


@pytest.mark.parametrize(("x", "w", "has_bias", "options"), ROWS[::3], ids=NAMES[::3])
def test_dtypes(x, w, has_bias, options, device):
    inputs = [x, w, (w[0],)] if has_bias else [x, w]
    check_dtypes(with_options(F.conv2d, options), with_options(reference, options), inputs, device, factor=4)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_types_are_rounded_once(name, device):
    dtype = getattr(gp, name)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 64, 5, 5)).astype(dtype.numpy)
    w = rng.standard_normal((3, 64, 3, 3)).astype(dtype.numpy)
    y = F.conv2d(gp.tensor(x, device=device), gp.tensor(w, device=device), padding=1)
    exact = F.conv2d(gp.tensor(x.astype("f4")), gp.tensor(w.astype("f4")), padding=1).numpy()
    assert np.array_equal(y.cpu().array, exact.astype(dtype.numpy))


@pytest.mark.parametrize("name", ["uint8", "int32", "int64"])
def test_integers(name, device):
    x = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4) % 7
    w = np.arange(2 * 3 * 3 * 2).reshape(2, 3, 3, 2) % 3
    dtype = getattr(gp, name)
    y = F.conv2d(*[gp.tensor(a, dtype=dtype, device=device) for a in (x, w)], padding=1)
    assert y.dtype is dtype
    assert np.array_equal(y.cpu().numpy(), reference(x, w, padding=1))


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"groups": 2}])
def test_channels_last(options, device):
    rng = np.random.default_rng(0)
    x = distinct((2, 4, 6, 5), rng)
    w = distinct((6, 4 // options.get("groups", 1), 3, 2), rng)
    expected = reference(x, w, **options)
    for last in itertools.product((True, False), repeat=2):
        tensors = [
            gp.tensor(a, device=device).contiguous(memory_format=gp.channels_last if flag else gp.contiguous_format)
            for a, flag in zip((x, w), last, strict=True)
        ]
        for t in tensors:
            t.requires_grad_()
        y = F.conv2d(*tensors, **options)
        assert y.is_contiguous(memory_format=gp.channels_last) == any(last)
        np.testing.assert_allclose(y.detach().cpu().numpy(), expected, rtol=1e-12, atol=1e-12)
        grads = gp.autograd.grad([y], tensors, [gp.ones_like(y)])
        assert grads[0].is_contiguous(memory_format=gp.channels_last) == any(last)
        plain = [gp.tensor(a, device=device, requires_grad=True) for a in (x, w)]
        out = F.conv2d(*plain, **options)
        for mine, theirs in zip(grads, gp.autograd.grad([out], plain, [gp.ones_like(out)]), strict=True):
            np.testing.assert_allclose(mine.cpu().numpy(), theirs.cpu().numpy(), rtol=1e-12, atol=1e-12)


def test_channels_last_derivatives(device):
    def op(x, w):
        return F.conv2d(*[t.contiguous(memory_format=gp.channels_last) for t in (x, w)], padding=(1, 0))

    check_op(op, lambda x, w: reference(x, w, padding=(1, 0)), [(2, 3, 5, 4), (4, 3, 3, 2)], device)


def test_strides_of_the_input_do_not_matter(device):
    rng = np.random.default_rng(0)
    x, w = distinct((6, 3, 5, 8), rng), distinct((2, 3, 4, 3), rng)
    a = gp.tensor(x, device=device)[::2, :, :, ::2].transpose(2, 3)
    b = gp.tensor(w, device=device).transpose(2, 3)
    y = F.conv2d(a, b, padding=1)
    expected = reference(x[::2, :, :, ::2].swapaxes(2, 3), w.swapaxes(2, 3), padding=1)
    np.testing.assert_allclose(y.cpu().numpy(), expected, rtol=1e-12)


def test_unbatched(device):
    options = {"padding": 1, "stride": 2}
    check_op(
        with_options(F.conv2d, options),
        lambda x, w, b: reference(x[None], w, b, **options)[0],
        [(3, 5, 4), (2, 3, 3, 3), (2,)],
        device,
    )


@pytest.mark.parametrize(("x", "w"), [((0, 3, 5, 5), (2, 3, 3, 3)), ((2, 0, 5, 5), (2, 0, 3, 3))])
def test_nothing_to_convolve(x, w, device):
    x, w, b = [gp.tensor(np.ones(s), device=device, requires_grad=True) for s in (x, w, (2,))]
    y = F.conv2d(x, w, b, stride=2)
    assert np.array_equal(y.detach().cpu().numpy(), np.ones((x.shape[0], 2, 2, 2)))
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert np.array_equal(w.grad.cpu().numpy(), np.zeros(w.shape))
    assert np.array_equal(b.grad.cpu().numpy(), np.full(2, 4.0 * x.shape[0]))


def test_only_wanted_gradients_are_computed(device):
    x = gp.tensor(np.ones((1, 1, 3, 3)), device=device)
    w = gp.tensor(np.ones((1, 1, 2, 2)), device=device, requires_grad=True)
    F.conv2d(x, w).sum().backward()
    assert x.grad is None
    assert np.array_equal(w.grad.cpu().numpy(), np.full((1, 1, 2, 2), 4.0))


def test_an_expanded_gradient_is_read_right(device):
    x, w = [gp.tensor(np.ones(s), device=device, requires_grad=True) for s in ((2, 2, 4, 4), (3, 2, 3, 3))]
    F.conv2d(x, w).sum().backward()  # the gradient is one number, expanded with strides of 0
    assert np.array_equal(w.grad.cpu().numpy(), np.full(w.shape, 8.0))
    assert np.array_equal(x.grad.cpu().numpy()[0, 0], 3 * np.outer([1, 2, 2, 1], [1, 2, 2, 1]))


def test_bias_gradient_keeps_its_digits(device):
    g = np.full((64, 1, 64, 64), 0.1, np.float32)
    g[0] = 1e4
    x, w = [gp.tensor(np.zeros(s, np.float32), device=device) for s in ((64, 1, 64, 64), (1, 1, 1, 1))]
    b = gp.tensor(np.zeros(1, np.float32), device=device, requires_grad=True)
    F.conv2d(x, w, b).backward(gp.tensor(g, device=device))
    np.testing.assert_allclose(b.grad.cpu().numpy(), g.sum(dtype=np.float64), rtol=1e-7)


ERRORS = [  # x, weight, bias, arguments, class, words of the message
    ((1, 3, 8, 8), (4, 2, 3, 3), None, {}, RuntimeError, "weight (4, 2, 3, 3) with groups=1 takes 2 input channels"),
    ((1, 3, 8, 8), (4, 2, 3, 3), None, {}, RuntimeError, "x (1, 3, 8, 8) has 3"),
    ((3, 8, 8), (4, 2, 3, 3), None, {}, RuntimeError, "x (3, 8, 8) has 3"),
    ((1, 4, 8, 8), (3, 2, 3, 3), None, {"groups": 2}, RuntimeError, "divisible"),
    ((1, 4, 8, 8), (2, 2, 3, 3), None, {"groups": 3}, RuntimeError, "at least 3 at dimension 0"),
    ((1, 2, 8, 8), (2, 2, 3, 3), (3,), {}, RuntimeError, "expected bias (2,), got (3,)"),
    ((1, 2, 8, 8), (2, 2, 3, 3), (1, 2), {}, RuntimeError, "expected bias (2,), got (1, 2)"),
    ((1, 2, 8), (2, 2, 3), None, {}, RuntimeError, "4-dimensional weight"),
    ((1, 1, 2, 8, 8), (2, 2, 3, 3), None, {}, RuntimeError, "(N, C, H, W) or (C, H, W)"),
    ((1, 2, 2, 8), (2, 2, 3, 3), None, {}, RuntimeError, "Kernel size can't be greater than actual input size"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"dilation": 4}, RuntimeError, "(9 x 9)"),
    ((1, 2, 0, 8), (2, 2, 3, 3), None, {"padding": 2}, RuntimeError, "Only zero batch or zero channel"),
    ((1, 2, 8, 8), (2, 2, 0, 3), None, {}, RuntimeError, "weight (2, 2, 0, 3)"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": 0}, RuntimeError, "non-positive stride is not supported"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": (1, -1)}, RuntimeError, "got stride=(1, -1)"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": (1, 1, 1)}, RuntimeError, "list of 2 values"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": ()}, RuntimeError, "list of 2 values"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": 1.5}, TypeError, "stride must be ints, got 1.5"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"groups": 1.0}, TypeError, "groups must be ints, got 1.0"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"padding": -1}, RuntimeError, "negative padding is not supported"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"padding": "wide"}, RuntimeError, "Invalid padding string: 'wide'"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"padding": "same", "stride": 2}, RuntimeError, "strided convolutions"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"dilation": 0}, RuntimeError, "dilation should be greater than zero"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"groups": 0}, RuntimeError, "non-positive groups is not supported"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": 2**31}, RuntimeError, "got stride=(2147483648, 2147483648)"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"stride": 2**70}, RuntimeError, "stride may be 2147483647 at most"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"padding": 2**31 - 1}, RuntimeError, "no axis may be longer than 2147483647"),
    ((1, 2, 8, 8), (2, 2, 3, 3), None, {"dilation": 2**30}, RuntimeError, "no axis may be longer than 2147483647"),
]


@pytest.mark.parametrize(("x", "w", "b", "options", "kind", "words"), ERRORS)
def test_errors(x, w, b, options, kind, words, device):
    tensors = [None if s is None else gp.tensor(np.zeros(s, np.float32), device=device) for s in (x, w, b)]
    with pytest.raises(kind) as caught:
        F.conv2d(*tensors, **options)
    assert str(caught.value).startswith("conv2d: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("dtypes", "words"),
    [
        (("float32", "float64", None), "Input type (gpunn.float32) and weight type (gpunn.float64) should be the same"),
        (("bfloat16", "bfloat16", "float32"), "bias type (gpunn.float32) should be the same"),
        (("bool", "bool", None), "not for bool"),
    ],
)
def test_dtype_errors(dtypes, words, device):
    shapes = (1, 1, 3, 3), (1, 1, 2, 2), (1,)
    tensors = [
        None if d is None else gp.tensor(np.zeros(s), dtype=getattr(gp, d), device=device)
        for s, d in zip(shapes, dtypes, strict=True)
    ]
    with pytest.raises(RuntimeError) as caught:
        F.conv2d(*tensors)
    assert words in str(caught.value)


def test_arrays_are_no_tensors():
    with pytest.raises(TypeError, match="weight must be a Tensor, got ndarray"):
        F.conv2d(gp.tensor(np.ones((1, 1, 3, 3))), np.ones((1, 1, 3, 3)))


def test_conv2d_is_public_in_gpunn():
    assert gp.conv2d is F.conv2d


@st.composite
def convolutions(draw):
    """Shapes and arguments that fit each other."""
    numbers = st.integers(1, 3)
    stride, dilation, kernel = [draw(st.tuples(numbers, numbers)) for _ in range(3)]
    padding, groups = draw(st.tuples(*[st.integers(0, 3)] * 2)), draw(st.integers(1, 2))
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [n + draw(st.integers(0, 4)) for n in least]
    c, k = draw(st.integers(1, 3)), draw(st.sampled_from((1, 2, 20)))
    x, w = (draw(st.integers(1, 3)), groups * c, *size), (groups * k, c, *kernel)
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from((1, 200, 2**22)), st.booleans())
def test_any_convolution(case, block, channels_last):
    x, w, options = case
    before = family.CPU
    family.CPU = products.Budget(block)
    try:

        def op(a, b):
            last = a.contiguous(memory_format=gp.channels_last) if channels_last else a
            return F.conv2d(last, b, **options)

        check_op(op, with_options(reference, options), [x, w], "cpu")
    finally:
        family.CPU = before


def test_the_real_device_agrees(device):
    """float32 on the device against the same on the CPU."""
    rng = np.random.default_rng(0)
    x, w = [rng.standard_normal(s).astype(np.float32) for s in ((4, 8, 12, 12), (16, 8, 3, 3))]
    here, there = [F.conv2d(gp.tensor(x, device=d), gp.tensor(w, device=d), padding=1) for d in ("cpu", device)]
    np.testing.assert_allclose(backend.asnumpy(there.array), here.numpy(), rtol=2e-5, atol=2e-5)
