import operator

import pytest

import gpunn as gp
from tests.tensor.test_arithmetic import same

OPERATORS = [
    (operator.and_, gp.bitwise_and),
    (operator.or_, gp.bitwise_or),
    (operator.xor, gp.bitwise_xor),
    (operator.lshift, gp.bitwise_left_shift),
    (operator.rshift, gp.bitwise_right_shift),
]
IN_PLACE = [
    (operator.iand, gp.bitwise_and),
    (operator.ior, gp.bitwise_or),
    (operator.ixor, gp.bitwise_xor),
    (operator.ilshift, gp.bitwise_left_shift),
    (operator.irshift, gp.bitwise_right_shift),
]
NAMES = ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"]


@pytest.mark.parametrize("name", NAMES)
def test_bits(name, device):
    x, y = gp.tensor([5, 2, 0], device=device), gp.tensor([3], device=device)
    wanted = getattr(gp, name)(x, y)
    same(getattr(x, name)(y), wanted)
    assert getattr(x, f"{name}_")(y) is x
    same(x, wanted)
    same(x.bitwise_not(), gp.bitwise_not(x))
    wanted = gp.bitwise_not(x)
    same(x.bitwise_not_(), wanted)


@pytest.mark.parametrize(("python", "op"), OPERATORS)
def test_operators_on_bits(python, op, device):
    x, y = gp.tensor([5, 2], device=device), gp.tensor([[3], [1]], device=device)
    same(python(x, y), op(x, y))
    same(python(x, 3), op(x, 3))
    same(python(3, x), op(gp.tensor(3, device=device), x))


@pytest.mark.parametrize(("python", "op"), IN_PLACE)
def test_assignment_operators_on_bits(python, op, device):
    x = gp.tensor([5, 2], device=device)
    wanted = op(x, 3)
    assert python(x, 3) is x
    same(x, wanted)


def test_inverted():
    assert (~gp.tensor([True, False])).tolist() == [False, True]
    assert (~gp.tensor([0, 5])).tolist() == [-1, -6]
    with pytest.raises(TypeError):
        operator.invert(gp.tensor([-1.5, 2.0]))
