import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.indexing import rows_cuda, rows_numpy
from tests.ops.indexing import rows

CASES = [*rows.CASES, (3, 700, 3), (1, 127, 2), (1, 128, 2), (2, 257, 1)]  # segments that are cut into chunks


@pytest.fixture(autouse=True)
def emulated():
    with emulator.enable():
        yield


def on_gpu(*arrays):
    return [backend.to_device(np.asarray(a), backend.device("cuda")) for a in arrays]


def put(how, target, key, lines):
    rows_cuda.put(how, target, (0,), (key,), lines)


@pytest.mark.parametrize("case", CASES)
def test_assign_keeps_the_last(case):
    target, key, lines = rows.data(*case, np.float32)
    gpu = on_gpu(target, key, lines)
    put("assign", *gpu)
    np.testing.assert_array_equal(gpu[0].get(), rows.assigned(target, key, lines))


def test_assign_of_one_number():
    target, key = on_gpu(np.zeros((3, 2)), np.array([2, 2, 0]))
    put("assign", target, key, -7.5)
    assert target.get().tolist() == [[-7.5, -7.5], [0, 0], [-7.5, -7.5]]


@pytest.mark.parametrize("how", rows.UFUNCS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, gp.bfloat16.numpy, np.int64, np.uint8])
@pytest.mark.parametrize("case", [c for c in CASES if c[1]])
def test_the_same_as_on_the_cpu(case, dtype, how):
    target, key, lines = rows.data(*case, dtype)
    if how == "prod":
        lines = np.sign(lines)
    gpu = on_gpu(target, key, lines)
    put(how, *gpu)
    rows_numpy.combine(how, target, key, lines)
    np.testing.assert_array_equal(gpu[0].get(), target)


def test_half_types_are_added_exactly():
    target, key, lines = on_gpu(np.zeros((1, 1), np.float16), np.zeros(3000, int), np.ones((3000, 1), np.float16))
    put("sum", target, key, lines)
    assert target.get().tolist() == [[3000]]  # one by one float16 stops at 2048


@pytest.mark.parametrize("how", ["amax", "amin", "sum", "prod"])
def test_nan_and_infinities_in_long_segments(how):
    for value in (np.nan, np.inf, -np.inf):
        lines = np.ones((300, 1), np.float32)
        lines[211] = value
        target, key, on = on_gpu(np.ones((2, 1), np.float32), np.ones(300, int), lines)
        put(how, target, key, on)
        wanted = rows.combined(how, np.ones((2, 1), np.float32), np.ones(300, int), lines)
        np.testing.assert_array_equal(target.get(), wanted)


@pytest.mark.parametrize("values", [(3, 2, 4), (3, 1, 1), (1, 2, 1), (4,), (2, 1), ()])
@pytest.mark.parametrize("how", ["assign", "sum"])
def test_values_broadcast(values, how):
    x, given = np.zeros((3, 5, 4)), np.arange(1.0, 1 + np.prod(values, dtype=int)).reshape(values)
    out, index, on = on_gpu(x, [4, 0], given)
    rows_cuda.put(how, out, (1,), (index,), on)
    x[:, [4, 0]] = given
    np.testing.assert_array_equal(out.get(), x)


@pytest.mark.parametrize("axes", [(0, 2), (1, 3), (0, 1, 3), (0, 2, 3)])
def test_axes_that_are_apart(axes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2, 4, 5))
    indices = [rng.integers(-x.shape[a], x.shape[a], (6,)) for a in axes]
    full = [slice(None)] * 4
    for axis, index in zip(axes, indices, strict=True):
        full[axis] = index
    gpu, *given = on_gpu(x, *indices)
    np.testing.assert_array_equal(rows_cuda.take(gpu, axes, given, None).get(), x[tuple(full)])
    values = rng.normal(size=x[tuple(full)].shape)
    rows_cuda.put("sum", gpu, axes, given, on_gpu(values)[0])
    np.add.at(x, tuple(full), values)
    np.testing.assert_allclose(gpu.get(), x, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("inner", [1, 3, 16])
@pytest.mark.parametrize("offset", [0, 1])
def test_rows_of_any_width_and_alignment(dtype, inner, offset):
    x = np.arange(offset + 2 * 5 * inner).astype(dtype)
    gpu, index = on_gpu(x, np.array([4, -5, 2], np.int32))
    seen = gpu[offset:].reshape(2, 5, inner)
    found = rows_cuda.take(seen, (1,), (index,), None)
    np.testing.assert_array_equal(found.get(), x[offset:].reshape(2, 5, inner)[:, [4, 0, 2]])


def test_a_part_that_is_not_contiguous_changes_in_place():
    whole, index = on_gpu(np.zeros((3, 4)), [1, 1])
    rows_cuda.put("assign", whole[:, 2], (0,), (index,), on_gpu(np.array([5.0, 6.0]))[0])
    assert whole.get().tolist() == [[0] * 4, [0, 0, 6, 0], [0] * 4]


def test_what_is_skipped_and_the_mean():
    out, index, lines = on_gpu(np.zeros((3, 2)), [0, 1, 0, 2], np.arange(8.0).reshape(4, 2))
    keys = rows_cuda.row_keys((3,), (index,), None, skip=1)
    assert keys.get().tolist() == [0, -1, 0, 2]
    rows_cuda.put_rows("sum", out, keys, 3, ((), (4,), (2,)), lines, is_mean=True)
    assert out.get().tolist() == [[2, 3], [0, 0], [6, 7]]


F = gp.nn.functional
OPS = {
    "x[i]": lambda x, v, i, j: x[i],
    "x[i, i]": lambda x, v, i, j: x[i, i],
    "gather": lambda x, v, i, j: x.gather(0, j),
    "take_along_dim": lambda x, v, i, j: x.take_along_dim(j, 0),
    "index_select": lambda x, v, i, j: x.index_select(1, i),
    "index_add": lambda x, v, i, j: x.index_add(0, i, v),
    "index_fill": lambda x, v, i, j: x.index_fill(0, i, 2.0),
    "index_put": lambda x, v, i, j: x.index_put((i,), v),
    "x[i] = v": lambda x, v, i, j: x * 1 if x.detach().__setitem__(i, v.detach()) is None else x,
    "scatter": lambda x, v, i, j: x.scatter(0, j, v[:2]),
    "scatter_reduce": lambda x, v, i, j: x.scatter_reduce(0, j, v[:2], "mean", include_self=False),
    "amax": lambda x, v, i, j: x.scatter_reduce(0, j, v[:2], "amax"),
    "embedding": lambda x, v, i, j: F.embedding(j, x, 1),
    "embedding_bag": lambda x, v, i, j: F.embedding_bag(j, x, mode="max"),
    "masked_fill": lambda x, v, i, j: x.masked_fill(x > 0.5, 0),
    "one_hot": lambda x, v, i, j: F.one_hot(i, 3).to(x.dtype) @ x.t(),
}


@pytest.mark.parametrize("name", OPS)
def test_the_host_does_not_wait(name):
    x = gp.tensor(np.random.default_rng(0).random((4, 3)), device="cuda", requires_grad=True)
    v = gp.ones(3, 3, dtype=gp.float64, device="cuda", requires_grad=True)
    i, j = (gp.tensor(values, device="cuda") for values in ([0, 2, 0], [[0, 1, 1], [2, 2, 0]]))
    before = emulator.synchronisations.count
    OPS[name](x, v, i, j).sum().backward()
    assert emulator.synchronisations.count == before
