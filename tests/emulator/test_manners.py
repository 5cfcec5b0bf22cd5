"""Where CuPy's functions answer otherwise than NumPy's."""

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.manners import with_manners
from gpunn.emulator.namespace import cupy as xp
from tests.emulator.test_calls import host

EmulatorError = emulator.EmulatorError
BFLOAT16 = ml_dtypes.bfloat16


def test_no_call_ever_warns():
    x = xp.asarray(np.array([[0, -1, np.nan, np.inf]], np.float32))
    with np.errstate(all="raise"):
        xp.log(x), xp.sqrt(x), x / x, xp.linalg.norm(x * 1e30), xp.nanmean(x[:, 2:3], axis=1)
        assert np.isnan(xp.mean(xp.zeros(0)).get())
        assert np.isnan(xp.zeros((0, 3)).var(0).get()).all()
        assert np.isnan(xp.var(xp.ones(1), ddof=1).get())
        assert np.isnan(xp.median(xp.zeros(0)).get())
        assert xp.exp(xp.asarray(1000.0)) == np.inf


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: xp.take(x, [5], axis=0), "take"),
        (lambda x: xp.take(x, -20), "take"),
        (lambda x: x.take(xp.asarray([4]), 1), "take"),
        (lambda x: xp.take_along_axis(x, xp.asarray([[3], [0], [9]]), 1), "take_along_axis"),
        (lambda x: xp.delete(x, [7], axis=0), "delete"),
        (lambda x: xp.put(x, [12], 0), "put"),
    ],
)
def test_indices_out_of_bounds(call, name):
    x = xp.asarray(host())
    with pytest.raises(EmulatorError, match=rf"cupy\.{name}: CuPy would wrap the index silently"):
        call(x)
    np.testing.assert_array_equal(x.get(), host())


def test_axes_out_of_bounds_are_axis_errors():
    with pytest.raises(np.exceptions.AxisError):
        xp.take(xp.ones(3), [0], axis=1)


def test_column_major_matrices():
    x = xp.asarray(host((4, 4)))
    assert xp.linalg.solve(x, x).flags.f_contiguous
    assert xp.linalg.qr(x)[0].flags.f_contiguous
    values, vectors = xp.linalg.eigh(x @ x.T)
    assert vectors.flags.f_contiguous
    assert values.shape == (4,)


def test_singular_matrices_give_nan():
    regular, singular = np.eye(2) * 2, np.ones((2, 2))
    x = xp.asarray(singular)
    for result in (xp.linalg.inv(x), xp.linalg.solve(x, xp.ones((2, 2))), xp.linalg.cholesky(-x)):
        assert np.isnan(result.get()).all()
    stack = xp.linalg.inv(xp.asarray([regular, singular]))
    assert stack[0].tolist() == [[0.5, 0], [0, 0.5]]
    assert np.isnan(stack[1].get()).all()
    solved = xp.linalg.solve(xp.asarray(singular), xp.ones(2))
    assert solved.shape == (2,)
    assert np.isnan(solved.get()).all()
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        xp.linalg.inv(xp.ones((2, 3)))


def test_bfloat16_that_stays():
    x = xp.ones((3, 600), BFLOAT16)
    contracted = xp.tensordot(x, x, axes=([1], [1]))
    for result in (x @ x.T, xp.dot(x, x.T), xp.einsum("ij,kj->ik", x, x), contracted):
        assert result.dtype == BFLOAT16
        assert result.tolist() == [[600] * 3] * 3  # 256 if summed in bfloat16
    out = xp.zeros((3, 3), BFLOAT16)
    assert xp.matmul(x, x.T, out=out) is out
    assert out.tolist() == [[600] * 3] * 3
    assert (x @ xp.ones((600, 2), np.float32)).dtype == np.float32


def test_batches_of_bfloat16_matrices_have_no_product():
    x = xp.ones((2, 3, 3), BFLOAT16)
    for product in (lambda: x @ x, lambda: xp.matmul(x, x[0]), lambda: x[0] @ x):
        with pytest.raises(TypeError, match="data type 'E' not understood"):
            product()
    assert (x @ xp.ones((3, 1), np.float32)).tolist() == [[[3]] * 3] * 2
    assert (x[:0] @ x[0]).shape == (0, 3, 3)


def test_bfloat16_that_becomes_float32():
    x = xp.asarray([-1.5, 2.5], BFLOAT16)
    for result in (xp.where(x > 0, x, x), xp.clip(x, 0, 1), xp.round(x)):
        assert result.dtype == np.float32
    assert xp.where(x > 0, x, x).tolist() == [-1.5, 2.5]


def test_a_function_without_manners_stays_what_it_is():
    assert with_manners("flip", np.flip) is np.flip and with_manners("sum", np.sum) is not np.sum
