import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.indexing import rows_cuda, rows_numpy
from tests.ops.indexing import rows


@pytest.fixture(autouse=True)
def emulated():
    with emulator.enable():
        yield


def on_gpu(*arrays):
    return [backend.to_device(a, backend.device("cuda")) for a in arrays]


@pytest.mark.parametrize("case", rows.CASES)
def test_assign_keeps_the_last(case):
    target, key, lines = rows.data(*case, np.float32)
    gpu = on_gpu(target, key, lines)
    rows_cuda.assign(*gpu)
    np.testing.assert_array_equal(gpu[0].get(), rows.assigned(target, key, lines))


def test_assign_writes_each_place_once(monkeypatch):
    target, key, lines = on_gpu(*rows.data(3, 20, 2, np.float32))
    written = []
    original = type(target).__setitem__

    def setitem(self, index, value):
        if self is target:
            written.extend(backend.asnumpy(index).tolist())
        original(self, index, value)

    monkeypatch.setattr(type(target), "__setitem__", setitem)
    rows_cuda.assign(target, key, lines)
    assert sorted(set(written)) == sorted(written)


def test_assign_of_one_number():
    target, key = on_gpu(np.zeros((3, 2)), np.array([2, 2, 0]))
    rows_cuda.assign(target, key, backend.cuda_module().asarray(7.0))
    assert target.get().tolist() == [[7, 7], [0, 0], [7, 7]]


@pytest.mark.parametrize("how", rows.UFUNCS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, gp.bfloat16.numpy, np.int64])
@pytest.mark.parametrize("case", [c for c in rows.CASES if c[1]])
def test_the_same_as_on_the_cpu(case, dtype, how):
    target, key, lines = rows.data(*case, dtype)
    if how == "prod":
        lines = np.sign(lines)
    gpu = on_gpu(target, key, lines)
    rows_cuda.combine(how, *gpu)
    rows_numpy.combine(how, target, key, lines)
    np.testing.assert_array_equal(gpu[0].get(), target)


def test_half_types_are_added_in_float32():
    target, key, lines = on_gpu(np.zeros((1, 1), np.float16), np.zeros(3000, int), np.ones((3000, 1), np.float16))
    rows_cuda.combine("sum", target, key, lines)
    assert target.get().tolist() == [[3000]]  # one by one float16 stops at 2048
