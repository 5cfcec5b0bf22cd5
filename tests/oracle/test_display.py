"""What print shows of layers, tensors, optimizers and the rest, beside what it shows in PyTorch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import gpunn as gp
from tests.oracle import bridge, layers, promised
from tests.oracle.bridge import Twins
from tests.oracle.scores import Tally
from tests.oracle.test_modules import Case, inputs

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

MODULES = promised.promises("Module")


def named(text: str) -> str:
    """What PyTorch shows, under gpunn's name; a Linear has another name there where it is not quantized."""
    return text.replace("torch.", "gpunn.").replace("NonDynamicallyQuantizableLinear", "Linear")


@pytest.mark.parametrize("promise", MODULES, ids=[p.name for p in MODULES])
def test_module(promise: promised.Promise, tally: Tally) -> None:
    with tally.about("Display", promise.name, "repr"):
        for training in (True, False):
            for sample in inputs(Case(promise, "float64", training)):
                made, twins = sample.constructor_input, Twins()
                theirs = bridge.lookup(torch, promise.name)(*made.args, **made.kwargs)
                ours = bridge.lookup(gp, promise.name)
                mine = ours(*layers.twin(made.args, twins), **layers.twin(made.kwargs, twins))
                same(mine, theirs, tally, bridge.describe([made.args, made.kwargs]))


def same(mine: Any, theirs: Any, tally: Tally, text: str = "") -> None:
    """repr and str."""
    for show in (repr, str):
        a, b = show(mine), named(show(theirs))
        tally.add(None if a == b else f"{show.__name__} is\n{a}\nexpected\n{b}", text)


def test_containers(tally: Tally) -> None:
    def built(lib: Any) -> Iterator[Any]:
        nn = lib.nn
        yield nn.Sequential()
        yield nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 3, bias=False), nn.Dropout(0.1)))
        yield nn.ModuleList()
        yield nn.ModuleList([nn.Linear(2, 2) for _ in range(5)] + [nn.Tanh(), nn.Tanh(), nn.Linear(2, 2)])
        yield nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3)])
        yield nn.ModuleDict({"first": nn.Conv2d(1, 2, 3, padding="same"), "second": nn.ModuleList([nn.GELU()])})
        yield nn.ParameterList([nn.Parameter(lib.zeros(2, 3)), nn.Parameter(lib.zeros(()))])
        yield nn.ParameterList([1, "text", lib.zeros(3)])
        yield nn.ParameterDict({"left": nn.Parameter(lib.zeros(2, 3)), "right": nn.Parameter(lib.zeros(1))})
        yield nn.Module()
        yield nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Identity(3)
        yield nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        yield nn.Parameter(lib.ones(2, 2))
        yield nn.Parameter(lib.ones(2), requires_grad=False)

    with tally.about("Display", "nn.Module", "repr"):
        for mine, theirs in zip(built(gp), built(torch), strict=True):
            same(mine, theirs, tally)


VALUES: dict[str, Any] = {
    "nothing": [],
    "whole": [0.0, 1.0, -20.0, 300.0],
    "fractions": [0.1, -2.25, 33.3333333],
    "large": [1e8, 1.0, 3.0],
    "larger": [123456789.0, 1.0],
    "huge": [1e30, 1e-30],
    "small": [1e-5, 2e-5],
    "ratio 1000": [1.0, 1000.5],
    "ratio over 1000": [1.0, 1001.5],
    "not finite": [math.nan, math.inf, -math.inf, 1.0],
    "only not finite": [math.nan, -math.inf],
    "with fractions": [math.nan, 1.5],
    "zeros": [0.0, -0.0],
    "tiny": [1e-40, 0.0],
    "thirds": [1 / 3, -2 / 3, 1e3 / 3],
}
SHAPES = [
    (),
    (1,),
    (7,),
    (30,),
    (2, 3),
    (0,),
    (0, 3),
    (2, 0, 4),
    (1, 1, 1),
    (2, 2, 3),
    (1001,),
    (1200, 2),
    (3, 40),
    (2, 30, 40),
]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_tensors(dtype: str, tally: Tally) -> None:
    """Of all kinds of values, and of all shapes; requiring gradients or not."""
    theirs_dtype = getattr(torch, dtype)
    with tally.about("Display", "Tensor", f"repr {dtype}"):
        for values in VALUES.values():
            found = [v for v in values if theirs_dtype.is_floating_point or (math.isfinite(v) and abs(v) < 100)]
            shown(torch.tensor(found, dtype=torch.float64).to(theirs_dtype), tally)
        for shape in SHAPES:
            count = math.prod(shape)
            for scale in (1.0, 0.37, 1e-3):
                numbers = torch.arange(count, dtype=torch.float64).reshape(shape) * scale % 100
                shown((numbers - count // 3 if dtype not in ("uint8", "bool") else numbers).to(theirs_dtype), tally)


def shown(x: torch.Tensor, tally: Tally) -> None:
    for grad in (False, True) if x.dtype.is_floating_point else (False,):
        theirs = x.clone().requires_grad_(grad)
        mine = Twins().of(theirs)
        same(mine, theirs, tally, bridge.describe(x))
        if x.dim() == 0:
            for spec in ("", ".3f", "8.2e", "+", "d") if not x.dtype.is_floating_point else ("", ".3f", "8.2e", "+"):
                a, b = format(mine, spec), named(format(theirs, spec))
                tally.add(None if a == b else f"format {spec!r} is {a}, expected {b}", bridge.describe(x))


OPTIONS: list[dict[str, Any]] = [
    {"precision": 2}, {"precision": 8}, {"threshold": 5}, {"edgeitems": 1, "threshold": 5}, {"linewidth": 40},
    {"sci_mode": True}, {"sci_mode": False}, {"profile": "short"}, {"profile": "full"}, {"profile": "default"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_print_options(options: dict[str, Any], tally: Tally) -> None:
    try:
        for lib in (gp, torch):
            lib.set_printoptions(**options)
        with tally.about("Display", "set_printoptions", "repr"):
            for shape in SHAPES:
                numbers = torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)
                for x in (numbers / 7, numbers.long(), numbers * 1e4):
                    shown(x, tally)
    finally:
        for lib in (gp, torch):
            lib.set_printoptions(profile="default")
            lib.set_printoptions(sci_mode=None)


def test_history(tally: Tally) -> None:
    """The last operation shows, under the name that it has in gpunn: not all are cut as PyTorch's are."""

    def results(lib: Any) -> Iterator[Any]:
        x = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        yield from (
            x + 1,
            x - 1,
            x * x,
            x / 2,
            -x,
            x**2,
            x @ x,
            x.sum(),
            x.mean(0),
            x.exp(),
            x.log(),
            x.relu(),
            x.sigmoid(),
        )
        yield from (
            x.tanh(),
            x.sqrt(),
            x.abs(),
            x[0],
            x.t(),
            x.view(4),
            x.reshape(4),
            x.clone(),
            x.unsqueeze(0),
            x.max(),
        )
        yield from (x.softmax(1), x.log_softmax(1), x.transpose(0, 1), x.permute(1, 0), x.expand(3, 2, 2), x.squeeze(0))
        yield from (
            lib.cat([x, x]),
            lib.stack([x, x]),
            lib.where(x > 2, x, x),
            x.clamp(0, 1),
            x.double(),
            x.var(),
            x.std(),
        )
        yield from (lib.nn.functional.linear(x, x), lib.nn.functional.mse_loss(x, x * 2), lib.nn.functional.gelu(x / 3))
        yield from (
            lib.nn.functional.layer_norm(x, (2,)),
            x.detach(),
            x.flatten(),
            x.prod(),
            x.norm(),
            x.sin(),
            x.cos(),
        )

    with tally.about("Display", "grad_fn", "repr"):
        for mine, theirs in zip(results(gp), results(torch), strict=True):
            a, b = (re.sub(r"grad_fn=<\w+>", "grad_fn=<…>", repr(x)) for x in (mine, theirs))
            tally.add(None if a == named(b) else f"repr is\n{a}\nexpected\n{b}")


def test_the_rest(tally: Tally) -> None:
    """Optimizers, devices, sizes, dtypes, layouts, named tuples."""

    def built(lib: Any) -> Iterator[Any]:
        parameters = lambda: [lib.zeros(2, requires_grad=True), lib.ones(3, requires_grad=True)]  # noqa: E731
        for name in (
            "SGD",
            "Adam",
            "AdamW",
            "NAdam",
            "RAdam",
            "Adamax",
            "Adagrad",
            "Adadelta",
            "RMSprop",
            "ASGD",
            "Rprop",
        ):
            yield getattr(lib.optim, name)(parameters(), lr=0.1)
        yield lib.optim.LBFGS(parameters())
        first, second = parameters()
        two = [{"params": [first]}, {"params": [second], "lr": 0.5, "momentum": 0.9}]
        yield lib.optim.SGD(two, lr=0.1)
        yield from (
            lib.device("cpu"),
            lib.device("cuda"),
            lib.device("cuda:1"),
            lib.zeros(2, 3).shape,
            lib.zeros(()).size(),
        )
        yield from (lib.float32, lib.bool, lib.bfloat16, lib.strided, lib.channels_last, lib.contiguous_format)
        x = lib.tensor([[3, 1], [2, 4]])
        yield from (
            x.max(1),
            x.min(0),
            x.sort(0),
            x.topk(1),
            x.median(1),
            x.mode(0),
            x.kthvalue(1),
            x.aminmax(),
            x.cummax(0),
        )
        yield from (lib.finfo(lib.float32), lib.iinfo(lib.int8), lib.finfo(lib.bfloat16), [x, x], {"x": x}, (x[0],))
        yield lib.linalg.slogdet(lib.eye(2))
        yield from (lib.linalg.svd(lib.eye(2)), lib.linalg.eigh(lib.eye(2)), lib.linalg.qr(lib.eye(2)))

    with tally.about("Display", "optim", "repr"):
        for mine, theirs in zip(built(gp), built(torch), strict=True):
            same(mine, theirs, tally)
