import copy
import pickle

import pytest

import gpunn as gp
from gpunn import backend, emulator, nn
from gpunn.errors import ArgumentTypeError, DtypeError, GraphError


def test_is_a_leaf_that_requires_a_gradient():
    p = nn.Parameter(gp.tensor([1.0, 2.0]))
    assert p.requires_grad and p.is_leaf and isinstance(p, gp.Tensor)
    (p * p).sum().backward()
    assert p.grad.tolist() == [2.0, 4.0]


def test_results_are_plain_tensors():
    assert type(nn.Parameter(gp.ones(2)) * 2) is gp.Tensor
    assert type(nn.Parameter(gp.ones(2)).data) is gp.Tensor


def test_shares_the_memory_and_the_version_of_its_data():
    data = gp.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    y = (p * p).sum()
    data.mul_(2)
    assert p.tolist() == [2.0, 4.0]
    with pytest.raises(GraphError, match="modified by an inplace operation"):
        y.backward()


def test_of_a_tensor_with_history_is_a_leaf():
    x = gp.tensor([1.0], requires_grad=True)
    p = nn.Parameter(x * 2)
    (p * 3).backward()
    assert p.grad.tolist() == [3.0] and x.grad is None


def test_without_data_is_empty():
    assert nn.Parameter().shape == (0,)


def test_frozen_parameters_may_be_integers():
    p = nn.Parameter(gp.tensor([1, 2]), requires_grad=False)
    assert p.dtype is gp.int64 and not p.requires_grad
    with pytest.raises(DtypeError, match="only tensors of floating point dtype can require gradients"):
        nn.Parameter(gp.tensor([1, 2]))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"Parameter: expected a Tensor, got list; try gpunn.tensor"):
        nn.Parameter([1.0])


def test_repr():
    p = nn.Parameter(gp.tensor([1.0, 2.0]))
    assert repr(p) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"


def test_deepcopy_has_its_own_memory_and_gradient(device):
    p = nn.Parameter(gp.ones(2, device=device), requires_grad=True)
    p.note = ["kept"]
    (p * 3).sum().backward()
    twin = copy.deepcopy(p)
    with gp.no_grad():
        p.mul_(5)
    p.grad.mul_(5)
    assert type(twin) is nn.Parameter and twin.requires_grad and twin.device.type == device
    assert twin.tolist() == [1, 1] and twin.grad.tolist() == [3, 3]
    assert twin.note == ["kept"] and twin.note is not p.note


def test_deepcopy_keeps_shared_parameters_shared():
    p = nn.Parameter(gp.ones(2))
    a, b = copy.deepcopy([p, p])
    assert a is b and a is not p


@pytest.mark.parametrize("requires_grad", [True, False])
def test_pickle(requires_grad, device):
    p = nn.Parameter(gp.tensor([1.5, -2.0], dtype=gp.bfloat16, device=device), requires_grad)
    twin = pickle.loads(pickle.dumps(p))
    assert type(twin) is nn.Parameter and twin.requires_grad is requires_grad
    assert twin.tolist() == p.tolist() and twin.dtype is gp.bfloat16 and twin.device == p.device


def test_an_uninitialized_parameter_becomes_one_of_a_shape():
    p = nn.UninitializedParameter(requires_grad=False, dtype=gp.float64)
    assert p.dtype is gp.float64 and not p.requires_grad and p.is_leaf
    with pytest.raises(GraphError, match="not known"):
        _ = p.shape
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.dtype is gp.float64 and not p.requires_grad


def test_buffers_register_themselves():
    module = nn.Module()
    module.mean, module.count = nn.Buffer(gp.ones(2)), nn.Buffer(gp.zeros(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["mean", "count"]
    assert list(module.state_dict()) == ["mean"] and not list(module.parameters())
    module.count = nn.Buffer(gp.ones(1))
    assert list(module.state_dict()) == ["mean", "count"]
    module.mean = gp.zeros(2)
    assert module.state_dict()["mean"].tolist() == [0, 0]
    module.weight = nn.Parameter(gp.ones(1))
    with pytest.raises(TypeError, match="cannot assign Buffer as parameter 'weight'"):
        module.weight = nn.Buffer(gp.ones(1))


def test_a_buffer_is_a_tensor_of_the_same_memory():
    x = gp.ones(2)
    buffer = nn.Buffer(x)
    x[0] = 5
    assert isinstance(buffer, gp.Tensor) and buffer.tolist() == [5, 1] and not buffer.requires_grad
    assert type(buffer + 1) is gp.Tensor and nn.Buffer().shape == (0,)
    with pytest.raises(TypeError, match="Buffer: expected a Tensor, got list"):
        nn.Buffer([1])


def test_a_parameter_gets_its_memory_where_it_is(monkeypatch):
    """Also if another GPU is the current one."""
    with emulator.enable():
        parameter = nn.UninitializedParameter(device="cuda")
        places, placed_on = [], backend.placed_on
        monkeypatch.setattr(backend, "placed_on", lambda where: places.append(str(where)) or placed_on(where))
        parameter.materialize((2, 3))
        assert places == ["cuda:0"] and parameter.shape == (2, 3)
