"""Captured steps on the emulated device, whose capture refuses what CUDA and CuPy refuse. Sizes are far from real."""

import contextlib
import gc
import warnings
import weakref

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture, emulator
from gpunn.capture import CaptureError
from gpunn.compile import keys, refusals
from gpunn.compile.step import WARM_UPS, CompiledModule
from gpunn.utils.checkpoint import checkpoint
from tests.compiled_models import LSTM, MLP, LeNet5, ResNet20, SmallGPT
from tests.conftest import computing_on

F = gp.nn.functional


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def gpu(request):
    """The emulated device, and a real one where there is one."""
    with computing_on(request.param):
        yield


@pytest.fixture
def emulated():
    """The emulated device, for what only it tells."""
    with computing_on("emulated"):
        yield


def images(*shape):
    return lambda rng: rng.standard_normal(shape).astype("f4")


def labels(most, *shape):
    return lambda rng: rng.integers(0, most, shape)


MODELS = {
    "MLP": (MLP, images(16, 20), labels(10, 16)),
    "LeNet-5": (LeNet5, images(4, 1, 14, 14), labels(10, 4)),
    "LSTM LM": (LSTM, labels(12, 3, 5), labels(12, 15)),
    "small GPT": (SmallGPT, labels(12, 2, 6), labels(12, 12)),
    "CIFAR ResNet-20": (ResNet20, images(2, 3, 8, 8), labels(10, 2)),
}
OPTIMIZERS = [lambda p: gp.optim.SGD(p, lr=0.05, momentum=0.9), lambda p: gp.optim.AdamW(p, lr=1e-2)]


def training(model, make_optimizer):
    """A model, its optimizer, and a step: forward, backward, clipping, optimizer."""
    gp.manual_seed(0)
    net = model().to("cuda")
    optimizer = make_optimizer(net.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        gp.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    gp.manual_seed(1)
    return net, optimizer, step


def batches(x, y, number):
    rng = np.random.default_rng(2)
    return [(gp.tensor(x(rng), device="cuda"), gp.tensor(y(rng), device="cuda")) for _ in range(number)]


@pytest.mark.parametrize("name", MODELS)
def test_losses_are_those_of_eager_steps(name, gpu):
    """Bit for bit, with dropout, batch norm, clipping, a rate that changes, and a draw between steps."""
    model, *kinds = MODELS[name]
    data = batches(*kinds, 6)
    optimizer = OPTIMIZERS[len(name) % 2]
    curves, nets = [], []
    for is_compiled in (False, True):
        net, chosen, step = training(model, optimizer)
        run = gp.compile(step) if is_compiled else step
        losses = []
        with contextlib.nullcontext() if is_compiled else capture.noting(None):
            for i, (x, y) in enumerate(data):
                if i == 4:
                    chosen.param_groups[0]["lr"] *= 0.5
                if i == 5:
                    gp.rand(7)
                losses.append(run(x, y))
        curves.append([loss.item() for loss in losses])
        nets.append(net)
    assert len(run.steps.graphs) == 1
    assert curves[0] == curves[1] and len(set(curves[0])) == 6
    for mine, theirs in zip(nets[0].state_dict().values(), nets[1].state_dict().values(), strict=True):
        np.testing.assert_array_equal(mine.cpu().numpy(), theirs.cpu().numpy())
    for mine, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        np.testing.assert_array_equal(mine.grad.cpu().numpy(), theirs.grad.cpu().numpy())


def test_nothing_is_launched_from_the_host(emulated, monkeypatch):
    """A replay sends nothing and waits for nothing; the graph has the forward, the backward and the optimizer."""
    _, _, step = training(MLP, OPTIMIZERS[1])
    run = gp.compile(step)
    ((x, y),) = batches(*MODELS["MLP"][1:], 1)
    for _ in range(WARM_UPS + 2):
        run(x, y)
    (graph,) = run.steps.graphs.values()
    names = [operation.name for operation in graph._graph.operations]
    assert {"adam", "clip_by_norm", "dropout", "cross_entropy_forward"} <= {*names}
    before = emulator.synchronisations.count
    with monkeypatch.context() as m:
        m.setattr("gpunn.kernels.prepared.Prepared.run", None)
        losses = [run(x, y) for _ in range(3)]
    assert emulator.synchronisations.count == before
    assert len({loss.item() for loss in losses}) == 3  # copies: the next launch does not write over them


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


LAYERS = {
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "ctc": lambda x: F.ctc_loss(x.log_softmax(2), gp.full((3, 2), 1, device="cuda"), (2, 2, 2), (1, 2, 1)),
    "embedding": lambda x: F.embedding(gp.zeros(3, 4, device="cuda").long(), x[0]),
    "interpolate": lambda x: F.interpolate(x[None], scale_factor=2, mode="bilinear"),
    "average pool": lambda x: F.avg_pool2d(x[None], 2, 2, 1),
    "scatter": lambda x: gp.zeros(2, 3, 5, device="cuda").scatter_add(0, gp.zeros(2, 3, 5, device="cuda").long(), x),
    "batch product": lambda x: gp.einsum("bij,bkj->bik", x, x),
    "cumulative sum": lambda x: x.cumsum(1),
    "largest": lambda x: x.max(2)[0],
    "normal numbers": lambda x: x + gp.randn_like(x),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_and_their_gradients(name, gpu):
    """What keeps tables on the GPU, sorts, draws, or multiplies matrices."""
    results = []
    for is_compiled in (False, True):
        gp.manual_seed(0)
        weight = gp.nn.Parameter(gp.randn(2, 3, 5, device="cuda"))

        def step(factor, weight=weight):
            weight.grad = None
            y = LAYERS[name](weight * factor)
            (y * y).sum().backward()
            return y.detach(), weight.grad.clone()

        run = gp.compile(step) if is_compiled else step
        with contextlib.nullcontext() if is_compiled else capture.noting(None):
            factors = [gp.full((), float(i), device="cuda") for i in range(1, 5)]
            results.append([[t.tolist() for t in run(factor)] for factor in factors])
    assert str(results[0]) == str(results[1])
    assert len(run.steps.graphs) == 1


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


def test_arguments_that_are_changed(gpu):
    @gp.compile
    def count(x):
        x += 1
        return x

    x = gp.zeros(3, device="cuda")
    for i in range(6):
        assert count(x) is x
        assert x.tolist() == [i + 1] * 3


def test_gradients_that_are_added_up(gpu):
    weight = gp.nn.Parameter(gp.ones(2, device="cuda"))
    add = gp.compile(lambda x: (weight * x).sum().backward())
    x = gp.full((2,), 2.0, device="cuda")
    for i in range(5):
        add(x)
        assert weight.grad.tolist() == [2.0 * (i + 1)] * 2
    weight.grad = None  # the graph adds to another one
    for i in range(5):
        add(x)
        assert weight.grad.tolist() == [2.0 * (i + 1)] * 2


def test_gradients_that_are_forgotten_outside(gpu):
    weight = gp.nn.Parameter(gp.ones(2, device="cuda"))
    run = gp.compile(lambda x: (weight * x).sum().backward())
    for i in range(6):
        weight.grad = None
        run(gp.full((2,), float(i), device="cuda"))
        assert weight.grad.tolist() == [i] * 2
    assert len(run.steps.graphs) == 1


def test_memory_goes_with_the_graph(emulated):
    net, _, step = training(MLP, OPTIMIZERS[0])
    run = gp.compile(step)
    ((x, y),) = batches(*MODELS["MLP"][1:], 1)
    for _ in range(WARM_UPS):
        run(x, y)
    used = gp.cuda.memory_allocated()
    run(x, y)
    (graph,) = run.steps.graphs.values()
    pool = graph._pool
    assert pool.used_bytes() > 0
    before = graph._graph.nbytes
    for _ in range(3):
        run(x, y)
    assert graph._graph.nbytes == before
    assert gp.cuda.memory_allocated() <= used + (x.nbytes + y.nbytes) * 2 + 1024
    dead = weakref.ref(graph)
    net.zero_grad()
    del graph, run
    gc.collect()
    assert dead() is None
    assert pool.used_bytes() == 0


def test_indices_out_of_bounds_are_told(gpu):
    table = gp.ones(5, 2, device="cuda")
    look_up = gp.compile(lambda i: F.embedding(i, table).sum())
    for _ in range(4):
        assert look_up(gp.tensor([1, 4], device="cuda")).item() == 4
    look_up(gp.tensor([1, 7], device="cuda"))
    with pytest.raises(IndexError, match="index 7 at position 1"):
        gp.cuda.synchronize()
    assert look_up(gp.tensor([1, 4], device="cuda")).item() == 4
    F.embedding(gp.tensor([9], device="cuda"), table)
    with pytest.raises(IndexError, match="index 9"):
        gp.cuda.synchronize()


def choose(x):
    if x.sum() > 0:
        x = x * 2
    return x


times = []


def drift(x):
    times.append(x)
    return F.leaky_relu(x, 0.1 * len(times))


REFUSED = {
    "item": (lambda x: x * x.sum().item(), "`item`", "read it outside"),
    "bool": (choose, r"in choose: if x\.sum\(\) > 0:: `__bool__`", "gp.where"),
    "mask": (lambda x: x[x > 0], "`getitem`", "gp.where"),
    "nonzero": (lambda x: x.nonzero(), "`nonzero`", "depends on the data"),
    "tolist": (lambda x: x.tolist(), "`tolist`", "read it outside"),
    "numpy": (lambda x: x.cpu().numpy(), "`cpu`", "outside the step"),
    "print": (lambda x: print(x), "`__repr__`", "read it outside"),
    "copy": (lambda x: x + gp.tensor([1.0, 2.0], device="cuda"), "`tensor`", "pass it in"),
    "sort": (lambda x: x.sort(), "`sort`", "outside the step"),
    "batch norm": (
        gp.nn.Sequential(gp.nn.Identity(), gp.nn.BatchNorm1d(2, momentum=None, device="cpu")),
        "`BatchNorm.forward`",
        "momentum",
    ),
    "inverse": (lambda x: gp.linalg.inv(x.diag()), "linalg.inv|`inv`", "outside the step"),
    "seed": (lambda x: gp.manual_seed(0) and x, "manual_seed", "outside"),
    "drift": (drift, r"line \d+, in drift: .* number \d of leaky_relu", "argument"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, emulated):
    """The error names this file, the line, the operation and the fix, and leaves everything as it was."""
    function, what, fix = REFUSED[name]
    x = gp.tensor([1.0, 2.0], device="cuda")
    run = gp.compile(lambda x: function(x))
    if isinstance(function, gp.nn.Module):
        layer = function.to("cuda")
        run = gp.compile(lambda x: layer(x.expand(3, 2)).detach())
    for _ in range(WARM_UPS):
        run(x)
    state = gp.get_rng_state().tolist()
    with pytest.raises(CaptureError, match=f"test_compile.py.*({what})") as caught:
        run(x)
    assert fix in str(caught.value)
    assert gp.get_rng_state().tolist() == state
    assert x.tolist() == [1, 2] and (x * 2).tolist() == [2, 4]


def test_errors_of_the_user_stay_what_they_are(gpu):
    runs = []

    @gp.compile
    def step(x):
        runs.append(x)
        if len(runs) > WARM_UPS:
            raise KeyError("mine")
        return x * 2

    x = gp.ones(2, device="cuda")
    step(x), step(x)
    with pytest.raises(KeyError, match="mine"):
        step(x)


def test_checked_kernels_find_no_fault():
    """Replays of every kernel of the GPT in check mode: bounds, races, reads of what nobody has written."""
    with computing_on("checked"):
        _, _, step = training(SmallGPT, OPTIMIZERS[1])
        run = gp.compile(step)
        losses = [run(x, y) for x, y in batches(*MODELS["small GPT"][1:], WARM_UPS + 2)]
        assert len(run.steps.graphs) == 1
        assert np.isfinite([loss.item() for loss in losses]).all()


@pytest.mark.parametrize("is_outside", [False, True])
def test_autocasting(is_outside, gpu):
    """The casts of parameters are made anew in each launch, also if the region is around it."""
    curves = []
    for is_compiled in (False, True):
        net, optimizer, _ = training(MLP, OPTIMIZERS[0])

        def step(x, y, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            with gp.autocast("cuda", dtype=gp.bfloat16):
                loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = gp.compile(step) if is_compiled else step
        around = gp.autocast("cuda", dtype=gp.bfloat16) if is_outside else contextlib.nullcontext()
        with around, contextlib.nullcontext() if is_compiled else capture.noting(None):
            curves.append([run(x, y).item() for x, y in batches(*MODELS["MLP"][1:], 6)])
    assert curves[0] == curves[1] and len(set(curves[0])) == 6
    assert len(run.steps.graphs) == 1


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_scaled_losses(name, gpu):
    """The GPU leaves steps with infinite gradients out, and halves the scale; counts do not count them."""
    make = {"SGD": OPTIMIZERS[0], "Adam": lambda p: gp.optim.Adam(p, lr=1e-2), "NAdam": gp.optim.NAdam}[name]
    curves, scalers, optimizers = [], [], []
    for is_compiled in (False, True):
        net, optimizer, _ = training(lambda: gp.nn.Linear(20, 10), make)
        scaler = gp.amp.GradScaler("cuda", init_scale=2.0**10, growth_interval=2)

        def step(x, y, net=net, optimizer=optimizer, scaler=scaler):
            optimizer.zero_grad()
            with gp.autocast("cuda", dtype=gp.float16):
                loss = F.cross_entropy(net(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return loss

        run = gp.compile(step) if is_compiled else step
        with contextlib.nullcontext() if is_compiled else capture.noting(None):
            losses = []
            for i, (x, y) in enumerate(batches(*MODELS["MLP"][1:], 9)):
                losses.append(run(x * float("inf") if i in (4, 6) else x, y))
        curves.append([str(loss.item()) for loss in losses])
        scalers.append(scaler.state_dict())
        optimizers.append([[t.tolist() for t in s.values()] for s in optimizer.state_dict()["state"].values()])
    assert curves[0] == curves[1]
    assert curves[0][4] == "nan" != curves[0][8]
    assert scalers[0] == scalers[1]
    assert optimizers[0] == optimizers[1]
    assert len(run.steps.graphs) == 1


def test_recomputed_dropout_draws_the_same(gpu):
    curves = []
    for is_compiled in (False, True):
        net, optimizer, _ = training(MLP, OPTIMIZERS[1])

        def step(x, y, net=net, optimizer=optimizer):
            optimizer.zero_grad()
            loss = F.cross_entropy(checkpoint(net, x, use_reentrant=False), y)
            loss.backward()
            optimizer.step()
            return loss

        run = gp.compile(step) if is_compiled else step
        with contextlib.nullcontext() if is_compiled else capture.noting(None):
            curves.append([run(x, y).item() for x, y in batches(*MODELS["MLP"][1:], 5)])
    assert curves[0] == curves[1]


def test_keys(emulated):
    x, weight = gp.ones(2), gp.nn.Parameter(gp.ones(2))
    tensors = []
    key = keys.key_of(({"a": x, "b": [1, 2.0, "c", weight]}, [{}], {1}), tensors)
    assert tensors == [x, weight] or (tensors[0] is x and tensors[1] is weight)
    assert hash(key) is not None
    assert keys.key_of(1, []) != keys.key_of(True, []) and keys.key_of(1, []) != keys.key_of(1.0, [])
    assert keys.key_of([1], []) != keys.key_of((1,), [])
    thing = [set()]
    assert keys.key_of(thing[0], []) == keys.key_of(thing[0], []) != keys.key_of(set(), [])
    assert keys.Same(thing) != thing
    before = keys.surroundings()
    with gp.no_grad():
        assert keys.surroundings() != before
    with gp.autocast("cuda", dtype=gp.bfloat16):
        casting = keys.surroundings()
        assert casting != before
        with gp.autocast("cuda", dtype=gp.float16):
            assert keys.surroundings() not in (before, casting)
    assert keys.surroundings() == before


def test_refusals_are_told_apart():
    for error in (
        RuntimeError("the current stream is capturing, so synchronous API calls are disallowed"),
        NotImplementedError("calling cuBLAS API during stream capture is currently unsupported"),
    ):
        assert refusals.is_refusal(error)
        assert isinstance(refusals.explained(error), CaptureError)
    for error in (ValueError("captured"), RuntimeError("out of memory")):
        assert not refusals.is_refusal(error)
        assert refusals.explained(error) is error
