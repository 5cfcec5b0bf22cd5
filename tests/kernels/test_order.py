"""kernels/indexing/order.cu: rows of every type in order, to the bit, in check mode and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture, emulator
from gpunn.kernels import order
from tests.emulator.launching import needs_compiler
from tests.kernels.orders import MANY, check_kernels

DTYPES = (gp.float16, gp.bfloat16, gp.float32, gp.float64, gp.bool, gp.uint8, gp.int8, gp.int16, gp.int32, gp.int64)


def numbers(shape, dtype):
    """Few different numbers, so that the order of equal ones shows; infinities, NaN and both zeros where there are."""
    values = np.random.default_rng(0).integers(-3, 4, shape).astype(np.float64)
    if dtype.is_floating_point:
        flat = values.reshape(-1)
        for start, special in enumerate((np.nan, np.inf, -np.inf, -0.0, 1e-3)):
            flat[start::11] = special
    return gp.tensor(np.abs(values) if dtype in (gp.uint8, gp.bool) else values).to(dtype)


def ordered(shape, axis, dtype=gp.float32, descending=False):
    """The indices, which are those of NumPy."""
    x = numbers(shape, dtype)
    found = order.along_axis(x.to("cuda").array, axis, descending)
    host = x.to(gp.float32).numpy() if dtype is gp.bfloat16 else x.numpy()
    wanted = np.argsort(np.flip(host, axis) if descending else host, axis, kind="stable")
    wanted = host.shape[axis] - 1 - np.flip(wanted, axis) if descending else wanted
    np.testing.assert_array_equal(found.get(), wanted)
    return found


RUNS = {
    **{f"rows of {d}": lambda d=d: ordered((3, 21), 1, d) for d in DTYPES},
    **{f"columns of {d}, largest first": lambda d=d: ordered((300, 2), 0, d, True) for d in DTYPES},
    "runs that are merged": lambda: ordered((2, 1100), 1),
    "runs that are merged, largest first": lambda: ordered((2, 1100), 1, descending=True),
    "tiles that are full": lambda: ordered((2, 512, 1), 1),
    "one number": lambda: ordered((3, 1), 1),
    "none": lambda: ordered((3, 0), 1),
    "no rows": lambda: ordered((0, 3), 1),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name", ["rows of gpunn.bfloat16", "columns of gpunn.float64, largest first", "runs that are merged"]
)
def test_many_orders(name):
    check_kernels(RUNS[name], MANY)


@needs_compiler
@pytest.mark.parametrize("n", [*range(254, 260), 511, 513, 767, 769, 1025, 5000])
def test_lengths_around_tiles_and_runs(n):
    with emulator.enable():
        ordered((n,), 0, gp.float16)
        (values,), (places,) = order.rows(numbers((1, n), gp.int8).to("cuda").array)
    np.testing.assert_array_equal(values.get(), np.sort(numbers((n,), gp.int8).numpy()))
    np.testing.assert_array_equal(values.get(), numbers((n,), gp.int8).numpy()[places.get()])


@needs_compiler
def test_who_sorts(launches):
    with emulator.enable():
        x = gp.tensor([2.0, 1.0], device="cuda")
        assert not order.is_captured(x.array)
        assert order.stable(x.array).get().tolist() == [1, 0] and launches == []
        with capture.noting(capture.Capture(is_recording=False)):
            assert order.is_captured(x.array) and not order.is_captured(np.ones(2))
            assert order.stable(x.array).get().tolist() == [1, 0] and launches == ["sort_tiles"]
            assert order.stable(np.array([2.0, 1.0])).tolist() == [1, 0] and launches == ["sort_tiles"]
