"""`compile`: what is recorded, when, and what comes back."""

import warnings

import pytest

import gpunn as gp
from gpunn import backend, capture
from gpunn.compile.step import WARM_UPS, CompiledModule

F = gp.nn.functional


def test_on_the_cpu_it_is_the_function():
    calls = []

    @gp.compile
    def double(x, *, add=0):
        """Twice x."""
        calls.append(x)
        return x * 2 + add

    x = gp.ones(3)
    for _ in range(5):
        assert double(x, add=1).tolist() == [3, 3, 3]
    assert len(calls) == 5 and double.__doc__ == "Twice x." and double.__name__ == "double"


def test_arguments_of_compile():
    assert gp.compile(len, disable=True) is len
    made = gp.compile(fullgraph=True, dynamic=False, backend="eager", mode="max-autotune", options={}, name="n")(abs)
    assert made(gp.tensor([-1.0])).tolist() == [1]
    with pytest.raises(TypeError, match="expected a function or a Module, got int"):
        gp.compile(3)


def test_modules():
    net = gp.nn.Sequential(gp.nn.Linear(2, 3), gp.nn.Dropout())
    compiled = gp.compile(net)
    assert isinstance(compiled, CompiledModule) and compiled._orig_mod is net
    assert [name for name, _ in compiled.named_parameters()] == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert compiled[0] is net[0] if hasattr(type(compiled), "__getitem__") else compiled._orig_mod[0] is net[0]
    compiled.eval()
    assert not net.training and not net[1].training
    x = gp.ones(1, 2)
    assert compiled(x).tolist() == net(x).tolist()
    with pytest.raises(AttributeError, match="nothing"):
        _ = compiled.nothing


def test_inference_of_a_module_is_recorded_by_mode(gpu):
    gp.manual_seed(0)
    net = gp.nn.Sequential(gp.nn.Linear(4, 4), gp.nn.BatchNorm1d(4)).to("cuda")
    compiled, x = gp.compile(net), gp.randn(3, 4, device="cuda")
    with gp.no_grad():
        for i in range(4):
            compiled.eval()
            with capture.noting(None):
                wanted = net(x).tolist()
            assert compiled(x).tolist() == wanted
            compiled.train()
            assert compiled(x).tolist() != wanted
            assert net[1].num_batches_tracked.item() == i + 1
    assert len(compiled.steps.graphs) == 2


def test_a_model_whose_loss_is_outside_stays_eager(gpu):
    net = gp.nn.Linear(4, 1).to("cuda")
    compiled, x = gp.compile(net), gp.ones(3, 4, device="cuda")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(5):
            compiled(x).sum().backward()
    assert net.weight.grad.tolist() == [[15.0] * 4]
    (warning,) = told
    assert "compile the whole training step" in str(warning.message)


def test_eager_runs_beside_wait_for_what_was_before_and_are_waited_for(emulated, monkeypatch):
    """The emulated streams do everything at once, so what is told to wait is noted."""
    told, cuda = [], backend.cuda_module().cuda
    wait = cuda.Stream.wait_event
    monkeypatch.setattr(cuda.Stream, "wait_event", lambda stream, event: told.append(stream.ptr) or wait(stream, event))
    seen = []
    run = gp.compile(lambda x: seen.append(cuda.get_current_stream().ptr) or x * 2)
    run(gp.ones(2, device="cuda"))
    here = cuda.get_current_stream().ptr
    assert seen[0] != here and told == [seen[0], here]


def test_each_shape_has_its_graph_and_odd_ones_are_eager(gpu):
    runs = []

    @gp.compile
    def mean(x, power=1):
        runs.append(x.shape)
        return (x**power).mean()

    for i in range(5):
        for n in (8, 8, 3):
            assert mean(gp.full((n,), float(i), device="cuda")).item() == i
    assert runs.count((8,)) == WARM_UPS + 2 and runs.count((3,)) == WARM_UPS + 2  # recording runs it twice
    assert mean(gp.full((8,), 3.0, device="cuda"), power=2).item() == 9
    assert mean(gp.full((8,), 3.0, device="cuda").double()).item() == 3
    assert mean(gp.full((16,), 3.0, device="cuda")[::2]).item() == 3
    assert len(mean.steps.graphs) == 2


def test_graphs_are_few(gpu):
    power = gp.compile(lambda x, n: x**n, recompile_limit=2)
    x = gp.full((2,), 2.0, device="cuda")
    for n in (1, 2, 3, 1):
        for _ in range(4):
            assert power(x, n).tolist() == [2.0**n] * 2
        assert len(power.steps.graphs) == min(n, 2) or n == 1


def test_views_with_gaps_stay_eager(gpu):
    double, x = gp.compile(lambda x: x * 2), gp.arange(6.0).to("cuda")
    with pytest.warns(UserWarning, match="view with gaps"):
        assert [double(x[::2]).tolist() for _ in range(4)] == [[0, 4, 8]] * 4


def test_what_is_returned(gpu):
    @gp.compile
    def function(x, parts, weight):
        return {"x": x, "twice": [x * 2, (parts[0] + 1,)], "weight": weight, "number": 3}

    weight = gp.nn.Parameter(gp.ones(2, device="cuda"))
    for i in range(4):
        x, part = gp.full((2,), float(i), device="cuda"), gp.zeros(1, device="cuda")
        found = function(x, [part], weight)
        assert found["x"] is x and found["weight"] is weight and found["number"] == 3
        assert found["twice"][0].tolist() == [2 * i] * 2 and found["twice"][1][0].tolist() == [1]


def test_attributes_are_those_of_the_module():
    net = gp.nn.Linear(2, 3)
    compiled = gp.compile(net)
    compiled.weight = gp.nn.Parameter(gp.ones(3, 2))
    compiled.size = 3
    assert net.size == 3 and net.weight.tolist() == [[1.0, 1.0]] * 3
    assert [name for name, _ in compiled.named_parameters()] == ["_orig_mod.weight", "_orig_mod.bias"]
    del compiled.size
    compiled.bias = None
    assert not hasattr(net, "size") and net.bias is None
    assert compiled(gp.ones(1, 2)).tolist() == [[2.0, 2.0, 2.0]]
    compiled.training = False
    assert not net.training and not compiled.training
