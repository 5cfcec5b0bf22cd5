import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import UnsupportedError


def test_it_is_the_module_with_longer_names(device):
    inner = nn.Linear(3, 2).to(device)
    model = nn.DataParallel(inner, device_ids=[0])
    x = gp.ones(4, 3, device=device)
    assert gp.equal(model(x), inner(x)) and gp.equal(model(input=x), inner(x))
    assert list(model.state_dict()) == ["module.weight", "module.bias"] and model.module is inner
    model(x).sum().backward()
    assert inner.weight.grad is not None and model.eval().module.training is False


def test_inputs_go_to_the_device_of_the_parameters(device):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(gp.ones(1))

        def forward(self, parts, names, factor=1):
            return (parts[0] + parts[1]["b"]) * self.scale * factor, names

    model = nn.DataParallel(Sum().to(device))
    total, names = model((gp.ones(2), {"b": gp.ones(2)}), "ab", factor=3)
    assert total.device.type == device and total.tolist() == [6, 6] and names == "ab"
    assert nn.DataParallel(nn.ReLU())(gp.tensor([-1.0, 2.0])).tolist() == [0, 2]


def test_several_devices_are_refused():
    with pytest.raises(UnsupportedError, match="one device"):
        nn.DataParallel(nn.ReLU(), device_ids=[0, 1])
