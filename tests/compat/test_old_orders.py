import pytest

import gpunn as gp
from gpunn.compat.old_orders import FACTORS, FUNCTIONS, in_either_order

X, Y, Z = gp.tensor([1.0, 2.0]), gp.tensor([3.0, 4.0]), gp.tensor([5.0, 8.0])
WANTED = {"add": [2.5, 4.0], "sub": [-0.5, 0.0], "addcmul": [8.5, 18.0], "addcdiv": [1.3, 2.25]}


@pytest.mark.parametrize("name", FACTORS)
def test_the_factor_may_come_first(name):
    factor, tensors = FACTORS[name]
    operands = (Y, Z)[:tensors]
    for call in (FUNCTIONS[name], in_either_order(getattr(gp.Tensor, name), factor, tensors)):
        assert call(X, 0.5, *operands).tolist() == pytest.approx(WANTED[name])
        assert call(X, *operands, **{factor: 0.5}).tolist() == pytest.approx(WANTED[name])
    x = X.clone()
    in_place = in_either_order(getattr(gp.Tensor, f"{name}_"), factor, tensors)
    assert in_place(x, 0.5, *operands) is x and x.tolist() == pytest.approx(WANTED[name])


def test_other_arguments_are_left_alone():
    assert FUNCTIONS["add"](X, 1).tolist() == [2, 3]
    with pytest.raises(TypeError):
        FUNCTIONS["add"](X, Y, Z)
    with pytest.raises(TypeError):
        FUNCTIONS["add"](X, 1, 2, 3)
    with pytest.raises(TypeError):
        FUNCTIONS["add"](X, 0.5, Y, alpha=2)
