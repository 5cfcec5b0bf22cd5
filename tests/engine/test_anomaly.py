from pathlib import Path

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.engine import anomaly


class Logs(nn.Module):
    def forward(self, x):
        return gp.log(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Identity(), Logs())

    def forward(self, x):
        return self.head(x - 2)


def test_nan_born_in_forward_is_found_with_op_layer_and_line():
    with gp.autograd.detect_anomaly(), pytest.raises(RuntimeError) as caught:
        Net()(gp.tensor([1.0, 3.0]))
    text = str(caught.value)
    assert "NaN first appeared in the forward pass of Log" in text
    assert "Net.head.1 (Logs)" in text
    assert "test_anomaly.py" in text and "return gp.log(x)" in text
    assert "min -1" in text


def test_nan_from_outside_is_no_anomaly():
    with gp.autograd.detect_anomaly():
        x = gp.tensor([float("nan")]) + 1
    assert x.isnan().item()


def test_nan_born_in_backward_names_the_forward_line():
    x = gp.tensor([0.0], requires_grad=True)
    with gp.autograd.detect_anomaly():
        y = x.sqrt() * 0.0  # the born place
        with pytest.raises(RuntimeError, match="SqrtBackward0' returned nan values in its 0th output") as caught:
            y.backward()
    assert "# the born place" in str(caught.value)


def test_check_nan_off_only_remembers_places():
    x = gp.tensor([0.0], requires_grad=True)
    with gp.autograd.detect_anomaly(check_nan=False):
        y = x.sqrt() * 0.0
        y.backward()
    assert x.grad.isnan().item() and y.grad_fn.origin is not None


def test_modified_tensor_names_the_line_in_anomaly_mode():
    x = gp.tensor([1.0], requires_grad=True)
    with gp.autograd.detect_anomaly():
        y = x.exp()
        y.add_(1)
        with pytest.raises(RuntimeError, match=r"It ran at .*y = x.exp\(\)"):
            y.backward()


def test_switch():
    assert not gp.autograd.is_anomaly_enabled()
    gp.autograd.set_detect_anomaly(True)
    assert gp.autograd.is_anomaly_enabled()
    gp.autograd.set_detect_anomaly(False)
    with gp.autograd.set_detect_anomaly(True):
        assert gp.autograd.is_anomaly_enabled()
    assert not gp.autograd.is_anomaly_enabled()


def test_layer_path():
    net = Net()
    assert anomaly.layer_path(()) == ""
    assert anomaly.layer_path((net,)) == "Net"
    assert anomaly.layer_path((net, net.head, net.head[1])) == "Net.head.1 (Logs)"
    assert anomaly.layer_path((net, Logs())) == "Net.<Logs> (Logs)"


def test_what_can_hold_no_nan():
    x, n = gp.tensor([-1.0], requires_grad=True), gp.tensor([], dtype=gp.float32)
    assert not anomaly.has_nan(gp.tensor([1]).array) and not anomaly.has_nan("text")
    assert not anomaly.has_nan(n.array) and anomaly.layer_path(()) == ""
    with gp.autograd.detect_anomaly(), pytest.raises(gp.errors.AnomalyError, match=r"input 0: shape \(1,\), min -1"):
        x.sqrt()


def test_a_program_beside_the_package_is_the_users():
    def program():
        return anomaly.here().line

    beside = f"{Path(gp.__file__).parent}_train.py"
    program.__code__ = program.__code__.replace(co_filename=beside)
    assert f'File "{beside}"' in program()
