"""The promised layers and losses on the samples of PyTorch's module database, with the same state dict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch.testing import make_tensor
from torch.testing._internal.common_modules import FunctionInput, ModuleErrorEnum, ModuleInput, module_db

import gpunn as gp
from tests.oracle import bridge, checks, layers, promised
from tests.oracle.bridge import Twins
from tests.oracle.compare import Tolerance, difference, flat
from tests.oracle.scores import Tally

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

# Of whole layers: sums of many products, once forward and once backward.
LIMITS = {"float64": Tolerance(1e-9, 1e-10, 0), "float32": Tolerance(1e-4, 2e-5, 0)}
COARSE = ("nn.Hardsigmoid",)  # PyTorch's factor 1/6 is a float32 number in float64 too: an error of 3e-8
INFOS: dict[str, Any] = {info.name: info for info in module_db}


class Case(NamedTuple):
    """One test: a layer, a dtype and a mode."""

    promise: promised.Promise
    dtype: str
    training: bool

    def __str__(self) -> str:
        return f"{self.promise.name}-{self.dtype}-{'train' if self.training else 'eval'}"


CASES = [Case(p, d, t) for p in promised.promises("Module") for d in LIMITS for t in (True, False)]


def inputs(case: Case) -> list[Any]:
    """The samples of the database, or our own for the layers that it leaves out."""
    dtype = getattr(torch, case.dtype)
    if not case.promise.infos:
        return list(own_inputs(case, dtype))
    info = INFOS[case.promise.name]
    torch.manual_seed(0)
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=case.training)
    more = layers.causal(dtype) if case.promise.name == "nn.Transformer" else ()
    return [*found, *more]


RESIZING: dict[str, list[tuple[Any, ...]]] = {
    "nn.Upsample": [(3,), (None, 2), (None, 1.7, "bilinear"), ((4, 3), None, "bicubic", True)],
    "nn.UpsamplingNearest2d": [(3,), (None, 2)],
    "nn.UpsamplingBilinear2d": [(3,), (None, 2)],
    "nn.PixelShuffle": [(1,)],
    "nn.PixelUnshuffle": [(1,)],
    "nn.ChannelShuffle": [(1,), (3,)],
    "nn.Unfold": [(2,), ((1, 3), 2, 1, (1, 2))],
    "nn.Unflatten": [(1, (3, 1)), (-1, (-1, 5)), (2, [2, 1])],
    "nn.Identity": [(), (5, "any", "argument")],
}

DISTANCES: dict[str, list[tuple[Any, ...]]] = {
    "nn.CosineSimilarity": [(), (0, 0.1)],
    "nn.PairwiseDistance": [(), (1.0, 0.5, True)],
}


def own_inputs(case: Case, dtype: torch.dtype) -> Iterator[ModuleInput]:
    x = make_tensor((4, 3, 2, 5), device="cpu", dtype=dtype, requires_grad=True)
    if case.promise.name == "nn.EmbeddingBag":
        index, offsets = torch.tensor([1, 4, 2, 1, 0, 3]), torch.tensor([0, 2, 2, 6])
        for mode in ("sum", "mean", "max"):
            yield ModuleInput(FunctionInput(5, 3, mode=mode, padding_idx=2), FunctionInput(index, offsets))
            yield ModuleInput(FunctionInput(5, 3, 1.5, mode=mode), FunctionInput(index.reshape(2, 3)))
            yield ModuleInput(FunctionInput(5, 3, mode=mode, include_last_offset=True), FunctionInput(index, offsets))
        return
    if case.promise.name == "nn.TransformerDecoder":
        yield from layers.decoders(dtype, case.training)
        return
    if case.promise.name.endswith(("Loss", "Similarity", "Distance", ".Fold")):
        yield from other_inputs(case.promise.name, x)
        return
    if "MaxUnpool" in case.promise.name:
        yield from unpooled(case.promise.name, x)
        return
    if case.promise.name == "nn.Flatten":
        settings: list[tuple[Any, ...]] = [(), (0,), (1, 2), (2, -1), (-2, -1)]
    elif case.promise.name == "nn.RReLU":
        settings = [(0.25, 0.25)] if case.training else [(), (0.1, 0.3)]
    elif "Dropout" in case.promise.name:
        x = {"nn.Dropout1d": x[0], "nn.Dropout3d": x.unsqueeze(0)}.get(case.promise.name, x)
        settings = [(0.0,)] if case.training else [(), (0.3,), (0.5, True), (1.0,)]
    else:
        settings = RESIZING.get(case.promise.name, [()])
    for arguments in settings:
        yield ModuleInput(FunctionInput(*arguments), FunctionInput(x))


def unpooled(name: str, x: torch.Tensor) -> Iterator[ModuleInput]:
    """What max pooling of `x`, with as many dimensions as the layer takes, has kept and where."""
    dims = int(name[-2])
    image = x.repeat_interleave(2, 2).reshape(4, 3, *{1: (20,), 2: (4, 5), 3: (2, 2, 5)}[dims])
    pool = getattr(torch.nn, f"MaxPool{dims}d")
    for settings, size in (((2,), None), ((2, 2), image.shape[2:]), ((2, 1), None)):
        kept, places = pool(*settings, return_indices=True)(image.detach())
        call = FunctionInput(kept.requires_grad_(), places, **({} if size is None else {"output_size": list(size)}))
        yield ModuleInput(FunctionInput(*settings), call)


def other_inputs(name: str, x: torch.Tensor) -> Iterator[ModuleInput]:
    """Inputs that are no image; of losses that the database leaves out, or judges beyond PyTorch's own digits."""
    for arguments in DISTANCES.get(name, []):
        yield ModuleInput(FunctionInput(*arguments), FunctionInput(fresh(x[0]), fresh(x[1])))
    if name == "nn.Fold":
        yield ModuleInput(FunctionInput((3, 4), 2), FunctionInput(fresh(x.reshape(5, 4, 6))))
        yield ModuleInput(FunctionInput(5, (1, 3), 2, (0, 1), (1, 2)), FunctionInput(fresh(x.reshape(12, 10))))
    if name == "nn.TripletMarginLoss":
        anchor, positive, negative = (fresh(x[k]) for k in range(3))
        for settings in ({}, {"swap": True, "margin": 2.0}, {"p": 3.0, "reduction": "none"}):
            yield ModuleInput(FunctionInput(**settings), FunctionInput(anchor, positive, negative))
    if name == "nn.CTCLoss":  # short: PyTorch's float32 loses digits over the database's 50 steps
        scores, labels = fresh(x.reshape(6, 4, 5).log_softmax(2)), torch.tensor([[1, 2], [3, 3], [4, 0], [2, 1]])
        for settings in ({}, {"reduction": "none"}, {"reduction": "sum", "zero_infinity": True}):
            yield ModuleInput(FunctionInput(**settings), FunctionInput(scores, labels, (6, 5, 4, 2), (2, 2, 1, 2)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_module(case: Case, tally: Tally) -> None:
    name = case.promise.name
    with tally.about(case.promise.family, name, "module"):
        ours = bridge.lookup(gp, name)
        for sample in inputs(case):
            made = sample.constructor_input
            text = f"{bridge.describe([made.args, made.kwargs])}, {sample.desc}"
            wrong = "missing" if ours is None else judge(case, bridge.lookup(torch, name), ours, sample)
            tally.add(wrong, text)


def judge(case: Case, theirs: Any, ours: Any, sample: Any) -> str | None:
    """What is wrong with the layer on one sample: state, result, gradients, state after."""
    torch.manual_seed(1)
    made, settings = sample.constructor_input, Twins()
    try:
        layer = theirs(*made.args, **made.kwargs).to(getattr(torch, case.dtype)).train(case.training)
        mine = ours(*layers.twin(made.args, settings), **layers.twin(made.kwargs, settings))
        mine = mine.to(getattr(gp, case.dtype)).train(case.training)
        if wrong := copy_state(layer, mine):
            return wrong
        wrong = forward_backward(case, layer, mine, sample.forward_input)
        return wrong or state_difference(layer, mine, case)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def copy_state(layer: Any, mine: Any) -> str | None:
    """Load torch's parameters and buffers into ours: the names must be the same, in the same order."""
    state = layer.state_dict()
    if list(mine.state_dict()) != list(state):
        return f"state dict {list(mine.state_dict())}, expected {list(state)}"
    mine.load_state_dict(Twins().of(dict(state)))
    return None


def forward_backward(case: Case, layer: Any, mine: Any, call: Any) -> str | None:
    twins, given = Twins(), torch.utils._pytree.tree_map(fresh, [call.args, call.kwargs])
    expected = flat(layer(*given[0], **given[1]))
    found = flat(mine(*twins.of(given[0]), **twins.of(given[1])))
    limit = LIMITS["float32" if case.promise.name in COARSE else case.dtype]
    for a, b in zip(found, expected, strict=True):
        if wrong := difference(a, b, tolerance=limit):
            return f"forward: {wrong}"
    inputs = [x for x in bridge.tensors_in(given) if x.requires_grad] + list(layer.parameters())
    our_inputs = [twins.of(x) for x in bridge.tensors_in(given) if x.requires_grad] + list(mine.parameters())
    alive = [k for k, y in enumerate(expected) if y.requires_grad]
    if not alive or not inputs:
        return None
    weights = [torch.randn_like(expected[k]).detach() for k in alive]
    theirs_now = torch.autograd.grad([expected[k] for k in alive], inputs, weights, allow_unused=True)
    ours_now = gp.autograd.grad([found[k] for k in alive], our_inputs, twins.of(weights), allow_unused=True)
    for i, (a, b) in enumerate(zip(ours_now, theirs_now, strict=True)):
        if (a is None) != (b is None):
            return f"gradient {i}: {a}, expected {b}"
        if b is not None and (wrong := difference(a, b, tolerance=sized(limit, b))):
            return f"gradient {i}: {wrong}"
    return None


def sized(limit: Tolerance, gradient: torch.Tensor) -> Tolerance:
    """`limit` for a tensor whose elements are sums that cancel: they are as exact as its largest element allows."""
    return limit._replace(atol=limit.atol * max(1.0, float(gradient.abs().max()) if gradient.numel() else 1.0))


def fresh(x: Any) -> Any:
    """A leaf with a memory of its own, so that a layer that works in place harms no later sample."""
    return x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x


def state_difference(layer: Any, mine: Any, case: Case) -> str | None:
    """Running averages after the call."""
    ours = mine.state_dict()
    for key, b in layer.state_dict().items():
        if wrong := difference(ours[key], b, tolerance=LIMITS[case.dtype]):
            return f"state {key} after the call: {wrong}"
    return None


@pytest.mark.parametrize("dtype", list(LIMITS))
def test_sequential(dtype: str, tally: Tally) -> None:
    with tally.about("Module", "nn.Sequential", "module"):
        x = make_tensor((4, 1, 8, 8), device="cpu", dtype=getattr(torch, dtype), requires_grad=True)
        sample = ModuleInput(FunctionInput(), FunctionInput(x))
        promise = promised.Promise("Module", "nn.Sequential", ())
        for training in (True, False):
            case = Case(promise, dtype, training)
            tally.add(judge(case, lambda: small(torch.nn), lambda: small(gp.nn), sample))


def small(nn: Any) -> Any:
    """A small convolutional network out of the layers of either framework."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(3, 2, 2, bias=False), nn.Tanh()),
        nn.Flatten(),
        nn.Linear(18, 5),
        nn.BatchNorm1d(5),
        nn.Softmax(dim=1),
    )


FAILING = [p for p in promised.promises("Module") if p.infos and INFOS[p.name].module_error_inputs_func]


@pytest.mark.parametrize("promise", FAILING, ids=[p.name for p in FAILING])
@pytest.mark.parametrize("training", [True, False])
def test_error(promise: promised.Promise, training: bool, tally: Tally) -> None:
    """Where a layer of PyTorch refuses its arguments, so does ours, and leaves them alone."""
    info, ours = INFOS[promise.name], bridge.lookup(gp, promise.name)
    with tally.about("Module", promise.name, "errors"):
        for case in info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
        ):
            tally.add("missing" if ours is None else error(info.module_cls, ours, case, training), case.error_regex)


def error(theirs: Any, ours: Any, case: Any, training: bool) -> str | None:
    made, call = case.module_error_input.constructor_input, case.module_error_input.forward_input
    twins = Twins()
    try:
        twins.of(made.args), twins.of(made.kwargs)
    except bridge.NotPromisedError:  # a complex number
        return None

    def run(kind: Any, of: Any) -> Any:
        """Make the layer, then call it unless making it is the mistake."""
        layer = kind(*of(made.args), **of(made.kwargs)).train(training)
        if case.error_on is ModuleErrorEnum.FORWARD_ERROR:
            layer(*of(call.args), **of(call.kwargs))

    try:
        run(theirs, lambda x: x)
    except Exception as expected:
        return checks.must_raise(lambda: run(ours, twins.of), expected, twins)
    return None
