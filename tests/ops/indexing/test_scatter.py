import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from tests.harness import check_op

INDEX = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])


def on(device, values, dtype=None):
    return gp.tensor(np.array(values), dtype=dtype, device=device)


def test_scatter(device):
    def reference(x, src):
        np.put_along_axis(x, INDEX, src, 0)
        return x

    shape = (3, 4)
    check_op(lambda x, s: gp.scatter(x, 0, on(x.device, INDEX), s), reference, [shape, (2, 4)], device, derivatives=0)
    check_op(lambda x: gp.scatter(x, -2, on(x.device, INDEX), 2.5), lambda x: reference(x, 2.5), [shape], device)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x, i: x.scatter(0, i, 7), [7, 1, 7]),
        (lambda x, i: x.scatter(0, i, value=7), [7, 1, 7]),
        (lambda x, i: x.scatter(0, i, value=gp.tensor(7)), [7, 1, 7]),
        (lambda x, i: x.scatter(0, i, 7, reduce="add"), [8, 1, 15]),
        (lambda x, i: x.scatter(0, i, 7, reduce="multiply"), [7, 1, 49]),
        (lambda x, i: x.scatter(0, i, on(x.device, [2.0, 3, 4]), reduce="add"), [3, 1, 8]),
        (lambda x, i: x.scatter(0, i, on(x.device, [2.0, 3, 4]), reduce="multiply"), [2, 1, 12]),
        (lambda x, i: x.scatter_add(0, i, on(x.device, [2.0, 3, 4])), [3, 1, 8]),
        (lambda x, i: x.scatter(0, i.int(), on(x.device, [2.0, 3, 4, 5])), [2, 1, 4]),
        (lambda x, i: x.scatter(0, i[:0], on(x.device, [2.0])), [1, 1, 1]),
    ],
)
def test_spellings(call, wanted, device):
    x = gp.ones(3, dtype=gp.float64, device=device)
    assert call(x, on(device, [0, 2, 2])).tolist() == wanted
    assert x.tolist() == [1, 1, 1]


def test_0d(device):
    x = gp.tensor(1.0, device=device)
    assert x.scatter(0, on(device, 0), gp.tensor(5.0, device=device)).tolist() == 5
    assert x.scatter_add(0, on(device, [0, 0]), gp.tensor([5.0, 6], device=device)).tolist() == 12


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce(reduce, include_self, device):
    f = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]

    def reference(x, src):
        out = x.copy()
        for i, j in np.ndindex(x.shape):
            sent = src[INDEX[:, j] == i, j]
            if sent.size:
                out[i, j] = f(np.append(sent, x[i, j]) if include_self else sent)
        return out

    def op(x, src):
        return gp.scatter_reduce(x, 0, on(x.device, INDEX), src, reduce, include_self=include_self)

    check_op(op, reference, [(3, 4), (2, 4)], device, gradient_rtol=1e-5)
    for dtype in (gp.int64, gp.int8):
        x, src = (np.arange(12).reshape(3, 4) - 5, np.arange(8).reshape(2, 4) * 3 - 8)
        found = op(on(device, x, dtype), on(device, src, dtype))
        wanted = reference(x.astype(float), src.astype(float))
        assert found.dtype is dtype
        np.testing.assert_array_equal(backend.asnumpy(found.array), np.floor(wanted).astype(dtype.numpy))


def test_scatter_reduce_of_bools(device):
    x, src = on(device, [False, True, True]), on(device, [True, False, False])
    index = on(device, [0, 1, 2])
    assert x.scatter_reduce(0, index, src, "amax", include_self=False).tolist() == [True, False, False]
    assert x.scatter_reduce(0, index, src, "amin", include_self=False).tolist() == [True, False, False]
    assert x.scatter_reduce(0, index, src, "sum").tolist() == [True, True, True]
    with pytest.raises(NotImplementedError, match="mean is not implemented for bool"):
        x.scatter_reduce(0, index, src, "mean")


@pytest.mark.parametrize("name", ["scatter_", "scatter_add_", "scatter_reduce_"])
def test_in_place(name, device):
    x = gp.ones(3, device=device, requires_grad=True)
    src = gp.tensor([2.0, 3], device=device, requires_grad=True)
    y = x * 2
    args = (0, on(device, [2, 0]), src, "prod") if name == "scatter_reduce_" else (0, on(device, [2, 0]), src)
    version = y._version[0]
    assert getattr(y, name)(*args) is y
    assert y._version[0] == version + 1
    assert y.tolist() == {"scatter_": [3, 2, 2], "scatter_add_": [5, 2, 4], "scatter_reduce_": [6, 2, 4]}[name]
    y.sum().backward()
    factors = {"scatter_": [0, 2, 0], "scatter_add_": [2, 2, 2], "scatter_reduce_": [6, 2, 4]}[name]
    assert x.grad.tolist() == factors
    assert src.grad.tolist() == ([2, 2] if name == "scatter_reduce_" else [1, 1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, i: x.scatter(0, i + 3, 1.0), IndexError, r"scatter: index 3 at position \(0, 0\) .* dimension 0"),
        (lambda x, i: x.scatter(0, i - 1, 1.0), IndexError, "index -1"),
        (lambda x, i: x.scatter(0, i, 1e300), RuntimeError, "cannot be converted to type float32 without overflow"),
        (
            lambda x, i: x.scatter(0, i, x.double()),
            RuntimeError,
            "self.dtype to be equal to src.dtype, got gpunn.float32",
        ),
        (lambda x, i: x.scatter(0, i, x[0]), RuntimeError, "same number of dimensions as src"),
        (lambda x, i: x.scatter(0, i, x[:, :1]), RuntimeError, r"no larger than src of shape \(3, 1\)"),
        (
            lambda x, i: x.scatter(1, i.expand(4, 4), 1.0),
            RuntimeError,
            "no larger than input .* apart from dimension 1",
        ),
        (lambda x, i: x.scatter(0, i, x, reduce="amax"), RuntimeError, "must be either add or multiply, got 'amax'"),
        (lambda x, i: x.scatter(0, i.float(), x), RuntimeError, "Expected dtype int32/int64 for index"),
        (lambda x, i: x.scatter_add(0, i, 1.0), TypeError, "src must be a Tensor, got float"),
        (lambda x, i: x.scatter_reduce(0, i, x, "foo"), RuntimeError, "sum, prod, mean, amax, amin, got foo"),
        (lambda x, i: x.scatter_(2, i, 1.0), IndexError, "Dimension out of range"),
    ],
)
def test_errors_change_nothing(call, error, words):
    x = gp.ones(3, 4)
    with pytest.raises(error, match=words):
        call(x, gp.zeros(1, 4, dtype=gp.int64))
    assert (x.array == 1).all()


def test_an_empty_index_may_have_any_rank(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    nothing = gp.zeros(0, 2, dtype=gp.int64, device=device)
    for written in (
        gp.scatter(x, 0, nothing, 5.0),
        gp.scatter(x, 0, nothing, x),
        gp.scatter_add(x, 0, nothing, x),
        gp.scatter_reduce(x, 0, nothing, x, "prod", include_self=False),
    ):
        assert written.tolist() == [1.0, 2.0] and written is not x
        assert gp.autograd.grad(written.sum(), x)[0].tolist() == [1.0, 1.0]
