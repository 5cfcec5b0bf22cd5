"""Products or batch norms and ReLU in one: what may be fused, and that nobody can tell but by the launches."""

import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture, nn
from gpunn.capture import Capture
from gpunn.nn.container.fusion import FUSING, can_fuse
from tests.conftest import computing_on


class Own(nn.Linear):
    """May compute anything."""


def changed(module, change):
    change(module)
    return module


def test_what_may_be_fused():
    relu = nn.ReLU()
    norms = [nn.BatchNorm1d(1), nn.BatchNorm2d(1), nn.BatchNorm3d(1)]
    for module in (nn.Linear(2, 2), nn.Conv1d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Conv3d(1, 1, 1), *norms):
        assert can_fuse(module, relu) and can_fuse(module, nn.ReLU(inplace=True))
    others = [
        nn.ReLU(), nn.Tanh(), nn.BatchNorm2d(1, affine=False), nn.InstanceNorm2d(1, affine=True),
        nn.ConvTranspose2d(1, 1, 1), nn.LazyLinear(2), Own(2, 2),
        changed(nn.Linear(2, 2), lambda m: m.register_forward_hook(print)),
        changed(nn.Linear(2, 2), lambda m: m.register_full_backward_hook(print)),
        changed(nn.Linear(2, 2), nn.Module.compile),
        changed(nn.Linear(2, 2), lambda m: setattr(m, "forward", print)),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        changed(nn.Linear(2, 2), lambda m: setattr(m, "weight", nn.Parameter(m.weight.long(), requires_grad=False))),
    ]  # fmt: skip
    assert not any(type(module) in FUSING and can_fuse(module, relu) for module in others)
    hooked = changed(nn.ReLU(), lambda m: m.register_forward_pre_hook(print))
    for after in (nn.GELU(), nn.ReLU6(), nn.LeakyReLU(), hooked):
        assert not can_fuse(nn.Linear(2, 2), after)
    with gp.autograd.detect_anomaly():
        assert not can_fuse(nn.Linear(2, 2), relu)


def test_other_forwards_of_relu_are_called(monkeypatch):
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x - 100)
    assert nn.Sequential(nn.Linear(2, 2), nn.ReLU())(gp.ones(1, 2)).max().item() < -90


def network(device):
    gp.manual_seed(0)
    layers = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(32, 32, 1, bias=False), nn.ReLU()]
    layers += [nn.Conv2d(32, 16, 3, 2, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Flatten()]
    layers[2:2] = [nn.BatchNorm2d(32), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 5)).to(device)


def apart(net):
    """`net` with a hook on each ReLU, which forbids to fuse it."""
    for module in net:
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda module, given, result: None)
    return net


@pytest.mark.parametrize(("lower", "layout"), [(None, gp.contiguous_format), (gp.bfloat16, gp.channels_last)])
def test_bits_are_the_same(lower, layout, device):
    numbers = np.random.default_rng(0).standard_normal((16, 16, 16, 16)).astype("f4")
    found = []
    for is_fused in (False, True):
        net, x = network(device), gp.tensor(numbers, device=device).contiguous(memory_format=layout).requires_grad_()
        if not is_fused:
            apart(net)
        with gp.autocast(device, dtype=lower, enabled=lower is not None):
            y = net(x)
            y.float().square().sum().backward()
        assert type(net[:2](gp.ones(1, 16, 2, 2, device=device)).grad_fn).__name__ == "ReLUBackward0"
        assert y.isfinite().all().item() and x.grad.abs().max().item() > 0
        found.append([t.float().cpu().tolist() for t in (y, x.grad, *[p.grad for p in net.parameters()])])
    assert found[0] == found[1]


def test_launches_are_saved(launches):
    """In bfloat16, where products are on tensor cores, ReLU has no launch of its own; in float32 it has."""
    with computing_on("emulated"), gp.no_grad():
        x = gp.randn(16, 16, 16, 16, device="cuda")
        for net, noted, count in (
            (apart(network("cuda")), None, 5),
            (network("cuda"), None, 0),
            (network("cuda"), Capture(False), 0),
        ):
            launches.clear()
            with capture.noting(noted), gp.autocast("cuda", dtype=gp.bfloat16):
                net(x)
            assert launches.count("relu_forward") == count


def test_errors_name_the_layer():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU())
    with pytest.raises(RuntimeError, match=r"Sequential.1 \(Linear\): got 5 features"):
        net(gp.ones(1, 5))


def test_odd_biases_and_second_derivatives(device):
    """A bias that broadcasts is added as by `linear`; gradients of gradients go through."""
    layer, x = nn.Linear(3, 4), gp.randn(2, 3, device=device, requires_grad=True)
    layer.bias = nn.Parameter(gp.ones(1))
    net = nn.Sequential(layer, nn.ReLU()).to(device)
    found = []
    for module in (net, apart(copy.deepcopy(net))):
        y = module(x)
        (g,) = gp.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        found.append([y.tolist(), g.tolist(), gp.autograd.grad(g.pow(2).sum(), x)[0].tolist()])
    assert found[0] == found[1]
