import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.creation.nested import array_of, is_nested


def test_is_nested():
    assert is_nested([]) and is_nested((1,)) and is_nested(range(2))
    assert not is_nested("ab") and not is_nested(b"ab") and not is_nested(3) and not is_nested(np.zeros(2))


@pytest.mark.parametrize(
    ("data", "dtype", "wanted"),
    [
        (3, "int64", 3),
        ([], "float32", []),
        ([[], []], "float32", [[], []]),
        ([1, 2], "int64", [1, 2]),
        ([True, 2], "int64", [1, 2]),
        ([[True], [False]], "bool", [[True], [False]]),
        ((1, 2.5, True), "float32", [1, 2.5, 1]),
        ([range(2), (3, 4)], "int64", [[0, 1], [3, 4]]),
        ([np.float64(1), 2], "float64", [1, 2]),
        ([np.int8(1), True], "int8", [1, 1]),
        ([gp.tensor(1.5), 2], "float32", [1.5, 2]),
        ([gp.tensor([1, 2]), [3, 4]], "int64", [[1, 2], [3, 4]]),
        ([np.ones(2, np.float16), gp.ones(2, dtype=gp.int64)], "float16", [[1, 1], [1, 1]]),
        ([gp.ones(1, requires_grad=True)], "float32", [[1]]),
        ([[gp.tensor(1.0)], [np.zeros(())]], "float64", [[1], [0]]),
    ],
)
def test_values(data, dtype, wanted):
    found = array_of("f", data, None)
    assert found.dtype == dtype and found.tolist() == wanted
    assert found.shape == np.array(wanted).shape


def test_tensors_of_another_device(device):
    assert array_of("f", [gp.ones(2, device=device), [2, 3]], gp.float64).tolist() == [[1, 1], [2, 3]]


numbers = st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6, width=32))
rectangles = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda s: st.lists(st.lists(numbers, min_size=s[1], max_size=s[1]), min_size=s[0], max_size=s[0])
)


@given(rectangles)
def test_agrees_with_numpy(data):
    np.testing.assert_array_equal(array_of("f", data, gp.float64), np.array(data, dtype=float))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([[1, 2], [3]], r"expected sequence of length 2 at dim 1 \(got 1\), at data\[1\]"),
        ([[], [1]], r"length 0 at dim 1 \(got 1\), at data\[1\]"),
        ([[[1], [2]], [[3], [4, 5]]], r"length 1 at dim 2 \(got 2\), at data\[1\]\[1\]"),
        ([np.zeros(2), np.zeros(3)], r"length 2 at dim 1 \(got 3\), at data\[1\]"),
    ],
)
def test_uneven_lengths(data, words):
    with pytest.raises(ShapeError, match=words):
        array_of("f", data, None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([1, [2]], r"data\[1\] is 2 levels deep, others are 1"),
        ([[1], 2], r"data\[1\] is 1 levels deep, others are 2"),
        ([[], 2], r"data\[1\] is 1 levels deep"),
        ([gp.zeros(2), 2], r"data\[1\] is 1 levels deep"),
        (["a"], r"got str at data\[0\]: 'a'"),
        ([[1, None]], r"got NoneType at data\[0\]\[1\]"),
        ([1j], "got complex"),
    ],
)
def test_what_is_no_number(data, words):
    with pytest.raises(ArgumentTypeError, match=words):
        array_of("f", data, None)


@pytest.mark.parametrize("data", [[None], ["a"], [object()]])
def test_what_is_no_number_is_a_runtime_error_too(data):
    with pytest.raises(RuntimeError, match="expected numbers"):
        gp.tensor(data)


@pytest.mark.parametrize(
    ("data", "to", "wanted"),
    [
        ([1.7, -1.7], gp.int32, [1, -1]),
        ([-1, 255], gp.uint8, [255, 255]),
        ([-1.0], gp.uint8, [255]),
        ([True], gp.int8, [1]),
        ([0, 3, 0.5], gp.bool, [False, True, True]),
        ([1e39], gp.float32, [float("inf")]),
    ],
)
def test_conversion(data, to, wanted):
    assert array_of("f", data, to).tolist() == wanted


@pytest.mark.parametrize(
    ("data", "to"),
    [
        ([300], gp.uint8),
        ([-256], gp.uint8),
        ([-129], gp.int8),
        ([float("nan")], gp.int64),
        ([float("inf")], gp.int16),
        ([1e20], gp.int64),
        ([2**63], gp.int64),
        ([2**63], None),
    ],
)
def test_overflow(data, to):
    with pytest.raises(RuntimeError, match=r"overflow|Overflow"):
        array_of("f", data, to)
