"""Calls of NumPy's functions with CuPy's manners: what is refused, what is wrapped, what differs."""

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.calls import (
    call_ufunc,
    check_arrays,
    check_dtype,
    check_signature,
    function,
    operand,
    wrap_results,
)
from gpunn.emulator.namespace import cupy as xp

EmulatorError = emulator.EmulatorError
BFLOAT16 = ml_dtypes.bfloat16


def host(shape=(3, 4), dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


CALLS = {
    "add_along": (lambda m, a: m.concatenate([a, a], axis=1)),
    "stack": (lambda m, a: m.stack([a, a])),
    "where": (lambda m, a: m.where(a > 0, a, 0)),
    "einsum": (lambda m, a: m.einsum("ij,kj->ik", a, a)),
    "tensordot": (lambda m, a: m.tensordot(a, a, axes=([1], [1]))),
    "pad": (lambda m, a: m.pad(a, ((1, 0), (0, 2)))),
    "roll": (lambda m, a: m.roll(a, 1, axis=1)),
    "cumsum": (lambda m, a: m.cumsum(a, axis=0)),
    "tril": (lambda m, a: m.tril(a)),
    "diff": (lambda m, a: m.diff(a)),
    "take_along_axis": (lambda m, a: m.take_along_axis(a, m.argmax(a, axis=1)[:, None], 1)),
    "isclose": (lambda m, a: m.isclose(a, a + 1e-9)),
    "nan_to_num": (lambda m, a: m.nan_to_num(a / 0)),
    "norm": (lambda m, a: m.linalg.norm(a, axis=1)),
    "det": (lambda m, a: m.linalg.det(a @ a.T)),
    "rfft": (lambda m, a: m.fft.rfft(a)),
    "searchsorted": (lambda m, a: m.searchsorted(m.sort(a[0]), a[1])),
    "logaddexp": (lambda m, a: m.logaddexp(a, 1)),
    "percentile": (lambda m, a: m.percentile(a, 30)),
    "bincount": (lambda m, a: m.bincount((a > 0).astype(int).ravel())),
    "kron": (lambda m, a: m.kron(a, a)),
    "interp": (lambda m, a: m.interp(a, m.arange(3.0), m.arange(3.0) * 2)),
    "gradient": (lambda m, a: m.gradient(a, axis=0)),
    "permute_dims": (lambda m, a: m.permute_dims(a, (1, 0))),
    "moveaxis": (lambda m, a: m.moveaxis(a, 0, 1)),
    "expand_dims": (lambda m, a: m.expand_dims(a, (0, 2))),
    "flip": (lambda m, a: m.flip(a, 1)),
    "cumulative_sum": (lambda m, a: m.cumulative_sum(a, axis=1, include_initial=True)),
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # of NumPy, on the host array
@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys(name):
    a = host()
    result, expected = CALLS[name](xp, xp.asarray(a)), CALLS[name](np, a)
    assert type(result) is xp.ndarray
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.get(), expected)


@pytest.mark.parametrize(
    "make_view",
    [
        *(lambda m, a: m.transpose(a), lambda m, a: m.swapaxes(a, 0, 1), lambda m, a: m.ravel(a)),
        *(
            lambda m, a: m.broadcast_to(a, (2, 3, 4)),
            lambda m, a: m.broadcast_arrays(a, m.ones((2, 1, 1)))[0],
        ),
        *(lambda m, a: m.reshape(a, (4, 3)), lambda m, a: m.split(a, 3)[1], lambda m, a: m.squeeze(a[None])),
        *(lambda m, a: m.expand_dims(a, 0), lambda m, a: m.moveaxis(a, 0, 1), lambda m, a: m.diagonal(a)),
        *(
            lambda m, a: m.flip(a, 0),
            lambda m, a: m.atleast_3d(a),
            lambda m, a: m.rot90(a),
            lambda m, a: m.matrix_transpose(a),
        ),
    ],
)
def test_views_share_memory_as_numpys_do(make_view):
    x = xp.asarray(host())
    part = make_view(xp, x)
    assert part.base is x
    part[...] = 7
    expected = host()
    np.broadcast_to(make_view(np, expected), part.shape)
    assert (x.get() == 7).sum() >= min(part.size, 3)


def test_results_of_functions_are_zero_dimensional_arrays():
    x = xp.asarray(host())
    for result in (xp.sum(x), xp.dot(x[0], x[0]), xp.linalg.norm(x), xp.trace(x), xp.argmax(x)):
        assert type(result) is xp.ndarray
        assert result.shape == ()


def test_answers_that_numpy_gives_as_python_objects():
    x = xp.asarray(host())
    for result in (xp.allclose(x, x), xp.array_equal(x, x), xp.array_equiv(x, x), xp.count_nonzero(x)):
        assert type(result) is xp.ndarray
        assert result.shape == ()
        assert bool(result)
    assert xp.ndim(x) == 2
    assert xp.shape(x) == (3, 4)
    assert xp.size(x) == 12
    assert xp.result_type(x, np.float64) == np.float64
    assert xp.isscalar(3)
    assert xp.shares_memory(x, x[1:]) is True


def test_results_of_several_arrays():
    x = xp.asarray(host((3, 3)))
    sign, logarithm = xp.linalg.slogdet(x)
    assert type(sign) is type(logarithm) is xp.ndarray
    decomposition = xp.linalg.qr(x)
    assert type(decomposition) is tuple  # NumPy's has the names Q and R
    parts = xp.split(x, 3)
    assert type(parts) is list
    assert parts[0].base is x
    values = xp.unique_counts(xp.asarray([1, 1, 2]))
    assert values.counts.tolist() == [2, 1]


@pytest.mark.parametrize(
    "call",
    [
        *(lambda x, a: xp.sum(a), lambda x, a: xp.where(x > 0, x, a), lambda x, a: xp.concatenate([x, a])),
        *(lambda x, a: xp.dot(x, a), lambda x, a: xp.copyto(x, a), lambda x, a: xp.take(x, a.astype(int))),
        *(lambda x, a: xp.linalg.solve(x, a), lambda x, a: xp.sum(x, out=a), lambda x, a: xp.full_like(x, a)),
        *(lambda x, a: xp.einsum("ij,ij", x, a), lambda x, a: xp.stack([a, a]), lambda x, a: xp.matmul(x, a)),
    ],
)
def test_numpy_arrays_are_refused(call):
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        call(xp.ones((2, 2)), np.ones((2, 2)))


@pytest.mark.parametrize("name", ["sum", "max", "argsort", "linalg.norm", "cumsum", "transpose", "nonzero"])
@pytest.mark.parametrize("value", [[1.0, 2.0], 3.0, None], ids=repr)
def test_what_is_no_array_is_refused(name, value):
    target = xp
    for part in name.split("."):
        target = getattr(target, part)
    with pytest.raises(TypeError, match=r"takes cupy\.ndarray"):
        target(value)


def test_all_parts_of_a_sequence_must_be_arrays():
    x = xp.ones(2)
    for name in ("concatenate", "stack", "vstack", "hstack"):
        with pytest.raises(TypeError, match="Only cupy arrays can be concatenated"):
            getattr(xp, name)([x, [1, 2]])
        assert getattr(xp, name)((x, x)).size == 4


@pytest.mark.parametrize(
    "call",
    [
        *(lambda x: xp.sum(x, where=x > 0), lambda x: xp.max(x, initial=0), lambda x: x.sum(where=True)),
        *(
            lambda x: xp.clip(x, min=0),
            lambda x: xp.var(x, correction=1),
            lambda x: xp.unique(x, sorted=True),
        ),
        *(lambda x: xp.sort(x, stable=True), lambda x: xp.count_nonzero(x, keepdims=True)),
        *(lambda x: xp.take(x, [0], mode="clip"), lambda x: xp.isin(x, x, kind="sort")),
        *(lambda x: xp.concatenate(arrays=[x]), lambda x: xp.reshape(x, shape=(4,)), lambda x: xp.flip(m=x)),
        *(lambda x: xp.zeros(3, device="cpu"), lambda x: xp.zeros_like(x, subok=False)),
        *(lambda x: xp.linalg.cholesky(x, upper=True), lambda x: xp.linalg.svd(x, hermitian=True)),
        *(lambda x: xp.argmax(x, 0, None), lambda x: xp.sum(x, 0, None, None, False, 0)),
    ],
)
def test_arguments_that_cupy_lacks(call):
    with pytest.raises(TypeError, match=r"cupy\.[\w.]+"):
        call(xp.ones((2, 2)))


@pytest.mark.parametrize(
    "call",
    [
        *(
            lambda x: xp.where(x > 0, x, [1, 2]),
            lambda x: xp.dot(x, [1, 2]),
            lambda x: xp.matmul([[1, 2]], x),
        ),
        *(lambda x: xp.clip(x, [0, 0], 1), lambda x: xp.linalg.solve(x, [1, 2])),
    ],
)
def test_lists_are_no_operands(call):
    with pytest.raises(TypeError, match="Unsupported type <class 'list'>"):
        call(xp.ones((2, 2)))


@pytest.mark.parametrize(
    "call",
    [
        *(
            lambda x, n: xp.zeros(n),
            lambda x, n: xp.ones((n, 2)),
            lambda x, n: xp.empty(n),
            lambda x, n: xp.eye(n),
        ),
        *(lambda x, n: x.reshape(n, -1), lambda x, n: xp.reshape(x, (n, -1)), lambda x, n: x.sum(n)),
        *(lambda x, n: xp.sum(x, axis=n), lambda x, n: xp.broadcast_to(x, (n, 2, 2)), lambda x, n: x[:n]),
        *(lambda x, n: x.transpose(n, 0), lambda x, n: xp.tile(x, n), lambda x, n: list(range(n))),
    ],
)
def test_device_scalars_are_no_integers(call):
    call(xp.ones((2, 2)), 1)
    with pytest.raises(TypeError):
        call(xp.ones((2, 2)), xp.asarray(1))


def test_results_are_c_contiguous_unless_cupys_are_not():
    x = xp.asarray(host((2, 3, 4, 5)).transpose(0, 2, 3, 1))
    calls = (xp.sum(x, axis=1), xp.concatenate([x, x]), xp.where(x > 0, x, 0))
    for result in (*calls, xp.take(x, [0], axis=1), x[:, [0]]):
        assert result.flags.c_contiguous
    for result in (x.astype(np.float64), xp.copy(x), xp.zeros_like(x), xp.nan_to_num(x)):
        assert result.flags.c_contiguous is False


@pytest.mark.parametrize("name", ["where", "nonzero", "argwhere", "unique", "flatnonzero", "extract", "bincount"])
def test_functions_that_synchronise(name):
    x = xp.asarray([1, 0, 2])
    arguments = (x, x) if name == "extract" else (x,)
    before = emulator.synchronisations.count
    getattr(xp, name)(*arguments)
    assert emulator.synchronisations.count == before + 1


def test_functions_that_do_not_synchronise():
    x = xp.asarray(host())
    before = emulator.synchronisations.count
    for call in CALLS.values():
        if call is not CALLS["bincount"]:
            call(xp, x)
    xp.linalg.inv(x @ x.T), xp.sort(x), xp.allclose(x, x), xp.add.at(x, [0], 1)
    assert emulator.synchronisations.count == before


def test_operand():
    x = xp.ones(2)
    assert operand(x) is x._host
    assert operand(2) == 2
    assert operand(np.float32(2)).dtype == np.float32
    with pytest.raises(TypeError, match="Unsupported type <class 'list'>"):
        operand([1])


def test_call_ufunc():
    assert call_ufunc(np.add, xp.ones(2), 1).tolist() == [2, 2]
    assert call_ufunc(np.sqrt, 4.0).shape == ()


def test_check_dtype():
    for good in (np.float16, np.uint64, np.complex64, bool, BFLOAT16):
        check_dtype(np.dtype(good))
    for bad in (object, "U1", np.longdouble, "M8[s]"):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            check_dtype(np.dtype(bad))


def test_check_signature():
    check = check_signature("argmax")  # "a axis * out keepdims"
    check((1, 2), {"out": None})
    for args, kwargs in (((1, 2, 3), {}), ((1,), {"dtype": int})):
        with pytest.raises(TypeError, match=r"cupy\.argmax"):
            check(args, kwargs)


def test_check_arrays():
    check = check_arrays("sum")
    check((xp.ones(1),), {})
    check((), {"a": xp.ones(1)})
    with pytest.raises(TypeError, match="NoneType"):
        check((), {})


def test_function_keeps_the_name_and_finds_the_manners():
    double = function("double", lambda a: a * 2)
    assert double(xp.ones(2)).tolist() == [2, 2]
    assert xp.sum.__name__ == "sum"


def test_wrap_results():
    x = xp.ones((2, 2))
    parts = wrap_results((x._host[0], [np.float32(2)], "text", True), (x,))
    assert parts[0].base is x
    assert parts[1][0].dtype == np.float32
    assert parts[2:] == ("text", True)
