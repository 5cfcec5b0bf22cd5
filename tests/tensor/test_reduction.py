"""Every method does what the function of its name does."""

import inspect

import numpy as np
import pytest

import gpunn as gp
from gpunn.engine import Variable
from gpunn.tensor.reduction import ReductionMethods

X = np.array([[0.5, 2.0, -1.0], [3.0, 0.25, 1.0]])
ARGUMENTS = {
    "dist": [gp.tensor(X) * 2],
    "quantile": [0.3],
    "nanquantile": [0.3],
    "topk": [2],
    "kthvalue": [2],
    "logsumexp": [1],
    "cumsum": [1],
    "cumprod": [1],
    "cummax": [1],
    "cummin": [1],
    "logcumsumexp": [1],
    "renorm": [2, 1, 0.5],
}
METHODS = [name for name in vars(ReductionMethods) if not name.startswith("_")]


def same(a, b):
    if isinstance(a, Variable):
        return gp.equal(a, b) and a.dtype is b.dtype
    return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", [name for name in METHODS if not name.endswith("_")])
def test_method(name):
    x = gp.tensor([3, 1, 1]) if name == "bincount" else gp.tensor(X)
    arguments = ARGUMENTS.get(name, [])
    assert same(getattr(x, name)(*arguments), getattr(gp, name)(x, *arguments))


@pytest.mark.parametrize("name", [name for name in METHODS if name.endswith("_")])
def test_in_place_method(name, device):
    x = gp.tensor(X, device=device)
    arguments = ARGUMENTS[name[:-1]]
    wanted = getattr(gp, name[:-1])(x, *arguments)
    address, version = x.data_ptr(), x._version[0]
    assert getattr(x, name)(*arguments) is x
    assert gp.equal(x, wanted)
    assert x.data_ptr() == address
    assert x._version[0] == version + 1


def test_in_place_is_recorded(device):
    x = gp.tensor([1.0, 2.0, 3.0], device=device, requires_grad=True)
    y = x * 1
    y[1:].cumsum_(0)
    y.sum().backward()
    assert x.grad.tolist() == [1, 2, 1]


def test_a_failed_call_changes_nothing():
    x = gp.tensor(X)
    for name in ("cumsum_", "cumprod_"):
        with pytest.raises(IndexError, match="out of range"):
            getattr(x, name)(5)
    np.testing.assert_array_equal(x.numpy(), X)
    assert x._version[0] == 0


def test_signatures_say_what_pytorch_takes():
    assert list(inspect.signature(gp.Tensor.sum).parameters) == ["input", "dim", "keepdim", "dtype"]
    assert list(inspect.signature(gp.Tensor.topk).parameters) == ["input", "k", "dim", "largest", "sorted"]
