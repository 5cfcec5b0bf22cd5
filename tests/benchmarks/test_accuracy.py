"""The error of a result against float64."""

import math

import numpy as np
import pytest

import gpunn as gp
from benchmarks.accuracy import error, tensors


def test_tensors_are_found_in_nests():
    a, b = gp.ones(2, requires_grad=True), gp.zeros(3)
    found = tensors([a, None, {"x": (b, 2.0)}, "word"])
    assert [tuple(x.shape) for x in found] == [(2,), (3,)]
    assert not found[0].requires_grad


@pytest.mark.parametrize(
    ("answer", "exact", "expected"),
    [
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([0.0, 0.5], [0.0, 0.0], 0.5),  # nothing to compare with: absolute
        ([], [], 0.0),
        ([math.inf, 1.0], [math.inf, 2.0], 0.5),
        ([math.nan], [math.nan], 0.0),
    ],
)
def test_the_error_is_that_of_the_worst_element_in_parts_of_the_largest(answer, exact, expected):
    assert error([gp.tensor(answer)], [gp.tensor(exact, dtype=gp.float64)]) == expected


def test_the_worst_tensor_counts():
    assert error([gp.ones(2), gp.ones(2)], [gp.ones(2), gp.ones(2) * 2]) == 0.5


@pytest.mark.parametrize("answer", [[math.inf, 1.0], [math.nan, 1.0], [1.0]])
def test_what_cannot_be_compared_is_nan(answer):
    assert math.isnan(error([gp.tensor(answer)], [gp.tensor([1.0, 1.0])]))


def test_half_types_are_compared_as_they_are():
    exact = gp.tensor([1.0 + 2**-9], dtype=gp.float64)
    assert error([exact.to(gp.bfloat16)], [exact]) == pytest.approx(2**-9, rel=1e-2)
    np.testing.assert_equal(error([gp.tensor([True])], [gp.tensor([1.0])]), 0.0)
