"""What each constraint allows."""

import math

import pytest

import gpunn as gp
from gpunn.distributions import constraints
from gpunn.errors import ArgumentError, ShapeError

NUMBERS = [-1.0, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan]
# Which of NUMBERS it allows, and how it is shown.
ALLOWED = {
    "boolean": (constraints.boolean, [0, 1], "Boolean()"),
    "integer_interval": (constraints.integer_interval(0, 1), [0, 1], "IntegerInterval(lower_bound=0, upper_bound=1)"),
    "nonnegative_integer": (constraints.nonnegative_integer, [0, 1, 2], "IntegerGreaterThan(lower_bound=0)"),
    "positive_integer": (constraints.positive_integer, [1, 2], "IntegerGreaterThan(lower_bound=1)"),
    "real": (constraints.real, [-1, 0, 0.5, 1, 2, math.inf], "Real()"),
    "positive": (constraints.positive, [0.5, 1, 2, math.inf], "GreaterThan(lower_bound=0.0)"),
    "nonnegative": (constraints.nonnegative, [0, 0.5, 1, 2, math.inf], "GreaterThanEq(lower_bound=0.0)"),
    "less_than": (constraints.less_than(0.5), [-1, 0], "LessThan(upper_bound=0.5)"),
    "unit_interval": (constraints.unit_interval, [0, 0.5, 1], "Interval(lower_bound=0.0, upper_bound=1.0)"),
    "half_open_interval": (
        constraints.half_open_interval(0.0, 1.0),
        [0, 0.5],
        "HalfOpenInterval(lower_bound=0.0, upper_bound=1.0)",
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_numbers(name, device):
    constraint, allowed, shown = ALLOWED[name]
    found = constraint.check(gp.tensor(NUMBERS, device=device)).tolist()
    assert [x for x, is_allowed in zip(NUMBERS, found, strict=True) if is_allowed] == allowed
    assert repr(constraint) == shown and constraint.event_dim == 0
    assert constraint.is_discrete == ("integer" in name or name == "boolean")


MATRICES = {
    "identity": [[1.0, 0], [0, 1]],
    "lower": [[1.0, 0], [2, 1]],
    "lower, negative": [[-1.0, 0], [2, 1]],
    "symmetric": [[1.0, 2], [2, 1]],
    "nearly symmetric": [[2.0, 1], [1 + 1e-6, 2]],
    "upper": [[1.0, 2], [0, 1]],
    "long": [[1.0, 0], [2, 1], [3, 4]],
}
KINDS = {
    "square": {"identity", "lower", "lower, negative", "symmetric", "nearly symmetric", "upper"},
    "symmetric": {"identity", "symmetric", "nearly symmetric"},
    "lower_triangular": {"identity", "lower", "lower, negative", "long"},
    "lower_cholesky": {"identity", "lower", "long"},  # of long matrices PyTorch says so too
    "positive_definite": {"identity", "nearly symmetric"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_matrices(kind, device):
    constraint = getattr(constraints, kind)
    assert constraint.event_dim == 2 and repr(constraint) == f"{kind.title().replace('_', '')}()"
    for name, rows in MATRICES.items():
        matrix = gp.tensor(rows, device=device)
        assert constraint.check(matrix).item() is (name in KINDS[kind]), name
        assert constraint.check(matrix.expand(3, *matrix.shape)).tolist() == [name in KINDS[kind]] * 3


def test_vectors(device):
    x = gp.tensor([[0.0, 1.0, 0.0], [0.25, 0.25, 0.5], [0.5, 0.5, 0.5], [-1.0, 1.0, 1.0]], device=device)
    assert constraints.one_hot.check(x).tolist() == [True, False, False, False]
    assert constraints.simplex.check(x).tolist() == [True, True, False, False]
    assert constraints.independent(constraints.nonnegative, 1).check(x).tolist() == [True, True, True, False]
    whole = constraints.independent(constraints.simplex, 1)
    assert whole.check(x[:2]).item() is True and whole.check(x).item() is False and whole.event_dim == 2
    assert repr(whole) == "IndependentConstraint(Simplex(), 1)" and not whole.is_discrete
    assert constraints.independent(constraints.boolean, 1).is_discrete


def test_errors():
    with pytest.raises(ArgumentError, match="dependent"):
        constraints.dependent.check(gp.ones(1))
    with pytest.raises(NotImplementedError):
        constraints.Constraint().check(gp.ones(1))
    with pytest.raises(ShapeError, match=r"value\.dim\(\) >= 1"):
        constraints.real_vector.check(gp.tensor(1.0))
