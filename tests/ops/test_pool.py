import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from gpunn.nn import functional as F
from gpunn.ops.pool import windows
from tests.harness import check_dtypes, check_op, distinct

MAX_ROWS = [  # x, arguments
    ((2, 3, 6, 8), {"kernel_size": 2}),
    ((2, 3, 7, 9), {"kernel_size": 2}),
    ((2, 3, 7, 9), {"kernel_size": 2, "ceil_mode": True}),
    ((2, 3, 7, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 3, 8, 6), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    ((1, 2, 3, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": (1, 2), "ceil_mode": True}),
    ((2, 2, 7, 7), {"kernel_size": 2, "stride": 3, "dilation": 2}),
    ((2, 2, 5, 5), {"kernel_size": 3, "stride": 1}),
    ((2, 2, 5, 5), {"kernel_size": 5}),
    ((1, 1, 20, 17), {"kernel_size": 17, "stride": 2}),  # more than 256 elements in a window
    ((3, 5, 4), {"kernel_size": (2, 3), "stride": 1}),
    ((0, 2, 4, 4), {"kernel_size": 2}),
]
AVG_ROWS = [
    ((2, 3, 6, 8), {"kernel_size": 2}),
    ((2, 3, 7, 9), {"kernel_size": 2, "ceil_mode": True}),
    ((2, 3, 7, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 3, 7, 9), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ((1, 2, 6, 6), {"kernel_size": 4, "stride": 2, "padding": 2, "ceil_mode": True}),
    (
        (1, 2, 6, 7),
        {"kernel_size": (4, 3), "stride": (3, 2), "padding": (2, 1), "ceil_mode": True, "count_include_pad": False},
    ),
    ((1, 2, 6, 6), {"kernel_size": 3, "stride": 2, "padding": 1, "divisor_override": 2}),
    ((1, 2, 4, 4), {"kernel_size": 2, "stride": (), "divisor_override": -2}),
    ((2, 2, 7, 7), {"kernel_size": 2, "stride": 3}),
    ((1, 2, 3, 40), {"kernel_size": (3, 33), "stride": (1, 2)}),  # a long kernel
    ((3, 5, 4), {"kernel_size": (2, 3), "stride": 1}),
    ((0, 2, 4, 4), {"kernel_size": 2}),
]


def positions(shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each p and each q: the rows or columns that the window sees inside the image, and its length with padding."""
    axes = []
    for n, k, s, p, d in zip(
        shape[-2:], pair(kernel_size), pair(stride or kernel_size), pair(padding), pair(dilation), strict=True
    ):
        reach = d * (k - 1) + 1
        steps = (n + 2 * p - reach) / s
        out = int(np.ceil(steps) if ceil_mode else np.floor(steps)) + 1
        if ceil_mode and (out - 1) * s >= n + p:
            out -= 1
        starts = [i * s - p for i in range(out)]
        axes.append([([r for r in range(a, a + reach, d) if 0 <= r < n], min(a + reach, n + p) - a) for a in starts])
    return axes


def max_reference(x, **options):
    """The largest element of each window and its position, one window at a time."""
    rows, columns = positions(x.shape, **options)
    shape = (*x.shape[:-2], len(rows), len(columns))
    values, indices = np.zeros(shape, x.dtype), np.zeros(shape, np.int64)
    for *plane, p, q in itertools.product(*map(range, shape)):
        where = list(itertools.product(rows[p][0], columns[q][0]))
        seen = [x[(*plane, *w)] for w in where]
        nan = [i for i, v in enumerate(seen) if v != v]
        best = nan[-1] if nan else int(np.argmax(seen))
        values[(*plane, p, q)] = seen[best]
        indices[(*plane, p, q)] = where[best][0] * x.shape[-1] + where[best][1]
    return values, indices


def avg_reference(x, count_include_pad=True, divisor_override=None, **options):
    """The mean of each window, one window at a time."""
    rows, columns = positions(x.shape, **options)
    y = np.zeros((*x.shape[:-2], len(rows), len(columns)))
    for (p, (r, high)), (q, (c, wide)) in itertools.product(enumerate(rows), enumerate(columns)):
        size = high * wide if count_include_pad else len(r) * len(c)
        y[..., p, q] = x[..., r, :][..., c].sum((-2, -1)) / (divisor_override or size)
    return y


def pair(value):
    return (value, value) if isinstance(value, int) else value


def with_options(f, options):
    return lambda *arrays: f(*arrays, **options)


@pytest.mark.parametrize(("shape", "options"), MAX_ROWS, ids=str)
def test_max_pool2d(shape, options, device):
    check_op(with_options(F.max_pool2d, options), lambda x: max_reference(x, **options)[0], [shape], device)
    check_op(
        with_options(F.max_pool2d, options | {"return_indices": True}),
        with_options(max_reference, options),
        [shape],
        device,
    )


@pytest.mark.parametrize(("shape", "options"), AVG_ROWS, ids=str)
def test_avg_pool2d(shape, options, device):
    check_op(with_options(F.avg_pool2d, options), with_options(avg_reference, options), [shape], device)


def spread(f, g, x):
    """Σ g · df/dx for a function that is linear between ties: what f makes of the unit arrays around x."""
    result = np.zeros(x.shape)
    for where in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[where] = 1e-6
        result[where] = (g * (f(x + step) - f(x - step))).sum() / 2e-6
    return result


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("op", "reference", "options"),
    [
        (F.max_pool2d, lambda x, **o: max_reference(x, **o)[0], {"kernel_size": 2}),
        (F.max_pool2d, lambda x, **o: max_reference(x, **o)[0], {"kernel_size": 3, "stride": 2, "padding": 1}),
        (F.avg_pool2d, avg_reference, {"kernel_size": 2}),
        (F.avg_pool2d, avg_reference, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ],
)
def test_the_gradient_as_a_function_of_the_outer_gradient(op, reference, options, channels_last, device):
    x = distinct((2, 2, 5, 6), np.random.default_rng(3))

    def gradient(g):
        t = gp.tensor(x, device=device)
        t = (t.contiguous(memory_format=gp.channels_last) if channels_last else t).requires_grad_()
        (found,) = gp.autograd.grad([op(t, **options)], [t], [g], create_graph=True)
        return found

    shape = reference(x, **options).shape
    check_op(gradient, lambda g: spread(with_options(reference, options), g, x), [shape], device, rtol=1e-8)


def test_third_derivative(device):
    """With the winners fixed, pooling and its gradient are each other's derivative, over and over."""
    x = gp.tensor(distinct((1, 2, 4, 6), np.random.default_rng(0)), device=device, requires_grad=True)
    y = F.max_pool2d(x, 2)
    g = gp.ones_like(y).requires_grad_()
    (first,) = gp.autograd.grad([y], [x], [g], create_graph=True)
    u = gp.ones_like(x).requires_grad_()
    (second,) = gp.autograd.grad([first], [g], [u], create_graph=True)
    (third,) = gp.autograd.grad([second], [u], [g])
    assert np.array_equal(third.cpu().numpy(), first.detach().cpu().numpy())


@pytest.mark.parametrize("rows", [MAX_ROWS, AVG_ROWS], ids=["max", "avg"])
def test_dtypes(rows, device):
    op, reference = (
        (F.max_pool2d, lambda *a, **k: max_reference(*a, **k)[0])
        if rows is MAX_ROWS
        else (
            F.avg_pool2d,
            avg_reference,
        )
    )
    for shape, options in rows:
        check_dtypes(with_options(op, options), with_options(reference, options), [shape], device)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_max_pool2d_of_integers(name, device):
    dtype = getattr(gp, name)
    info = gp.iinfo(dtype)
    x = np.random.default_rng(0).integers(info.min, info.max, (2, 2, 5, 6), dtype.numpy, endpoint=True)
    x[0, 0] = info.min
    options = {"kernel_size": 3, "stride": 2, "padding": 1}
    y, where = F.max_pool2d(gp.tensor(x, device=device), **options, return_indices=True)
    expected, indices = max_reference(x, **options)
    assert y.dtype is dtype
    assert where.dtype is gp.int64
    assert np.array_equal(y.cpu().numpy(), expected)
    assert np.array_equal(where.cpu().numpy(), indices)


@pytest.mark.parametrize("divisor", [None, 3, -3])
def test_avg_pool2d_of_integers_rounds_towards_0(divisor, device):
    x = np.random.default_rng(0).integers(-20, 20, (2, 2, 4, 6))
    y = F.avg_pool2d(gp.tensor(x, device=device), 2, divisor_override=divisor)
    assert y.dtype is gp.int64
    assert np.array_equal(y.cpu().numpy(), np.trunc(avg_reference(x, kernel_size=2, divisor_override=divisor)))


@pytest.mark.parametrize("options", [row[1] for row in MAX_ROWS[:9]], ids=str)
def test_ties_nan_and_infinity(options, device):
    """The first of equals wins, a NaN wins over all, and a window of -inf still has a winner inside the image."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (4, 2, 7, 8)).astype(np.float64)
    x[1][rng.random(x[1].shape) < 0.2] = np.nan
    x[2] = -np.inf
    x[3, 0, 2:4] = np.inf
    expected, indices = max_reference(x, **options)
    t = gp.tensor(x, device=device, requires_grad=True)
    y, where = F.max_pool2d(t, **options, return_indices=True)
    assert np.array_equal(y.detach().cpu().numpy(), expected, equal_nan=True)
    assert np.array_equal(where.cpu().numpy(), indices)
    y.backward(gp.ones_like(y))
    counts = np.zeros((8, 56))
    np.add.at(counts, (np.arange(8)[:, None], indices.reshape(8, -1)), 1)
    assert np.array_equal(t.grad.cpu().numpy(), counts.reshape(x.shape))


def test_a_window_on_padding_only_has_a_valid_position(device):
    _, where = F.max_pool2d(gp.tensor(np.ones((1, 1, 1, 1)), device=device), 2, 1, 1, 2, return_indices=True)
    assert (where.cpu().numpy() == 0).all()


@pytest.mark.parametrize("op", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}])
def test_channels_last(op, options, device):
    def last(x):
        return op(x.contiguous(memory_format=gp.channels_last), **options)

    def plain(x):
        return op(gp.tensor(x), **options).numpy()

    check_op(last, plain, [(2, 3, 6, 5)], device)
    x = gp.tensor(distinct((2, 3, 6, 5), np.random.default_rng(0)), device=device)
    x = x.contiguous(memory_format=gp.channels_last).requires_grad_()
    y = last(x)
    y.backward(gp.ones_like(y))
    assert y.is_contiguous(memory_format=gp.channels_last)
    assert x.grad.is_contiguous(memory_format=gp.channels_last)


def test_indices_of_channels_last(device):
    x = distinct((2, 3, 6, 5), np.random.default_rng(0))
    t = gp.tensor(x, device=device).contiguous(memory_format=gp.channels_last)
    _, where = F.max_pool2d(t, 3, 2, 1, return_indices=True)
    assert where.is_contiguous(memory_format=gp.channels_last)
    assert np.array_equal(where.cpu().numpy(), max_reference(x, kernel_size=3, stride=2, padding=1)[1])


@pytest.mark.parametrize("op", [F.max_pool2d, F.avg_pool2d])
def test_strides_of_the_input_do_not_matter(op, device):
    x = distinct((4, 3, 8, 6), np.random.default_rng(0))
    y = op(gp.tensor(x, device=device)[::2, :, 1:, ::2].transpose(2, 3), 2)
    wanted = op(gp.tensor(x[::2, :, 1:, ::2].swapaxes(2, 3).copy()), 2).numpy()
    np.testing.assert_allclose(y.cpu().numpy(), wanted, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("op", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}])
def test_the_size_of_the_blocks_changes_nothing(op, options, device, monkeypatch):
    x = distinct((3, 2, 6, 5), np.random.default_rng(0))

    def results():
        t = gp.tensor(x, device=device, requires_grad=True)
        y = op(t, **options)
        y.backward(y.detach())
        return backend.asnumpy(y.array), backend.asnumpy(t.grad.array)

    expected = results()
    monkeypatch.setattr(windows, "BLOCK", 500)
    for mine, theirs in zip(results(), expected, strict=True):
        assert np.array_equal(mine, theirs)


def test_the_input_of_max_pool2d_is_not_kept():
    x = gp.tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    y = F.max_pool2d(x, 2)
    x.detach().zero_()
    y.sum().backward()
    assert x.grad.numpy().sum() == 4
    assert y.grad_fn._saved is None


def test_winners_take_one_byte():
    y = F.max_pool2d(gp.tensor(np.ones((1, 1, 4, 4)), requires_grad=True), 2)
    assert y.grad_fn.kept.nbytes == 4


def test_no_winners_without_gradients():
    x = gp.tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    with gp.no_grad():
        assert F.max_pool2d(x, 2).grad_fn is None
    assert not F.max_pool2d(x, 2, return_indices=True)[1].requires_grad


ERRORS = [  # x, arguments, words of the message
    ((1, 2, 4, 4), {"kernel_size": 0}, "kernel size should be greater than zero"),
    ((1, 2, 4, 4), {"kernel_size": 2, "stride": 0}, "stride should be greater than zero"),
    ((1, 2, 4, 4), {"kernel_size": 2, "stride": (1, -1)}, "got (1, -1)"),
    ((1, 2, 4, 4), {"kernel_size": 2, "padding": -1}, "pad must be non-negative"),
    ((1, 2, 4, 4), {"kernel_size": (3, 2), "padding": (1, 2)}, "got pad=(1, 2) and kernel_size=(3, 2)"),
    ((1, 2, 4, 4), {"kernel_size": (1, 2, 3)}, "list of 2 values"),
    ((1, 2, 4, 4), {"kernel_size": 5}, "Output size is too small"),
    ((1, 2, 4, 4), {"kernel_size": 2**31}, "2147483647"),
    ((1, 2, 4, 4), {"kernel_size": 2, "stride": 2**40}, "2147483647"),
    ((4, 4), {"kernel_size": 2}, "Expected 3D or 4D (batch mode) tensor"),
    ((1, 1, 2, 4, 4), {"kernel_size": 2}, "got: (1, 1, 2, 4, 4)"),
    ((1, 0, 4, 4), {"kernel_size": 2}, "optional 0 dim batch size"),
]


@pytest.mark.parametrize(("shape", "options", "words"), ERRORS)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_errors(name, shape, options, words, device):
    with pytest.raises(RuntimeError) as caught:
        getattr(F, name)(gp.tensor(np.ones(shape), device=device), **options)
    assert str(caught.value).startswith(f"{name}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: F.max_pool2d(gp.tensor(np.ones((1, 1, 4, 4))), 2, dilation=0), RuntimeError, "dilation should be"),
        (lambda: F.max_pool2d(gp.tensor(np.ones((1, 1, 4, 4))), 2.0), TypeError, "kernel_size must be ints"),
        (lambda: F.max_pool2d(np.ones((1, 1, 4, 4)), 2), TypeError, "input must be a Tensor, got ndarray"),
        (lambda: F.max_pool2d(gp.tensor(np.ones((1, 1, 4, 4), bool)), 2), RuntimeError, "not for bool"),
        (lambda: F.avg_pool2d(gp.tensor(np.ones((1, 1, 4, 4), "i4")), 2), RuntimeError, "not for gpunn.int32"),
        (
            lambda: F.avg_pool2d(gp.tensor(np.ones((1, 1, 4, 4))), 2, divisor_override=0),
            RuntimeError,
            "divisor must be not zero",
        ),
    ],
)
def test_wrong_arguments(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)


@st.composite
def poolings(draw):
    """A shape and arguments that fit each other."""
    numbers = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride, dilation = draw(numbers), draw(numbers), draw(numbers)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [max(n, d) + draw(st.integers(0, 5)) for n, d in zip(least, dilation, strict=True)]
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    return (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size), options, dilation


@settings(max_examples=60, deadline=None, derandomize=True)
@given(poolings(), st.booleans(), st.booleans())
def test_any_pooling(case, channels_last, include):
    shape, options, dilation = case

    def laid_out(x):
        return x.contiguous(memory_format=gp.channels_last) if channels_last else x

    dilated = options | {"dilation": dilation}
    check_op(
        lambda x: F.max_pool2d(laid_out(x), **dilated, return_indices=True),
        with_options(max_reference, dilated),
        [shape],
        "cpu",
    )
    counted = options | {"count_include_pad": include}
    if all(n + 2 * p >= k for n, p, k in zip(shape[2:], options["padding"], options["kernel_size"], strict=True)):
        op = with_options(F.avg_pool2d, counted)
        check_op(lambda x: op(laid_out(x)), with_options(avg_reference, counted), [shape], "cpu")
