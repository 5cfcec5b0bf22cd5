"""Recorded steps do what eager ones do, bit for bit. On the emulated device, and a real one where there is one."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture, emulator
from gpunn.compile.step import WARM_UPS
from gpunn.utils.checkpoint import checkpoint
from tests.compile.models import MLP, MODELS, OPTIMIZERS, SmallGPT, batches, training
from tests.conftest import computing_on

F = gp.nn.functional


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


def full(value, *shape):
    """Whole numbers on the GPU."""
    return gp.full(shape, value, device="cuda")


LAYERS = {
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "ctc": lambda x: F.ctc_loss(x.log_softmax(2), full(1, 3, 2), (2, 2, 2), (1, 2, 1)),
    "ctc, lengths on the GPU": lambda x: F.ctc_loss(x.log_softmax(2), full(1, 3), full(2, 3), full(1, 3)),
    "embedding": lambda x: F.embedding(gp.zeros(3, 4, device="cuda").long(), x[0]),
    "interpolate": lambda x: F.interpolate(x[None], scale_factor=2, mode="bilinear"),
    "average pool": lambda x: F.avg_pool2d(x[None], 2, 2, 1),
    "scatter": lambda x: gp.zeros(2, 3, 5, device="cuda").scatter_add(0, gp.zeros(2, 3, 5, device="cuda").long(), x),
    "batch product": lambda x: gp.einsum("bij,bkj->bik", x, x),
    "cumulative sum": lambda x: x.cumsum(1),
    "largest": lambda x: x.max(2)[0],
    "choices by weight": lambda x: x * gp.multinomial(x.detach().abs()[0], 5, True),
    "choices without replacement": lambda x: x[0] * gp.multinomial(x.detach().abs()[0], 4)[:, :1],
    "sorted": lambda x: x.sort(1, descending=True)[0],
    "order": lambda x: x * x.argsort(0),
    "largest three": lambda x: x.topk(3)[0],
    "third smallest": lambda x: x.kthvalue(3)[0],
    "medians": lambda x: x.median(2)[0] + x.nanmedian(1)[0].sum() + x.median(),
    "quantiles": lambda x: x.quantile(0.3, 2),
    "most frequent": lambda x: x.round().mode(2)[0],
    "random order": lambda x: x[:, :, gp.randperm(5, device="cuda")],
    "grid sample": lambda x: F.grid_sample(x[None], x.new_ones(1, 2, 2, 2) * x[0, 0, :2], align_corners=False),
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
