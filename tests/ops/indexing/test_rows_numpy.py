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


def test_rows_of_several_elements():
    out = np.zeros((2, 3, 2))
    rows_numpy.write("assign", out, np.array([[4], [1]]), 2, np.array([[[1.0, 2]], [[3, 4]]]))
    assert out.reshape(6, 2).tolist() == [[0, 0], [3, 4], [0, 0], [0, 0], [1, 2], [0, 0]]


def test_one_number_for_all():
    out = np.ones(4)
    rows_numpy.write("sum", out, np.array([1, 1, 3]), 1, np.array(2.0))
    assert out.tolist() == [1, 5, 1, 3]
    rows_numpy.write("assign", out, np.array([0]), 1, np.array(7.0))
    assert out.tolist() == [7, 5, 1, 3]


def test_nothing_to_write():
    for shape, key in (((3, 0), np.array([1])), ((0, 3), np.zeros(0, int)), ((3,), np.zeros(0, int))):
        out = np.ones(shape)
        rows_numpy.write("sum", out, key, int(np.prod(shape[1:])), np.ones((len(key), *shape[1:])))
        assert out.shape == shape
        assert (out == 1).all()


@pytest.mark.parametrize("n", [5, 70_000])  # keys of one and of two times 16 bits
def test_long_rows_of_a_key_are_added_in_turns_and_then_at_once(n, monkeypatch):
    monkeypatch.setattr(rows_numpy, "CHUNK", 100)
    rng = np.random.default_rng(n)
    key = rng.choice([0, 1, n - 1], 70, p=[0.6, 0.3, 0.1])
    key[:2] = n - 2, n - 3
    lines = rng.integers(-9, 9, (70, rows_numpy.LONG)).astype(np.float32)
    target = np.ones((n, rows_numpy.LONG), np.float32)
    wanted = rows.combined("sum", target, key, lines)
    rows_numpy.combine("sum", target, key, lines)
    np.testing.assert_array_equal(target, wanted)


def test_a_hundred_thousand_long_rows_lose_no_digits():
    m = 100_000
    lines = np.broadcast_to(np.float32(0.1), (m, rows_numpy.LONG))
    target = np.zeros((3, rows_numpy.LONG), np.float32)
    rows_numpy.combine("sum", target, np.ones(m, np.int64), lines)
    np.testing.assert_allclose(target[1], m * np.float64(np.float32(0.1)), rtol=1e-7)
    assert not target[[0, 2]].any()


def test_long_rows_of_half_types_are_rounded_once():
    lines = np.full((200, rows_numpy.LONG), 0.01, np.float16)
    for n in (3, 1000):
        target = np.ones((n, rows_numpy.LONG), np.float16)
        rows_numpy.combine("sum", target, np.full(200, 2), lines)
        assert (target[2] == np.float16(1 + 200 * np.float64(lines[0, 0]))).all() and (target[0] == 1).all()


def test_keys_are_sorted_and_equal_ones_keep_their_order():
    key = np.random.default_rng(0).integers(0, 2**34, 500)
    key[::3] = key[0]
    assert np.array_equal(rows_numpy._order(key), np.argsort(key, kind="stable"))
