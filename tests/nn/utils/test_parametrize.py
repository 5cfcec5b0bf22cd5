import copy
import pickle

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn, optim
from gpunn.nn.utils import parametrize as P


class Symmetric(nn.Module):
    """The upper triangle, mirrored."""

    def forward(self, x):
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, a):
        return a.triu()


class Scaled(nn.Module):
    def __init__(self, factor=2.0):
        super().__init__()
        self.factor, self.calls = factor, 0

    def forward(self, x):
        self.calls += 1
        return x * self.factor

    def right_inverse(self, y):
        return y / self.factor


class Product(nn.Module):
    """Of a column and a row."""

    def forward(self, column, row):
        return column * row

    def right_inverse(self, a):
        return a[:, :1].clone(), a[:1].clone()


class Plain(nn.Module):
    """Has no right inverse."""

    def forward(self, x):
        return x.abs()


def test_a_symmetric_weight_is_learned(device):
    layer = nn.Linear(3, 3).to(device)
    parameter = layer.weight
    before = parameter.detach().cpu().numpy().copy()
    assert P.register_parametrization(layer, "weight", Symmetric()) is layer
    wanted = np.triu(before) + np.triu(before, 1).T
    np.testing.assert_array_equal(layer.weight.detach().cpu().numpy(), wanted)
    original = layer.parametrizations.weight.original
    assert original is parameter and dict(layer.named_parameters())["parametrizations.weight.original"] is parameter
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(gp.ones(2, 3, device=device)).square().sum().backward()
    optimizer.step()
    after = layer.weight.detach().cpu().numpy()
    np.testing.assert_array_equal(after, after.T)
    assert (after != wanted).any() and isinstance(layer, nn.Linear)
    assert repr(layer).startswith(
        "ParametrizedLinear(\n  in_features=3, out_features=3, bias=True\n  (parametrizations)"
    )


def test_assignment_goes_through_the_right_inverse():
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", Scaled(4.0))
    layer.weight = gp.full((2, 2), 8.0)
    assert layer.weight.tolist() == [[8.0, 8.0]] * 2
    assert layer.parametrizations.weight.original.tolist() == [[2.0, 2.0]] * 2
    with pytest.raises(ValueError, match=r"returned gpunn\.float64 for `original`"):
        layer.weight = gp.ones(2, 2, dtype=gp.float64)
    P.register_parametrization(layer, "bias", Plain())
    with pytest.raises(RuntimeError, match=r"Plain does not implement right_inverse\."):
        layer.bias = gp.ones(2)


def test_one_after_the_other():
    layer = nn.Linear(2, 2)
    weight = layer.weight.detach().numpy().copy()
    P.register_parametrization(layer, "weight", Scaled(2.0))
    np.testing.assert_allclose(layer.weight.tolist(), weight, rtol=1e-6)  # the right inverse has kept it
    P.register_parametrization(layer, "weight", Plain())
    np.testing.assert_allclose(layer.weight.tolist(), np.abs(weight), rtol=1e-6)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert len(layer.parametrizations.weight) == 2
    P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    np.testing.assert_allclose(layer.weight.tolist(), weight / 2, rtol=1e-6)


def test_several_originals():
    layer = P.register_parametrization(nn.Linear(3, 2), "weight", Product(), unsafe=True)
    column, row = layer.parametrizations.weight.originals()
    assert isinstance(column, nn.Parameter) and (column.shape, row.shape) == ((2, 1), (1, 3))
    np.testing.assert_allclose(layer.weight.detach().numpy(), column.detach().numpy() * row.detach().numpy())
    layer.weight = gp.ones(2, 3)
    assert layer.weight.tolist() == [[1.0] * 3] * 2
    with pytest.raises(ValueError, match="leave_parametrized=False"):
        P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    P.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and type(layer) is nn.Linear and not P.is_parametrized(layer)


def test_cache():
    scale = Scaled()
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", scale)
    scale.calls = 0
    with P.cached():
        first = layer.weight
        with P.cached():
            assert layer.weight is first
        assert layer.weight is first and scale.calls == 1
    assert layer.weight is not first and scale.calls == 2


def test_buffers_and_modes():
    layer = nn.BatchNorm1d(2).eval()
    P.register_parametrization(layer, "running_mean", Scaled())
    assert not layer.parametrizations.running_mean[0].training
    assert "parametrizations.running_mean.original" in dict(layer.named_buffers())
    P.remove_parametrizations(layer, "running_mean")
    assert list(layer.state_dict())[-1] == "running_mean" and type(layer) is nn.BatchNorm1d


def test_copies_stand_alone():
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    twin = copy.deepcopy(layer)
    P.remove_parametrizations(layer, "weight")
    assert P.is_parametrized(twin, "weight") and twin.weight.tolist() == layer.weight.tolist()
    assert twin.parametrizations.weight.original is not layer.weight
    with pytest.raises(RuntimeError, match="cannot be pickled"):
        pickle.dumps(twin)


def test_questions():
    layer = nn.Linear(2, 2)
    assert not P.is_parametrized(layer) and P.type_before_parametrizations(layer) is nn.Linear
    P.register_parametrization(layer, "weight", Symmetric())
    assert P.is_parametrized(layer) and not P.is_parametrized(layer, "bias")
    assert P.type_before_parametrizations(layer) is nn.Linear


class Wrong(nn.Module):
    def __init__(self, result, inverse=None):
        super().__init__()
        self.result, self.inverse = result, inverse

    def forward(self, *x):
        return self.result(x[0])

    def right_inverse(self, y):
        return y if self.inverse is None else self.inverse(y)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (Wrong(lambda x: 1.0), "must return a tensor. Got float"),
        (Wrong(lambda x: x[:1]), r"makes \(1, 2\) gpunn.float32 of \(2, 2\)"),
        (Wrong(lambda x: x.double()), "may not change the shape and dtype"),
        (Wrong(lambda x: x, lambda y: y.double()), "may not change dtype and device"),
        (Wrong(lambda x: x, lambda y: 3), "must return a Tensor or a Sequence"),
        (Wrong(lambda x: x, lambda y: [3]), "must return a Tensor or a Sequence"),
    ],
)
def test_what_does_not_fit_changes_nothing(wrong, text):
    layer = nn.Linear(2, 2)
    weight, values = layer.weight, layer.weight.tolist()
    with pytest.raises(ValueError, match=text):
        P.register_parametrization(layer, "weight", wrong)
    assert type(layer) is nn.Linear and layer.weight is weight and weight.tolist() == values
    P.register_parametrization(layer, "weight", Scaled())
    if "Sequence" not in text:
        with pytest.raises(ValueError, match=r"may not change|must return a tensor"):
            P.register_parametrization(layer, "weight", wrong)
        assert len(layer.parametrizations.weight) == 1


def test_what_returns_too_much_later():
    """A right inverse need not always return the same number of tensors, or know what to do at all."""
    gives = [1]
    column = Wrong(lambda x: x, lambda y: [y] * gives[0])
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", column)
    gives[0] = 2
    with pytest.raises(ValueError, match=r"must return 1 tensors\. Got 2"):
        layer.weight = gp.ones(2, 2)

    def refuse(y):
        raise NotImplementedError("no inverse")

    P.register_parametrization(layer, "bias", Wrong(lambda x: x, refuse))
    P.register_parametrization(layer, "bias", Wrong(lambda x: x * 2, refuse))
    with pytest.raises(NotImplementedError, match="no inverse"):
        layer.bias = gp.ones(2)
    assert len(layer.parametrizations.bias) == 2


def test_names_are_checked():
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="with name 'other'"):
        P.register_parametrization(layer, "other", Symmetric())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        P.remove_parametrizations(layer, "weight")
    with pytest.raises(ValueError, match="one or more"):
        P.ParametrizationList([], layer.weight)
