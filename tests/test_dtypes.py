import copy
import itertools

import ml_dtypes
import numpy as np
import pytest

import gpunn as gp
from gpunn import dtypes

# PyTorch's table of promotion for operands of equal rank; "u1" is uint8, "b1" bool, "bf" bfloat16.
TABLE = {
    ("uint8", "int8"): "int16",
    ("uint8", "int64"): "int64",
    ("int8", "int16"): "int16",
    ("int32", "int64"): "int64",
    ("bool", "uint8"): "uint8",
    ("bool", "float16"): "float16",
    ("int64", "float16"): "float16",
    ("int64", "bfloat16"): "bfloat16",
    ("float16", "bfloat16"): "float32",
    ("float16", "float32"): "float32",
    ("bfloat16", "float64"): "float64",
    ("float32", "float64"): "float64",
}


@pytest.mark.parametrize(("pair", "result"), TABLE.items())
def test_promotion_of_equal_ranks(pair, result):
    a, b = (getattr(gp, name) for name in pair)
    assert gp.promote_types(a, b) is gp.promote_types(b, a) is getattr(gp, result)


def test_promotion_is_commutative_and_idempotent():
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        assert dtypes.promote_types(a, b) is dtypes.promote_types(b, a)
        assert dtypes.promote_types(a, a) is a


@pytest.mark.parametrize(
    ("operands", "result"),
    [
        ((gp.ones(2, dtype=gp.float16), gp.ones((), dtype=gp.float64)), gp.float16),
        ((gp.ones(2, dtype=gp.int32), gp.ones((), dtype=gp.float64)), gp.float64),
        ((gp.ones(2, dtype=gp.uint8), 300), gp.uint8),
        ((gp.ones(2, dtype=gp.uint8), 1.5), gp.float32),
        ((gp.ones(2, dtype=gp.bool), 2), gp.int64),
        ((gp.ones((), dtype=gp.int32), True), gp.int32),
        ((gp.ones((), dtype=gp.bfloat16), 2.5), gp.bfloat16),
        ((1, 2.0), gp.float32),
    ],
)
def test_rank_and_category_decide(operands, result):
    assert dtypes.result_type(*operands) is result


def test_names_and_kinds():
    assert repr(gp.float32) == "gpunn.float32" and gp.half is gp.float16 and gp.long is gp.int64
    assert gp.bfloat16.itemsize == 2 and gp.bfloat16.is_floating_point and not gp.int8.is_floating_point
    assert not gp.uint8.is_signed and gp.int8.is_signed and not gp.float32.is_complex
    assert copy.deepcopy(gp.float32) is gp.float32
    with pytest.raises(RuntimeError, match="no complex"):
        gp.float32.to_complex()


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (bool, gp.bool),
        (int, gp.int64),
        (float, gp.float64),
        (np.float64, gp.float64),
        (np.dtype("int16"), gp.int16),
        (ml_dtypes.bfloat16, gp.bfloat16),
        (gp.uint8, gp.uint8),
    ],
)
def test_as_dtype(given, result):
    assert dtypes.as_dtype(given) is result


@pytest.mark.parametrize("given", [str, "no", "float", "float32", np.complex64, np.uint16, 3.5])
def test_what_is_no_dtype(given):
    with pytest.raises(TypeError, match="expected a dtype"):
        dtypes.as_dtype(given)


def test_arrays_of_other_types_are_refused():
    with pytest.raises(TypeError, match="complex128"):
        dtypes.of(np.ones(2, np.complex128))


def test_default_dtype():
    gp.set_default_dtype(gp.float64)
    try:
        assert gp.get_default_dtype() is gp.float64 and gp.tensor(1.0).dtype is gp.float64
    finally:
        gp.set_default_dtype(gp.float32)
    with pytest.raises(TypeError, match="floating dtype"):
        gp.set_default_dtype(gp.int32)


def test_can_cast():
    assert gp.can_cast(gp.float64, gp.float16) and gp.can_cast(gp.bool, gp.uint8)
    assert not gp.can_cast(gp.float16, gp.int64) and not gp.can_cast(gp.int8, gp.bool)


@pytest.mark.parametrize("pair", [("a", gp.float32), (None, gp.float32), (gp.int32, "float32"), (3, 3)])
@pytest.mark.parametrize("function", [gp.can_cast, gp.promote_types])
def test_what_is_no_dtype_is_refused(function, pair):
    with pytest.raises(TypeError, match="expected two dtypes"):
        function(*pair)


def test_none_is_not_float64_as_it_is_to_numpy():
    with pytest.raises(TypeError, match="got None"):
        gp.nn.Linear(2, 2).type(None)


def test_limits():
    assert gp.finfo().max == np.finfo(np.float32).max and gp.finfo(gp.float64).eps == 2.0**-52
    assert gp.finfo(gp.bfloat16).bits == 16 and gp.finfo(gp.bfloat16).eps == 2.0**-7
    assert gp.iinfo(gp.uint8).max == 255 and gp.iinfo(gp.int16).min == -(2**15)
    assert gp.finfo(float).dtype == "float64" and gp.iinfo(int).bits == 64
    for limits in (gp.finfo, gp.iinfo):
        with pytest.raises(TypeError, match="expected a dtype"):
            limits("no")
    with pytest.raises(TypeError, match="use iinfo"):
        gp.finfo(gp.int32)
    with pytest.raises(TypeError, match="use finfo"):
        gp.iinfo(gp.float32)


def test_limits_show_their_numbers():
    assert repr(gp.iinfo(gp.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert repr(gp.finfo(gp.float16)) == (
        "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, "
        "tiny=6.10352e-05, dtype=float16)"
    )


def test_given_or_default():
    assert dtypes.given_or_default(None) is gp.float32 and dtypes.given_or_default(np.int8) is gp.int8
    gp.set_default_dtype(gp.float64)
    try:
        assert dtypes.given_or_default(None) is gp.float64
    finally:
        gp.set_default_dtype(gp.float32)


@pytest.mark.parametrize("make", [lambda **k: gp.randperm(3, **k), lambda **k: gp.tril_indices(3, 3, **k)])
def test_none_is_the_default_of_functions_that_make_integers(make):
    assert make(dtype=None).dtype is gp.int64
