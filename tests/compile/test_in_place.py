"""`Module.compile`: a module that is recorded stays what it is."""

import copy
import pickle
import threading

import pytest

import gpunn as gp
from gpunn import capture


def test_a_module_in_place(gpu):
    """`Module.compile` keeps names, class and hooks; copies, also by pickle, are not compiled."""
    gp.manual_seed(0)
    net, seen = gp.nn.Sequential(gp.nn.Linear(4, 4), gp.nn.Tanh()).to("cuda"), []
    net.register_forward_hook(lambda module, args, y: seen.append(module) or y + 1)
    plain, x = copy.deepcopy(net), gp.randn(3, 4, device="cuda")
    assert net.compile(fullgraph=True) is None
    assert [*net.state_dict()] == ["0.weight", "0.bias"] and type(net) is gp.nn.Sequential
    with gp.no_grad():
        found = [net(x).tolist() for _ in range(5)]
        assert len(seen) == 4, "two eager calls, two recordings"
        assert len(net._compiled.call.steps.graphs) == 1
        with capture.noting(None):
            assert found == [plain(x).tolist()] * 5
        for other in (copy.deepcopy(net), copy.copy(net)):
            assert other._compiled is None
            assert other(x).shape == (3, 4)
        gp.nn.utils.parametrizations.weight_norm(net[0])
        assert copy.deepcopy(net[0])._compiled is None
    single = gp.nn.Linear(2, 2)
    single.compile()
    assert pickle.loads(pickle.dumps(single))._compiled is None
    assert single(gp.ones(1, 2)).requires_grad, "on the CPU it is the module"


def test_errors_and_threads():
    """A call that fails leaves the module compiled; another thread is not inside a call of this one."""

    class Layer(gp.nn.Module):
        def forward(self, x, act=None):
            if act is not None:
                act()
            return x * 2

    layer, calls = Layer(), []
    layer.compile()
    compiled = layer._compiled.call
    layer._compiled.call = lambda *args: calls.append(args) or compiled(*args)
    with pytest.raises(RuntimeError, match="mine"):
        layer(gp.ones(1), error)
    assert layer(gp.ones(1)).tolist() == [2] and len(calls) == 2

    def in_thread():
        thread = threading.Thread(target=layer, args=(gp.ones(1),))
        thread.start()
        thread.join()
        layer(gp.ones(1))

    layer(gp.ones(1), in_thread)
    assert len(calls) == 4, "inside itself, in one thread, it only computes"


def error():
    raise RuntimeError("mine")
