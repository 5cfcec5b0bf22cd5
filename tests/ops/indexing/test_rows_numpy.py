import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.indexing import rows_numpy
from tests.ops.indexing import rows


@pytest.mark.parametrize("case", rows.CASES)
def test_assign_keeps_the_last(case):
    target, key, lines = rows.data(*case, np.float32)
    wanted = rows.assigned(target, key, lines)
    rows_numpy.assign(target, key, lines)
    np.testing.assert_array_equal(target, wanted)


@pytest.mark.parametrize("how", rows.UFUNCS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, gp.bfloat16.numpy, np.int64, np.uint8])
@pytest.mark.parametrize("case", rows.CASES)
def test_combine(case, dtype, how):
    target, key, lines = rows.data(*case, np.float64)
    if how == "prod":
        lines = np.sign(lines) * 2.0 ** (np.abs(lines) > 3)  # products stay small
    if np.dtype(dtype).kind == "u":
        target, lines = np.abs(target), np.minimum(np.abs(lines), 1)
    target, lines = target.astype(dtype), lines.astype(dtype)
    wanted = rows.combined(how, target, key, lines)
    if np.dtype(dtype).kind in "iu":
        wanted = wanted.astype(np.int64)
    rows_numpy.combine(how, target, key, lines)
    np.testing.assert_array_equal(target, wanted.astype(dtype))


def test_float_sums_lose_no_digits():
    m = 100_000
    lines = np.full((m, 2), 0.1, np.float32)
    target = np.zeros((3, 2), np.float32)
    rows_numpy.combine("sum", target, np.ones(m, np.int64), lines)
    np.testing.assert_allclose(target[1], m * np.float64(np.float32(0.1)), rtol=1e-7)
    assert not target[[0, 2]].any()


def test_pieces_are_put_together(monkeypatch):
    monkeypatch.setattr(rows_numpy, "CHUNK", 8)
    target, key, lines = rows.data(4, 50, 3, np.float64)
    wanted = rows.combined("sum", target, key, lines)
    rows_numpy.combine("sum", target, key, lines)
    np.testing.assert_allclose(target, wanted)
