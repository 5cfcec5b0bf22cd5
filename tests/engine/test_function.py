import contextlib

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.engine import Function, Variable


class Two(Function):
    """(x + 1, integer part): the second output carries no gradient."""

    def forward(self, x):
        return x + 1, x.astype(np.int64)

    def backward(self, grad, _):
        return grad


class Kept(Function):
    def forward_numpy(self, x):
        self.kept = x > 0
        return x * 2

    def forward_cuda(self, x):
        self.kept = x > 0
        return x * 3

    def backward(self, grad):
        return grad * Variable.result_type(self.kept.astype(np.float64))


class Silent(Function):
    pass


def test_integer_outputs_carry_no_gradient():
    x = gp.tensor([1.5, 2.5], requires_grad=True)
    y, n = Two()(x)
    assert y.requires_grad and not n.requires_grad and n.dtype is gp.int64
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_each_device_has_its_forward(device):
    x = gp.tensor(np.array([1.0, -1.0]), device=device, requires_grad=True)
    y = Kept()(x)
    assert y.tolist() == ([2.0, -2.0] if device == "cpu" else [3.0, -3.0])
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_what_is_missing_is_named():
    x = gp.tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="Silent has no forward"):
        Silent()(x)
    with pytest.raises(NotImplementedError, match="Silent is not differentiable"):
        Silent().backward(x)


def test_devices_mix_only_through_0d_tensors(device):
    if device == "cpu":
        pytest.skip("needs a second device")
    a, b = gp.ones(2, 3, device=device), gp.ones(3)
    with pytest.raises(
        RuntimeError,
        match=r"Expected all tensors to be on the same device.*\(2, 3\) on cuda:0.*\(3,\) on cpu",
    ):
        a + b
    scalar = gp.tensor(2.0, requires_grad=True)
    y = a * scalar  # PyTorch lets a 0-d CPU tensor in
    assert y.device.type == "cuda"
    y.sum().backward()
    assert scalar.grad.item() == 6.0 and scalar.grad.device.type == "cpu"


def test_numpy_warnings_stay_off():
    x = gp.tensor([0.0, -1.0, 1e38])
    assert x.log().isnan().tolist() == [False, True, False]
    assert (x * 1e38).tolist()[2] == float("inf")


def test_numbers_are_saved_as_they_are():
    x = gp.tensor([3.0], requires_grad=True)
    (x * 2.5).backward()
    assert x.grad.tolist() == [2.5]


def test_next_functions():
    x = gp.tensor([3.0], requires_grad=True)
    y = x * 2.0
    assert y.grad_fn.next_functions[0][0].variable is x
    assert y.grad_fn.next_functions[1] == (None, 0)


def test_of_several_gpus_that_of_the_arrays_is_the_current_one(monkeypatch):
    with emulator.enable():
        x, on_cpu = gp.ones(2, device="cuda"), gp.ones(2)
        placed = []
        monkeypatch.setattr(backend, "_count", 2)
        monkeypatch.setattr(backend, "placed_on", lambda where: placed.append(str(where)) or contextlib.nullcontext())
        y, _ = Kept()(x), Kept()(on_cpu)
        assert placed == ["cuda:0"]
        assert y.tolist() == [3.0, 3.0]


def test_nodes_are_called_as_in_pytorch():
    x = gp.ones(3, requires_grad=True)
    for y, name in ((x.mean(), "MeanBackward0"), (x * 2, "MulBackward0"), (x.reshape(1, 3).t(), "PermuteBackward0")):
        assert type(y.grad_fn).__name__ == y.grad_fn.name() == name
        assert y.grad_fn.op_name == type(y.grad_fn).__qualname__ == name.removesuffix("Backward0")
    assert type((x * 1).grad_fn.next_functions[0][0]).__name__ == "AccumulateGrad"
