import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import parameters_to_vector, vector_to_parameters
from tests.conftest import computing_on


def test_there_and_back(device):
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).to(device)
    arrays = [p.detach().cpu().numpy().copy() for p in model.parameters()]
    vector = parameters_to_vector(model.parameters())
    assert vector.shape == (11,)
    np.testing.assert_array_equal(vector.detach().cpu().numpy(), np.concatenate([a.ravel() for a in arrays]))
    new = gp.arange(12.0, device=device)
    vector_to_parameters(new, model.parameters())
    assert model[0].weight.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] and model[1].bias.tolist() == [10.0]
    with gp.no_grad():
        model[1].bias.add_(1)
    assert new[10].item() == 11.0  # the memory is shared
    assert model[0].weight.requires_grad and model[0].weight.is_leaf


def test_gradients_go_through():
    p = gp.tensor([[1.0, 2.0]], requires_grad=True)
    (parameters_to_vector([p]) ** 2).sum().backward()
    assert p.grad.tolist() == [[2.0, 4.0]]


def test_errors():
    p, q = gp.ones(2, 2), gp.ones(3)
    with pytest.raises(RuntimeError, match=r"7 elements, the vector has shape \(6,\)"):
        vector_to_parameters(gp.zeros(6), [p, q])
    assert p.tolist() == [[1.0, 1.0]] * 2
    with pytest.raises(TypeError, match="expected a Tensor, but got: list"):
        vector_to_parameters([1.0], [p])
    with pytest.raises(ValueError, match="cat"):
        parameters_to_vector([])
    with computing_on("emulated"), pytest.raises(TypeError, match="different devices, cpu and cuda:0"):
        parameters_to_vector([p, q.cuda()])
