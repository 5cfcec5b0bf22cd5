import pytest

import gpunn as gp
from gpunn import nn
from gpunn.autograd import Variable


def test_variable_is_a_leaf_on_the_same_memory():
    data = gp.ones(2)
    x = Variable(data, requires_grad=True)
    (x * 3).sum().backward()
    assert type(x) is gp.Tensor and x.grad.tolist() == [3.0, 3.0]
    assert not data.requires_grad and not Variable(data).requires_grad
    data.fill_(5)
    assert x.tolist() == [5.0, 5.0]
    y = x * 2
    assert Variable(y).is_leaf and Variable(y).data_ptr() == y.data_ptr()


def test_every_tensor_is_a_variable():
    assert isinstance(gp.ones(1), Variable) and isinstance(nn.Parameter(gp.ones(1)), Variable)
    assert not isinstance(1.0, Variable)


def test_variable_refuses_what_is_no_tensor():
    with pytest.raises(TypeError, match=r"Variable: data has to be a tensor, but got list; use gpunn\.tensor"):
        Variable([1.0])
    with pytest.raises(RuntimeError, match="floating point dtype can require gradients"):
        Variable(gp.arange(2), requires_grad=True)
