import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((0, 3), (1, 3))]
TABLE = [(gp.add, np.add), (gp.sub, np.subtract), (gp.mul, np.multiply), (gp.rsub, lambda a, b: b - a)]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "reference"), TABLE)
def test_binary(op, reference, shapes, device):
    check_op(op, reference, shapes, device)
    check_dtypes(op, reference, shapes, device)


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (lambda a, b: gp.add(a, b, alpha=2.5), lambda a, b: a + 2.5 * b),
        (lambda a, b: gp.sub(a, b, alpha=0.3), lambda a, b: a - 0.3 * b),
        (lambda a, b: gp.rsub(a, b, alpha=3), lambda a, b: b - 3 * a),
    ],
)
def test_alpha(op, reference, shapes, device):
    check_op(op, reference, shapes, device)
    check_dtypes(op, reference, shapes, device)


@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (lambda x: gp.add(x, 2.5), lambda x: x + 2.5),
        (lambda x: gp.add(x, 2.5, alpha=3), lambda x: x + 7.5),
        (lambda x: gp.sub(2, x), lambda x: 2 - x),
        (lambda x: gp.sub(2, x, alpha=4), lambda x: 2 - 4 * x),
        (lambda x: gp.mul(x, -3), lambda x: -3 * x),
        (lambda x: gp.mul(x, np.float64(0.1)), lambda x: 0.1 * x),
    ],
)
def test_numbers(op, reference, device):
    check_op(op, reference, [(2, 3)], device)
    check_dtypes(op, reference, [(2, 3)], device)


def test_a_number_that_a_half_type_cannot_hold_counts_in_full(device):
    x = gp.tensor([1024.0, 3.0], dtype=gp.float16, device=device)
    assert (x * 1e-5).tolist() == np.float16(np.float32([1024, 3]) * np.float32(1e-5)).tolist()
    assert (x * 1e-5).tolist() != (np.float16([1024, 3]) * np.float16(1e-5)).tolist()


def test_scaled_half_sums_are_rounded_once(device):
    a, b = (gp.tensor([x], dtype=gp.bfloat16, device=device) for x in (-1.0, 1.0078125))
    assert gp.add(a, b, alpha=1.0078125).item() == gp.tensor(1.0078125**2 - 1, dtype=gp.bfloat16).item()


def test_integers_wrap_around(device):
    x = gp.tensor([44, 250], dtype=gp.uint8, device=device)
    assert (x + 300).tolist() == [88, 38]
    assert (x * -1).tolist() == [212, 6]
    assert (1 - x).tolist() == [213, 7]
    assert gp.add(x, x, alpha=3).tolist() == [176, 232]
    assert gp.sub(x, x, alpha=2).tolist() == [212, 6]
    assert gp.add(x, 100, alpha=3).tolist() == [88, 38]
    assert (gp.tensor([44], device=device) + 2**63).tolist() == [44 - 2**63]


def test_booleans(device):
    a, b = gp.tensor([True, True, False], device=device), gp.tensor([True, False, False], device=device)
    for result, wanted in [(a + b, [1, 1, 0]), (a * b, [1, 0, 0]), (gp.add(a, b, alpha=2), [1, 1, 0])]:
        assert result.dtype is gp.bool
        assert result.tolist() == [bool(w) for w in wanted]
    assert (a + 2).tolist() == [3, 3, 2]
    assert (a + 2).dtype is gp.int64


@pytest.mark.parametrize("operands", [([True], [True]), ([1], [True]), ([True], 1), (1, [True]), ([1], True)])
def test_booleans_are_not_subtracted(operands):
    a, b = (gp.tensor(x) if isinstance(x, list) else x for x in operands)
    with pytest.raises(DtypeError, match="Subtraction, the `-` operator, with a bool tensor is not supported"):
        gp.sub(a, b)


def test_alpha_fits_the_dtype():
    x = gp.tensor([1, 2])
    with pytest.raises(DtypeError, match="alpha must not be a floating point number"):
        gp.add(x, x, alpha=2.5)
    with pytest.raises(DtypeError, match="Boolean alpha only supported for Boolean results"):
        gp.sub(x, x, alpha=True)
    assert x.tolist() == [1, 2]


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"add: The size of tensor a \(3\).*tensor b \(2\).*dimension 1.*\(2, 3\)"):
        gp.add(gp.tensor(np.ones((2, 3))), gp.tensor(np.ones((2, 2))))


@pytest.mark.parametrize("other", [None, "2", [1.0], np.ones(2)])
def test_operands_are_tensors_or_numbers(other):
    with pytest.raises(ArgumentTypeError, match="mul: expected a Tensor or a number, got"):
        gp.mul(gp.tensor([1.0]), other)


def test_one_operand_is_a_tensor():
    with pytest.raises(ArgumentTypeError, match="add: expected a Tensor among the arguments, got int and float"):
        gp.add(1, 2.0)


def test_aliases():
    assert gp.subtract is gp.sub
    assert gp.multiply is gp.mul
