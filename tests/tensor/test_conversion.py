"""`to`, clone, contiguous and detach are tested with gpunn/ops/shape/conversion.py."""

import numpy as np
import pytest

import gpunn as gp
from tests.ops.shape.test_views import counted

NAMES = {
    "bool": gp.bool,
    "byte": gp.uint8,
    "char": gp.int8,
    "short": gp.int16,
    "int": gp.int32,
    "long": gp.int64,
    "half": gp.float16,
    "bfloat16": gp.bfloat16,
    "float": gp.float32,
    "double": gp.float64,
}


@pytest.mark.parametrize("name", NAMES)
def test_named_conversions(name, device):
    x = gp.tensor([0.0, 1.5], device=device).double()
    y = getattr(x, name)()
    assert y.dtype is NAMES[name]
    assert y.tolist() == np.array([0, 1.5]).astype(NAMES[name].numpy).tolist()
    assert getattr(y, name)() is y
    last = getattr(gp.zeros(1, 2, 3, 4), name)(memory_format=gp.channels_last)
    assert last.is_contiguous(memory_format=gp.channels_last)


def test_cpu_and_cuda(device):
    x = gp.ones(2, device=device)
    assert x.cpu().device == gp.device("cpu") and x.cpu().cpu() is not None
    if device == "cuda":
        assert x.cuda() is x and x.cpu().cuda(0).device == gp.device("cuda:0") and x.is_cuda
    else:
        assert x.cpu() is x and not x.is_cuda
        with pytest.raises(RuntimeError, match='"cuda" is not available'):
            x.cuda()


def test_type(device):
    x = gp.ones(2, device=device)
    prefix = "gpunn.cuda." if device == "cuda" else "gpunn."
    assert x.type() == prefix + "FloatTensor" and x.bool().type() == prefix + "BoolTensor"
    assert x.type(gp.float64).dtype is x.type(float).dtype is gp.float64
    half = x.type(prefix + "HalfTensor")
    assert half.dtype is gp.float16 and half.device == x.device
    assert x.type("gpunn.LongTensor").device == gp.device("cpu")
    for wrong in ("HalfTensor", "gpunn.HugeTensor", "gpunn.Half"):
        with pytest.raises(ValueError, match=f"invalid type: '{wrong}'"):
            x.type(wrong)


def test_layout_methods(device):
    x = counted(2, 3, device=device)
    assert x.is_contiguous() and not x.t().is_contiguous() and x.t().contiguous().is_contiguous()
    assert x.select(0, 1).data_ptr() - x.data_ptr() == 3 * x.element_size()
    assert x.contiguous() is x


class TestPythonValues:
    def test_numbers(self, device):
        x = gp.tensor(2.75, device=device)
        assert x.item() == float(x) == 2.75 and int(x) == 2 and bool(x)
        assert type(gp.tensor([[True]]).item()) is bool and type(gp.tensor(1, dtype=gp.bfloat16).item()) is float
        assert not gp.zeros(1, 1)
        assert [10, 20, 30][gp.tensor(1, device=device)] == 20
        assert gp.tensor([[1, 2]], device=device).tolist() == [[1, 2]]
        assert float(gp.ones(1, requires_grad=True)) == 1

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda: gp.ones(2).item(), RuntimeError, "2 elements cannot be converted to Scalar"),
            (lambda: bool(gp.ones(2)), RuntimeError, "more than one value is ambiguous"),
            (lambda: bool(gp.ones(0)), RuntimeError, "no values is ambiguous"),
            (lambda: [1][gp.tensor(0.0)], TypeError, "only integer tensors"),
        ],
    )
    def test_errors(self, call, error, words):
        with pytest.raises(error, match=words):
            call()


class TestNumpy:
    def test_shares_memory(self):
        x = counted(2, 3)
        x.numpy()[0, 0] = 9
        assert x.tolist() == [[9, 1, 2], [3, 4, 5]]

    def test_refuses_what_would_be_lost(self, device):
        x = gp.ones(2, device=device, requires_grad=True)
        with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\)"):
            x.numpy()
        assert x.numpy(force=True).tolist() == [1, 1]
        if device == "cuda":
            with pytest.raises(TypeError, match=r"cuda:0 .* Use Tensor\.cpu\(\)"):
                x.detach().numpy()
