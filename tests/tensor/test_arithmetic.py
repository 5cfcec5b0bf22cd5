import math
import operator

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, GraphError, ShapeError

OPERATORS = [
    (operator.add, gp.add),
    (operator.sub, gp.sub),
    (operator.mul, gp.mul),
    (operator.truediv, gp.div),
    (operator.floordiv, gp.floor_divide),
    (operator.mod, gp.remainder),
    (operator.pow, gp.pow),
    (operator.eq, gp.eq),
    (operator.ne, gp.ne),
    (operator.lt, gp.lt),
    (operator.le, gp.le),
    (operator.gt, gp.gt),
    (operator.ge, gp.ge),
]
IN_PLACE = [
    (operator.iadd, gp.add),
    (operator.isub, gp.sub),
    (operator.imul, gp.mul),
    (operator.itruediv, gp.div),
    (operator.ifloordiv, gp.floor_divide),
    (operator.imod, gp.remainder),
    (operator.ipow, gp.pow),
]
ALIASES = {
    "absolute": "abs", "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
    "fix": "trunc", "clip": "clamp", "sgn": "sign", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "greater": "gt",
    "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
}  # fmt: skip
UNARY = [
    "abs", "neg", "reciprocal", "sqrt", "rsqrt", "square", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sigmoid", "sin", "cos", "tan", "asin", "acos", "atan", "sinc", "deg2rad", "rad2deg", "sinh",
    "cosh", "tanh", "asinh", "atanh", "erf", "erfc", "erfinv", "lgamma", "digamma", "sign", "floor", "ceil",
    "trunc", "round", "frac", "nan_to_num", "logical_not", "absolute", "negative", "fix", "sgn", "arcsin",
    "arccos", "arctan", "arcsinh", "arctanh",
]  # fmt: skip
BINARY = [
    "add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "hypot", "atan2", "xlogy",
    "copysign", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "clamp",
    "clamp_min", "clamp_max", "subtract", "multiply", "divide", "true_divide", "clip", "arctan2", "greater",
    "greater_equal", "less", "less_equal", "not_equal", "heaviside",
]  # fmt: skip
NEVER_IN_PLACE = ["isnan", "isinf", "isfinite", "signbit", "positive"]


def same(found, wanted):
    assert found.dtype is wanted.dtype
    np.testing.assert_array_equal(found.cpu().numpy(), wanted.cpu().numpy())


@pytest.mark.parametrize("name", [*UNARY, *NEVER_IN_PLACE])
def test_unary_methods(name, device):
    x = gp.tensor([0.25, 0.7], device=device)
    same(getattr(x, name)(), getattr(gp, name)(x))


@pytest.mark.parametrize("name", UNARY)
def test_unary_in_place(name, device):
    x = gp.tensor([0.25, 0.7], device=device)
    wanted = getattr(gp, name)(x).to(x.dtype)
    version = x._version[0]
    assert getattr(x, f"{name}_")() is x
    same(x, wanted)
    assert x._version[0] == version + 1


@pytest.mark.parametrize("name", [*BINARY, "fmax", "fmin", "maximum", "minimum", "logaddexp", "logaddexp2", "isclose"])
def test_binary_methods(name, device):
    x, y = gp.tensor([0.25, 0.7, 0.5], device=device), gp.tensor([0.5], device=device)
    same(getattr(x, name)(y), getattr(gp, name)(x, y))


@pytest.mark.parametrize("name", BINARY)
def test_binary_in_place(name, device):
    x, y = gp.tensor([0.25, 0.7, 0.5], device=device), gp.tensor([0.5], device=device)
    wanted = getattr(gp, name)(x, y).to(x.dtype)
    assert getattr(x, f"{name}_")(y) is x
    same(x, wanted)


def test_methods_with_more_arguments(device):
    x, y = gp.tensor([1.0, 4.0, 9.0], device=device), gp.tensor([2.0, 3.0, 4.0], device=device)
    same(x.add(y, alpha=2), gp.add(x, y, alpha=2))
    same(x.lerp(y, 0.3), gp.lerp(x, y, 0.3))
    same(x.addcmul(x, y, value=2), gp.addcmul(x, x, y, value=2))
    same(x.addcdiv(x, y), gp.addcdiv(x, x, y))
    same(x.clamp(2, 5), gp.clamp(x, 2, 5))
    same(x.div(y, rounding_mode="floor"), gp.div(x, y, rounding_mode="floor"))
    same(x.round(decimals=-1), gp.round(x, decimals=-1))
    same(x.where(x > 2, 0), gp.where(x > 2, x, 0))
    same(x.polygamma(1), gp.polygamma(1, x))
    same(x.float_power(2), gp.float_power(x, 2))
    same(gp.tensor([2.0, 3.0], device=device).acosh(), gp.acosh(gp.tensor([2.0, 3.0], device=device)))
    assert (x.allclose(x), x.equal(y)) == (True, False)
    assert x.clone().lerp_(y, 1).tolist() == y.tolist()
    assert x.clone().addcmul_(x, y).tolist() == [3, 16, 45]
    assert x.clone().addcdiv_(x, x).tolist() == [2, 5, 10]
    assert x.clone().clamp_(max=5).tolist() == [1, 4, 5]
    assert x.clone().acosh_()[0].item() == 0
    assert x.double().float_power_(2).tolist() == [1, 16, 81]


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases(alias, name):
    if alias != "true_divide":
        assert getattr(gp, alias) is getattr(gp, name)
        assert getattr(gp.Tensor, alias) is getattr(gp.Tensor, name)


@pytest.mark.parametrize(("python", "op"), OPERATORS)
def test_operators(python, op, device):
    x, y = gp.tensor([2.0, 3.0], device=device), gp.tensor([[0.5], [3.0]], device=device)
    same(python(x, y), op(x, y))
    same(python(x, 2), op(x, 2))
    same(python(2, x), op(gp.tensor(2.0, device=device), x))
    same(python(x, np.float32(2)), op(x, 2))


def test_operators_on_one_tensor():
    x = gp.tensor([-1.5, 2.0])
    assert (-x).tolist() == [1.5, -2]
    assert (+x) is x
    assert abs(x).tolist() == [1.5, 2]
    with pytest.raises(TypeError):
        divmod(x, 2)
    assert x.__rdiv__(3.0).tolist() == [-2, 1.5]


@pytest.mark.parametrize(("python", "op"), IN_PLACE)
def test_assignment_operators(python, op, device):
    for y in (gp.tensor([0.5], device=device), 2):
        x = gp.tensor([2.0, 3.0], device=device)
        wanted, view = op(x, y), x[:1]
        z = x
        z = python(z, y)
        assert z is x
        same(x, wanted)
        same(view, wanted[:1])


@pytest.mark.parametrize("other", ["a", None, [1.0], object()])
def test_other_operands_are_left_to_themselves(other):
    x = gp.tensor([1.0])
    assert (x == other) is False
    assert (x != other) is True
    for python in (operator.add, operator.sub, operator.lt, operator.pow):
        with pytest.raises(TypeError):
            python(x, other)
        with pytest.raises(TypeError):
            python(other, x)
    with pytest.raises(TypeError):
        x += other
    assert x.tolist() == [1]


class Meters:
    """An operand of another library."""

    def __radd__(self, other):
        return "from the right"

    def __add__(self, other):
        return "from the left"


def test_other_types_may_add_tensors():
    assert gp.tensor([1.0]) + Meters() == "from the right"
    assert Meters() + gp.tensor([1.0]) == "from the left"


def test_tensors_are_hashed_by_identity():
    x, y = gp.tensor([1.0]), gp.tensor([1.0])
    assert len({x, y, x}) == 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda x: x.add_(2.5), DtypeError),
        (lambda x: x.div_(2), DtypeError),
        (lambda x: x.sqrt_(), DtypeError),
        (lambda x: x.mul_(gp.tensor([1.5])), DtypeError),
        (lambda x: x.add_(gp.tensor([[1], [2]])), ShapeError),
        (lambda x: x.add_(gp.tensor([1, 2, 3])), ShapeError),
        (lambda x: x.floor_divide_(0), ArgumentError),
        (lambda x: x.pow_(-1), ArgumentError),
        (lambda x: x.float_power_(2), DtypeError),
    ],
)
def test_a_failed_change_changes_nothing(change, error):
    x = gp.tensor([1, 2])
    with pytest.raises(error):
        change(x)
    assert (x.tolist(), x._version[0]) == ([1, 2], 0)


def test_results_are_cast_to_the_tensor_that_is_changed(device):
    x = gp.tensor([1.0, 2.0], device=device)
    assert x.eq_(1).tolist() == [1, 0]
    x.add_(gp.tensor([0.25, 0.5], dtype=gp.float64, device=device))
    assert (x.dtype, x.tolist()) == (gp.float32, [1.25, 0.5])
    assert gp.tensor([1, 0], device=device).logical_not_().dtype is gp.int64


@pytest.mark.parametrize(
    ("change", "slope"),
    [
        (lambda y: y.mul_(3.0), lambda x: 3 + 0 * x),
        (lambda y: y.exp_(), np.exp),
        (lambda y: y.pow_(3), lambda x: 3 * x**2),
        (lambda y: y.sin_(), np.cos),
        (lambda y: y.mul_(y), lambda x: 2 * x),
        (lambda y: y.clamp_(max=1.5), lambda x: x <= 1.5),
        (lambda y: y.neg_().abs_(), lambda x: 1 + 0 * x),
    ],
)
def test_changes_are_recorded(change, slope, device):
    values = np.array([1.0, 2.0, 0.5])
    x = gp.tensor(values, device=device, requires_grad=True)
    y = x * 1
    assert change(y) is y
    y.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), slope(values))


def test_a_change_of_a_saved_tensor_is_noticed():
    x = gp.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(GraphError, match="modified by an inplace operation"):
        z.sum().backward()


def test_a_change_of_a_leaf_is_refused():
    x = gp.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GraphError, match="leaf Variable that requires grad"):
        x += 1
    with gp.no_grad():
        x += math.pi - 1
    np.testing.assert_allclose(x.detach().numpy(), [math.pi, math.pi + 1], rtol=1e-6)


def test_polygamma_in_place(device):
    x = gp.tensor([0.5, 3.0], dtype=gp.float64, device=device)
    wanted = gp.polygamma(1, x)
    assert x.polygamma_(1) is x
    assert x.tolist() == wanted.tolist()
