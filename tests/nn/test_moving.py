import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentTypeError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 2)
        self.norm = nn.BatchNorm2d(4)
        self.tied = nn.Parameter(gp.ones(2))
        self.also = self.tied
        self.register_buffer("steps", gp.tensor([1, 2]))
        self.register_buffer("nothing", None)


def dtypes_of(module):
    return {name: t.dtype for name, t in [*module.named_parameters(), *module.named_buffers()]}


@pytest.mark.parametrize(
    ("move", "dtype"),
    [
        (lambda m: m.to(gp.float64), gp.float64),
        (lambda m: m.to(dtype=gp.bfloat16), gp.bfloat16),
        (lambda m: m.to("cpu", gp.float64), gp.float64),
        (lambda m: m.to(gp.zeros(1, dtype=gp.float64)), gp.float64),
        (lambda m: m.to("cpu", gp.float16, True), gp.float16),
        (lambda m: m.double(), gp.float64),
        (lambda m: m.half(), gp.float16),
        (lambda m: m.bfloat16(), gp.bfloat16),
        (lambda m: m.double().float(), gp.float32),
    ],
)
def test_dtype_of_what_is_floating(move, dtype):
    net = Net()
    parameters = dict(net.named_parameters())
    assert move(net) is net
    found = dtypes_of(net)
    whole = {"steps", "norm.num_batches_tracked"}
    assert {found[name] for name in whole} == {gp.int64}
    assert {found[name] for name in found.keys() - whole} == {dtype}
    assert all(p is parameters[name] and p.requires_grad for name, p in net.named_parameters())
    assert net.tied is net.also and net.nothing is None


def test_type_converts_integers_too():
    assert set(dtypes_of(Net().requires_grad_(False).type(gp.float64)).values()) == {gp.float64}


def test_device(device):
    net = Net().to(device)
    assert {t.device.type for t in [*net.parameters(), *net.buffers()]} == {device}
    assert {t.device.type for t in net.cpu().state_dict().values()} == {"cpu"}
    if device == "cuda":
        assert {t.device.type for t in net.cuda().state_dict().values()} == {"cuda"}
        assert str(net.cuda(0).tied.device) == "cuda:0"


def test_gradients_go_along(device):
    net = nn.Linear(2, 1)
    net(gp.ones(1, 2)).sum().backward()
    net.to(device, gp.float64)
    assert net.weight.grad.dtype is gp.float64 and net.weight.grad.device.type == device
    assert net.weight.grad.tolist() == [[1, 1]]


def test_optimisers_keep_their_parameters():
    net = nn.Linear(2, 1)
    held = net.weight
    net.double()
    with gp.no_grad():
        held.fill_(7)
    assert net.weight.tolist() == [[7, 7]]


def test_memory_format_of_what_has_four_dimensions():
    net = Net().to(memory_format=gp.channels_last)
    assert net.conv.weight.is_contiguous(memory_format=gp.channels_last)
    assert not net.conv.weight.is_contiguous()
    assert net.conv.bias.is_contiguous()


def test_own_apply_of_a_module_inside_is_called():
    class Own(nn.Linear):
        def _apply(self, fn, recurse=True):
            self.calls = getattr(self, "calls", 0) + 1
            return super()._apply(fn, recurse)

    net = nn.Sequential(nn.Sequential(Own(1, 1)))
    net.double()
    assert net[0][0].calls == 1


def test_wrong_arguments_change_nothing():
    net = Net()
    with pytest.raises(
        ArgumentTypeError, match=r"only accepts floating point dtypes, but got desired dtype=gpunn.int64"
    ):
        net.to(gp.int64)
    with pytest.raises(ArgumentTypeError, match="to: expected a device, a dtype or a Tensor, got float"):
        net.to(0.5)
    assert dtypes_of(net)["conv.weight"] is gp.float32


def test_to_empty(device):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = dict(net.named_parameters())
    assert net.to_empty(device=device) is net
    assert all(p is before[name] and p.is_cuda == (device != "cpu") for name, p in net.named_parameters())
    assert net[1].running_mean.shape == (3,)
    assert net[0].weight.shape == (3, 2)
