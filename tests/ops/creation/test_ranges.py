import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp


@pytest.mark.parametrize(
    ("args", "options", "dtype", "wanted"),
    [
        ((5,), {}, gp.int64, [0, 1, 2, 3, 4]),
        ((), {"end": 2}, gp.int64, [0, 1]),
        ((2, 5), {}, gp.int64, [2, 3, 4]),
        ((5, 1, -2), {}, gp.int64, [5, 3]),
        ((0,), {}, gp.int64, []),
        ((2.5,), {}, gp.float32, [0, 1, 2]),
        ((1, 2, 0.25), {}, gp.float32, [1, 1.25, 1.5, 1.75]),
        ((3,), {"dtype": gp.float16}, gp.float16, [0, 1, 2]),
        ((2048, 2051), {"dtype": gp.float16}, gp.float16, [2048, 2048, 2050]),
        ((2.5,), {"dtype": gp.int32}, gp.int32, [0, 1, 2]),
        ((1.5, 5.5, 2.5), {"dtype": gp.int64}, gp.int64, [1, 3]),
        ((-3, 300, 100), {"dtype": gp.uint8}, gp.uint8, [253, 97, 197, 41]),
        ((2**62, 2**62 + 2), {}, gp.int64, [2**62, 2**62 + 1]),
        ((True,), {}, gp.int64, [0]),
    ],
)
def test_arange(args, options, dtype, wanted, device):
    x = gp.arange(*args, **options, device=device)
    assert x.dtype is dtype and x.tolist() == wanted


def test_arange_of_tensors():
    assert gp.arange(gp.tensor(3)).tolist() == [0, 1, 2]
    assert gp.arange(3.0, requires_grad=True).requires_grad


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_arange_agrees_with_range(start, end, step):
    if (end - start) * step >= 0:
        assert gp.arange(start, end, step).tolist() == list(range(start, end, step))
    else:
        with pytest.raises(RuntimeError, match="inconsistent with step sign"):
            gp.arange(start, end, step)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gp.arange(0, 5, 0), RuntimeError, "step must be nonzero"),
        (lambda: gp.arange(0, 5, 0.5, dtype=gp.int64), ValueError, "step must be nonzero"),
        (lambda: gp.arange(math.nan), RuntimeError, "unsupported range"),
        (lambda: gp.arange(0, math.inf), RuntimeError, "unsupported range"),
        (lambda: gp.arange(3, dtype=gp.bool), NotImplementedError, "bool"),
        (lambda: gp.arange("a"), TypeError, "expected a number"),
        (lambda: gp.arange(3, requires_grad=True), RuntimeError, "floating point"),
        (lambda: gp.linspace(math.nan, 1, 3, dtype=gp.int32), RuntimeError, "no integer value"),
        (lambda: gp.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
        (lambda: gp.linspace(0, 1, 2.5), TypeError, "steps must be ints"),
        (lambda: gp.linspace(gp.zeros(1), 1, 3), RuntimeError, "0-dimensional"),
        (lambda: gp.logspace(0, 1, 3, dtype=gp.bool), NotImplementedError, "bool"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    ("args", "dtype", "wanted"),
    [
        ((0, 1, 5), None, [0, 0.25, 0.5, 0.75, 1]),
        ((gp.tensor(1.0), gp.tensor(0), 3), None, [1, 0.5, 0]),
        ((3, 9, 1), None, [3]),
        ((3, 9, 0), None, []),
        ((0, 10, 4), gp.int32, [0, 3, 6, 10]),
        ((-5, 5, 4), gp.int64, [-5, -1, 1, 5]),
        ((4.7, 0.9, 5), gp.int64, [4, 3, 2, 1, 0]),
        ((0, 1, 3), gp.bfloat16, [0, 0.5, 1]),
    ],
)
def test_linspace(args, dtype, wanted, device):
    x = gp.linspace(*args, dtype=dtype, device=device)
    assert x.dtype is (dtype or gp.float32) and x.tolist() == wanted


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 40))
def test_linspace_meets_both_ends(start, end, steps):
    x = gp.linspace(start, end, steps, dtype=gp.float64)
    assert x[0].item() == start and x[-1].item() == end
    np.testing.assert_allclose(x.array, np.linspace(start, end, steps), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("args", "dtype", "wanted"),
    [
        ((0, 2, 3), None, [1, 10, 100]),
        ((0, 3, 4, 2), None, [1, 2, 4, 8]),
        ((0, 3, 4, -2), None, [1, -2, 4, -8]),
        ((0, 2, 4), gp.int64, [1, 4, 21, 100]),
        ((1, 1.9, 2, 5.0), gp.int32, [5, 5]),
        ((5, 9, 1), None, [1e5]),
    ],
)
def test_logspace(args, dtype, wanted, device):
    x = gp.logspace(*args, dtype=dtype, device=device)
    assert x.dtype is (dtype or gp.float32) and x.tolist() == wanted


def test_a_range_has_no_step_of_nan():
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        gp.arange(0, 1, float("nan"))


def test_range_has_its_end(device):
    with pytest.warns(UserWarning, match=r"gpunn\.arange"):
        x = gp.range(1, 4, 0.5, device=device)
    assert x.tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 4] and x.dtype is gp.float32
    with pytest.warns(UserWarning):
        assert gp.range(0, 5, 2, dtype=gp.int64).tolist() == [0, 2, 4]
        assert gp.range(5, 0, -1).tolist() == [5, 4, 3, 2, 1, 0]
        for arguments, error in (((5, 0), "inconsistent"), ((5, 0, 0), "nonzero"), ((0, float("inf")), "unsupported")):
            with pytest.raises(ValueError, match=f"range: .*{error}"):
                gp.range(*arguments)
        with pytest.raises(TypeError, match="missing"):
            gp.range(4)
