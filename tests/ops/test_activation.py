import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, DtypeError, GraphError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("shape", [(3, 4), (), (0, 3), (2, 3, 4)])
@pytest.mark.parametrize("op", [gp.relu, gp.Tensor.relu])
def test_relu(op, shape, device):
    check_op(op, relu, [shape], device)
    check_dtypes(op, relu, [shape], device)


def test_relu_of_strided_input(device):
    check_op(lambda x: gp.relu(x.T[::2]), lambda x: relu(x.T[::2]), [(3, 5)], device)


def test_relu_of_nan_and_infinity(device):
    x = gp.tensor([np.nan, np.inf, -np.inf, 0.0, -0.0], device=device, requires_grad=True)
    y = gp.relu(x)
    np.testing.assert_array_equal(y.tolist(), [np.nan, np.inf, 0, 0, 0])
    y.backward(gp.tensor([1.0, 2.0, 3.0, 4.0, 5.0], device=device))
    assert x.grad.tolist() == [1.0, 2.0, 0.0, 0.0, 0.0]


def test_relu_stops_infinite_gradients(device):
    x = gp.tensor([-1.0, 1.0], device=device, requires_grad=True)
    gp.relu(x).backward(gp.tensor([np.inf, np.inf], device=device))
    assert x.grad.tolist() == [0.0, np.inf]


def test_relu_of_integers(device):
    y = gp.relu(gp.tensor([-2, 0, 3], dtype=gp.int16, device=device))
    assert y.dtype is gp.int16 and y.tolist() == [0, 0, 3]


@pytest.mark.parametrize("op", [lambda x: F.relu(x, inplace=True), F.relu_, gp.relu_, gp.Tensor.relu_])
def test_relu_in_place(op, device):
    leaf = gp.tensor([-1.0, 2.0], device=device, requires_grad=True)
    x = leaf * 3
    version, array = x._version[0], x.array
    assert op(x) is x
    assert x.array is array and x.tolist() == [0.0, 6.0]
    assert x._version[0] == version + 1
    x.sum().backward()
    assert leaf.grad.tolist() == [0.0, 3.0]


def test_relu_keeps_its_output_which_must_not_change():
    x = gp.tensor([1.0, -1.0], requires_grad=True)
    y = gp.relu(x)
    y.mul_(2)
    with pytest.raises(GraphError, match="modified by an inplace operation: output 0 of ReLU"):
        y.sum().backward()


def test_relu_in_place_on_a_leaf_is_refused():
    x = gp.tensor([-1.0], requires_grad=True)
    with pytest.raises(GraphError, match="leaf Variable that requires grad"):
        F.relu(x, inplace=True)
    assert x.tolist() == [-1.0]


def test_relu_refuses_booleans_and_arrays():
    with pytest.raises(DtypeError, match="relu: Boolean inputs"):
        gp.relu(gp.tensor([True]))
    with pytest.raises(ArgumentTypeError, match="relu: expected a Tensor, got ndarray"):
        gp.relu(np.zeros(3))
