import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


@pytest.mark.parametrize(
    ("layer", "function", "text"),
    [
        (nn.ReLU(), F.relu, "ReLU()"),
        (nn.Tanh(), F.tanh, "Tanh()"),
        (nn.Sigmoid(), F.sigmoid, "Sigmoid()"),
        (nn.Softmax(dim=0), lambda x: F.softmax(x, 0), "Softmax(dim=0)"),
        (nn.Softmax(), lambda x: F.softmax(x, 1), "Softmax(dim=None)"),
        (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1), "LogSoftmax(dim=1)"),
        (nn.Softmin(-1), lambda x: F.softmin(x, -1), "Softmin(dim=-1)"),
    ],
)
def test_layer(layer, function, text, device):
    x = gp.randn(3, 4, device=device)
    assert layer(x).tolist() == function(x).tolist() != x.tolist()
    assert repr(layer) == text and list(layer.state_dict()) == []


def test_relu_in_place():
    layer, x = nn.ReLU(inplace=True), gp.tensor([-1.0, 2.0])
    assert layer(x) is x and x.tolist() == [0, 2] and repr(layer) == "ReLU(inplace=True)"
