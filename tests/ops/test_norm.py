import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from gpunn.nn import functional as F
from gpunn.ops.norm import channels
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.norm.formulas import check_gradients

SHAPES = [(4, 3), (6, 1), (1, 5, 2), (2, 3, 4), (3, 2, 4, 3), (2, 1, 5, 5), (2, 4, 2, 2, 3), (8, 2, 1, 1)]
EPS = 1e-2


def reference(x, weight=None, bias=None, mean=None, var=None, eps=EPS):
    """(x - mean) / √(var + eps) · weight + bias, with the moments of the batch unless others are given."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axes) if mean is None else mean
    var = x.var(axes) if var is None else var

    def column(v):
        return np.reshape(v, (-1, *[1] * (x.ndim - 2)))

    y = (x - column(mean)) / np.sqrt(column(var) + eps)
    y = y if weight is None else y * column(weight)
    return y if bias is None else y + column(bias)


def training(x, *parameters):
    return F.batch_norm(x, None, None, *parameters, training=True, eps=EPS)


def moments_for(shape):
    """A running mean and variance."""
    rng = np.random.default_rng(7)
    return rng.standard_normal(shape[1]), rng.uniform(0.5, 2, shape[1])


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_training(shape, parameters, device):
    check_op(training, reference, [shape, *[(shape[1],)] * parameters], device)


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_eval(shape, parameters, device):
    mean, var = moments_for(shape)

    def op(x, *rest):
        return F.batch_norm(x, gp.tensor(mean, device=device), gp.tensor(var, device=device), *rest, eps=EPS)

    check_op(
        op,
        lambda x, *rest: reference(x, *rest, *[None] * (2 - len(rest)), mean, var),
        [shape, *[(shape[1],)] * parameters],
        device,
    )


def test_a_bias_alone(device):
    def op(x, bias):
        return F.batch_norm(x, None, None, None, bias, training=True, eps=EPS)

    check_op(op, lambda x, bias: reference(x, None, bias), [(3, 2, 4), (2,)], device)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("wanted", [w for w in itertools.product((True, False), repeat=3) if any(w)])
def test_only_wanted_gradients_are_computed(wanted, is_training, device):
    values = [distinct(s, np.random.default_rng(0)) for s in ((3, 2, 4), (2,), (2,))]
    mean, var = [gp.tensor(m, device=device) for m in moments_for((3, 2, 4))]

    def gradients(flags):
        x, w, b = [gp.tensor(v, device=device, requires_grad=f) for v, f in zip(values, flags, strict=True)]
        y = F.batch_norm(x, mean.clone(), var.clone(), w, b, training=is_training)
        y.backward(gp.tensor(values[0], device=device))
        return [None if t.grad is None else backend.asnumpy(t.grad.array) for t in (x, w, b)]

    for mine, theirs, flag in zip(gradients(wanted), gradients((True,) * 3), wanted, strict=True):
        assert (mine is not None) == flag
        assert mine is None or np.array_equal(mine, theirs)


@pytest.mark.parametrize("wanted", [(1,), (2,), (1, 2)])
def test_second_derivative_without_that_of_the_input(wanted, device):
    x, g = [distinct((3, 2, 4), np.random.default_rng(i)) for i in range(2)]

    def gradients(g):
        vectors = leaves([np.ones(2), np.ones(2)], device)
        y = training(gp.tensor(x, device=device), *vectors)
        return gp.autograd.grad([y], [vectors[i - 1] for i in wanted], [g], create_graph=True)

    def expected(g):
        found = (g * reference(x)).sum((0, 2)), g.sum((0, 2))
        return tuple(found[i - 1] for i in wanted)

    check_op(gradients, expected, [g], device)


def test_third_derivative(device):
    """The second derivative of the gradient, by differences."""

    def second(x, w):
        y = training(x, w)
        (first,) = gp.autograd.grad([y], [x], [gp.tensor(weights, device=device)], create_graph=True)
        found = gp.autograd.grad([first], [x, w], [gp.tensor(weights, device=device)], create_graph=True)
        return tuple(found)

    weights = distinct((3, 2, 2), np.random.default_rng(3))
    arrays = [distinct(s, np.random.default_rng(1)) for s in ((3, 2, 2), (2,))]
    check_op(
        second, lambda *a: [backend.asnumpy(t.array) for t in second(*leaves(a, device))], arrays, device, derivatives=1
    )


def leaves(arrays, device):
    return [gp.tensor(a, device=device, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dtypes(shape, device):
    check_dtypes(training, reference, [shape, (shape[1],), (shape[1],)], device, factor=4)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(4, 8, 3, 3), (9, 3, 2, 2), (2, 2, 7, 9)], ids=str)
def test_gradients_in_lower_precision(shape, channels_last, device):
    check_gradients(training, [shape, shape[1:2], shape[1:2]], device, channels_last=channels_last)


@pytest.mark.parametrize(
    "shape", [(9000, 1), (300, 3), (1200, 8), (40, 4, 2, 2), (2, 2, 50, 60), (10, 3, 5, 5), (2, 16, 9, 9)], ids=str
)
@pytest.mark.parametrize("channels_last", [False, True])
def test_sums_of_many_pieces(shape, channels_last, device):
    """All ways in which kernels share out the elements of a channel."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, *shape))
    if channels_last and len(shape) != 4:
        return
    w, b = rng.standard_normal((2, shape[1]))
    results = []
    for where, last in (("cpu", False), (device, channels_last)):
        tensors = [gp.tensor(v, device=where, requires_grad=True) for v in (x, w, b)]
        dy = gp.tensor(g, device=where)
        if last:
            tensors[0] = tensors[0].detach().contiguous(memory_format=gp.channels_last).requires_grad_()
        y = training(*tensors)
        results.append([y.detach(), *gp.autograd.grad([y], tensors, [dy])])
    for mine, theirs in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine.cpu().numpy(), theirs.cpu().numpy(), rtol=1e-10, atol=1e-10)


def test_alignment_does_not_matter(device):
    x = np.random.default_rng(0).standard_normal(2 * 8 * 3 * 4 + 1).astype(np.float32)
    start = gp.tensor(x, device=device)
    for shape in ((2, 8, 12), (24, 8), (8, 8, 3)):
        aligned = training(gp.tensor(x[1:], device=device).reshape(shape))
        assert np.array_equal(training(start[1:].reshape(shape)).cpu().numpy(), aligned.cpu().numpy())


@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 5, 5), (2, 3, 5, 5)], ids=str)
def test_large_magnitudes(shape, device):
    """Squares beyond float32's range; in PyTorch the result is 0 or NaN."""
    x = distinct(shape, np.random.default_rng(0)) + 0.5
    given = (x * 1e30).astype(np.float32)
    y = F.batch_norm(gp.tensor(given, device=device), None, None, training=True).cpu().numpy()
    np.testing.assert_allclose(y, reference(given.astype(np.float64), eps=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 5, 5)], ids=str)
def test_special_values_stay_in_their_channel(shape, value, device):
    x = distinct(shape, np.random.default_rng(0)).astype(np.float32)
    clean = training(gp.tensor(x, device=device)).cpu().numpy()
    x[(1, 2) + (3,) * (len(shape) - 2)] = value
    y = training(gp.tensor(x, device=device)).cpu().numpy()
    assert np.isnan(y[:, 2]).all()
    assert np.array_equal(np.delete(y, 2, 1), np.delete(clean, 2, 1))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_input_beside_float32(name, device):
    rng = np.random.default_rng(0)
    x = gp.tensor(rng.standard_normal((8, 2, 5)), dtype=getattr(gp, name), device=device, requires_grad=True)
    w, b = [gp.tensor(v.astype(np.float32), device=device, requires_grad=True) for v in rng.standard_normal((2, 2))]
    mean, var = gp.zeros(2, device=device), gp.ones(2, device=device)
    y = F.batch_norm(x, mean, var, w, b, training=True)
    assert y.dtype is x.dtype
    assert mean.dtype is gp.float32
    wide = [t.detach().cpu().numpy(force=True).astype(np.float64) for t in (x, w, b)]
    exact = reference(*wide, eps=1e-5)
    assert np.array_equal(y.detach().cpu().numpy(), exact.astype(np.float32).astype(x.dtype.numpy))
    grads = gp.autograd.grad([y], [x, w, b], [gp.ones_like(y)], create_graph=True)
    assert [g.dtype for g in grads] == [x.dtype, gp.float32, gp.float32]
    second = gp.autograd.grad([grads[1]], [x], [gp.ones_like(w)])
    assert second[0].dtype is x.dtype


@pytest.mark.parametrize(("mean", "limit"), [(0, 1e-6), (1000, 5e-5)])
@pytest.mark.parametrize("shape", [(10**6, 1), (10**6 + 1, 1), (256, 64, 14, 14), (1, 1, 1000, 999)], ids=str)
def test_float32_keeps_its_digits(shape, mean, limit):
    x = (np.random.default_rng(0).standard_normal(shape, np.float32) + np.float32(mean)).astype(np.float32)
    y = F.batch_norm(gp.tensor(x), None, None, training=True).numpy()
    axes = (0, *range(2, x.ndim))
    exact = x - x.mean(axes, np.float64, keepdims=True)
    exact /= np.sqrt((exact * exact).mean(axes, keepdims=True) + 1e-5)
    assert np.abs(y - exact).max() < limit


@pytest.mark.parametrize(("mean", "limit"), [(0, 1e-6), (1000, 5e-5)])
@pytest.mark.parametrize("shape", [(40_000, 1), (20_000, 4), (3, 2, 100, 99)], ids=str)
def test_kernels_keep_their_digits(shape, mean, limit, device):
    x = (np.random.default_rng(0).standard_normal(shape) + mean).astype(np.float32)
    y = F.batch_norm(gp.tensor(x, device=device), None, None, training=True).cpu().numpy()
    assert np.abs(y - reference(x.astype(np.float64), eps=1e-5)).max() < limit


def test_gradients_keep_their_digits():
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 20_000, 2))
    narrow = [a.astype(np.float32) for a in (x + 1000, g, np.arange(1, 3), np.arange(2))]
    results = []
    for dtype in (np.float32, np.float64):
        tx, tg, w, b = [gp.tensor(a.astype(dtype), requires_grad=True) for a in narrow]
        y = F.batch_norm(tx, None, None, w, b, training=True)
        results.append([t.numpy() for t in gp.autograd.grad([y], [tx, w, b], [tg])])
    for mine, exact, limit in zip(*results, (1e-5, 1e-3, 1e-3), strict=True):
        assert np.abs(mine - exact).max() < limit


@pytest.mark.parametrize("momentum", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4, 2)])
def test_running_moments(shape, momentum, device):
    x = distinct(shape, np.random.default_rng(0))
    start = moments_for(shape)
    mean, var = [gp.tensor(m, device=device) for m in start]
    memory = mean.array
    F.batch_norm(gp.tensor(x, device=device), mean, var, training=True, momentum=momentum)
    axes = (0, *range(2, x.ndim))
    expected = x.mean(axes), x.var(axes, ddof=1)
    assert mean.array is memory  # in place
    for found, old, new in zip((mean, var), start, expected, strict=True):
        np.testing.assert_allclose(found.cpu().numpy(), (1 - momentum) * old + momentum * new, rtol=1e-12)


def test_running_moments_are_counted_as_changed():
    mean, var = gp.zeros(3), gp.ones(3)
    product = mean.clone().requires_grad_() * mean
    F.batch_norm(gp.tensor(np.ones((2, 3), np.float32)), mean, var, training=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


def test_eval_changes_nothing(device):
    mean, var = gp.zeros(3, device=device), gp.ones(3, device=device)
    F.batch_norm(gp.tensor(np.full((2, 3), 5.0, np.float32), device=device), mean, var)
    assert np.array_equal(mean.cpu().numpy(), np.zeros(3))
    assert np.array_equal(var.cpu().numpy(), np.ones(3))


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2), (2, 0, 3)])
@pytest.mark.parametrize("is_training", [True, False])
def test_nothing_to_normalise(shape, is_training, device):
    x = gp.tensor(np.ones(shape), device=device, requires_grad=True)
    w, b = leaves([np.ones(shape[1]), np.ones(shape[1])], device)
    mean, var = [gp.tensor(np.ones(shape[1]), device=device) for _ in range(2)]
    y = F.batch_norm(x, mean, var, w, b, training=is_training)
    y.sum().backward()
    assert y.shape == shape == x.grad.shape
    for t in (w.grad, b.grad):
        assert np.array_equal(t.cpu().numpy(), np.zeros(shape[1]))
    assert np.array_equal(mean.cpu().numpy(), np.ones(shape[1]))


def test_no_dimension_of_channels(device):
    x = gp.tensor(np.ones(0), device=device, requires_grad=True)
    y = F.batch_norm(x, gp.zeros(0, dtype=gp.float64, device=device), gp.zeros(0, dtype=gp.float64, device=device))
    assert y.shape == (0,)
    assert y.requires_grad


@pytest.mark.parametrize("is_training", [True, False])
def test_channels_last(is_training, device):
    mean, var = moments_for((2, 3, 5, 4))

    def op(x, w, b):
        moments = [None, None] if is_training else [gp.tensor(m, device=device) for m in (mean, var)]
        return F.batch_norm(x.contiguous(memory_format=gp.channels_last), *moments, w, b, is_training, eps=EPS)

    given = (None, None) if is_training else (mean, var)
    check_op(op, lambda x, w, b: reference(x, w, b, *given), [(2, 3, 5, 4), (3,), (3,)], device)
    x = gp.tensor(distinct((2, 3, 5, 4), np.random.default_rng(0)), device=device)
    x = x.contiguous(memory_format=gp.channels_last).requires_grad_()
    y = op(x, None, None)
    y.backward(gp.ones_like(y).contiguous())
    assert y.is_contiguous(memory_format=gp.channels_last)
    assert x.grad.is_contiguous(memory_format=gp.channels_last)


def test_strides_of_the_input_do_not_matter(device):
    x = distinct((4, 5, 3, 6), np.random.default_rng(0))
    y = training(gp.tensor(x, device=device)[::2, :, :, ::2].transpose(1, 3))
    np.testing.assert_allclose(y.cpu().numpy(), reference(x[::2, :, :, ::2].swapaxes(1, 3)), rtol=1e-12)


ERRORS = [  # x, vectors, arguments, class, words
    (
        (1, 3),
        {},
        {"training": True},
        ValueError,
        "Expected more than 1 value per channel when training, got input size (1, 3)",
    ),
    ((1, 3, 1, 1), {}, {"training": True}, ValueError, "Expected more than 1 value per channel"),
    ((2, 3), {}, {}, RuntimeError, "running_mean must be defined in evaluation mode"),
    ((2, 3), {"running_mean": 3}, {"training": True}, ValueError, "must either both be None or neither be None"),
    ((2, 3), {"running_mean": 4, "running_var": 3}, {}, RuntimeError, "running_mean should contain 3 elements"),
    ((2, 3), {"running_mean": 3, "running_var": 4}, {}, RuntimeError, "running_var should contain 3 elements"),
    ((2, 3), {"weight": 4}, {"training": True}, RuntimeError, "weight should contain 3 elements"),
    ((2, 3), {"bias": 1}, {"training": True}, RuntimeError, "not (1,)"),
    ((2, 3), {}, {"training": True, "eps": 0.0}, ValueError, "eps must be positive during training, but got 0.0"),
    ((3,), {}, {"training": True}, RuntimeError, "shape (N, C, *), got (3,)"),
]


@pytest.mark.parametrize(("x", "vectors", "options", "kind", "words"), ERRORS)
def test_errors(x, vectors, options, kind, words, device):
    given = {name: gp.tensor(np.full(n, 2.0), device=device) for name, n in vectors.items()}
    given = {"running_mean": None, "running_var": None} | given
    with pytest.raises(kind) as caught:
        F.batch_norm(gp.tensor(np.ones(x), device=device), **given, **options)
    assert str(caught.value).startswith("batch_norm: ")
    assert words in str(caught.value)
    for t in given.values():
        assert t is None or (t.cpu().numpy() == 2).all()  # a failed call changes nothing


def test_wrong_types():
    x = gp.tensor(np.ones((2, 3), np.float32))
    with pytest.raises(TypeError, match="input must be a Tensor, got ndarray"):
        F.batch_norm(np.ones((2, 3)), None, None, training=True)
    with pytest.raises(TypeError, match="weight must be a Tensor, got list"):
        F.batch_norm(x, None, None, [1, 2, 3], training=True)
    with pytest.raises(RuntimeError, match="not for gpunn"):
        F.batch_norm(gp.tensor(np.ones((2, 3), int)), None, None, training=True)
    with pytest.raises(RuntimeError, match="mixed dtype: weight is"):
        F.batch_norm(x, None, None, gp.tensor(np.ones(3)), training=True)
    with pytest.raises(RuntimeError, match="cannot require gradients"):
        F.batch_norm(x, gp.zeros(3, requires_grad=True), gp.ones(3), training=True)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.integers(1, 7),
    st.integers(1, 5),
    st.lists(st.integers(1, 5), max_size=2),
    st.sampled_from(
        [{}, {"BLOCK": 40}, {"CHAIN": 3}, {"WIDE": 4}, {"NARROW": 1}, {"NARROW": 1, "BLOCK": 9, "CHAIN": 2}]
    ),
    st.booleans(),
)
def test_any_layout(n, c, rest, limits, channels_last):
    """The sums do not depend on how the elements are taken together."""
    if n * math.prod(rest) == 1:
        return
    before = {name: getattr(channels, name) for name in limits}
    for name, value in limits.items():
        setattr(channels, name, value)
    channels._plan.cache_clear()
    try:

        def op(x, w, b):
            last = channels_last and len(rest) == 2
            return training(x.contiguous(memory_format=gp.channels_last) if last else x, w, b)

        check_op(op, reference, [(n, c, *rest), (c,), (c,)], "cpu")
    finally:
        for name, value in before.items():
            setattr(channels, name, value)
        channels._plan.cache_clear()
