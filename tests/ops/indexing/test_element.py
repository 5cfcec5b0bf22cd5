import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.indexing.element import element, filling


@pytest.mark.parametrize(
    ("value", "dtype", "held"),
    [
        (2.7, np.int64, 2),
        (-2.7, np.int8, -2),
        (True, np.int32, 1),
        (-1, np.uint8, 255),
        (255, np.uint8, 255),
        (0.5, np.bool_, True),
        (0.1, np.float32, float(np.float32(0.1))),
        (np.float64(3), np.float16, 3.0),
        (np.int64(3), np.int16, 3),
        (math.inf, np.float32, math.inf),
    ],
)
def test_number_as_an_element(value, dtype, held):
    found = element("op", value, np.zeros(1, dtype))
    assert found == held
    assert type(found) is type(held)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        (300, np.uint8, "op: value 300 cannot be converted to type uint8 without overflow"),
        (-0.5, np.uint8, "type uint8"),
        (-300, np.uint8, "type uint8"),
        (200.5, np.int8, "type int8"),
        (math.nan, np.int32, "type int32"),
        (math.inf, np.int64, "type int64"),
        (1e300, np.float32, "type float32"),
        (1e5, np.float16, "type float16"),
    ],
)
def test_too_large(value, dtype, words):
    with pytest.raises(RuntimeError, match=words):
        element("op", value, np.zeros(1, dtype))


def test_saturate():
    assert element("op", 1e5, np.zeros(1, np.float16), saturate=True) == math.inf
    assert element("op", -1e39, np.zeros(1, gp.bfloat16.numpy), saturate=True) == -math.inf


def test_what_is_no_number():
    with pytest.raises(TypeError, match="op: expected a number or a Tensor, got str"):
        element("op", "1", np.zeros(1))


def test_filling_takes_numbers_and_0d_tensors(device):
    x = gp.tensor([1, 2], device=device)
    assert filling("op", x, 2.5) == 2
    value = filling("op", x, gp.tensor(2.5))
    assert value.device == x.device
    assert (value.dtype, value.item()) == (gp.int64, 2)
    with pytest.raises(RuntimeError, match="op only supports a 0-dimensional value tensor"):
        filling("op", x, gp.tensor([1]))
