"""nn.utils beside PyTorch's: clipping, vectors of parameters, weight and spectral norm."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import gpunn as gp
from tests.oracle import bridge
from tests.oracle.bridge import Twins
from tests.oracle.compare import Tolerance, difference

pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")

LIMIT = Tolerance(1e-12, 1e-13, 0)
NORMS = [2, 2.0, 1, 3, 0.5, 0, -1, math.inf, -math.inf, "inf"]


def parameters(twins: Twins, kind: str) -> tuple[list[Any], list[Any]]:
    torch.manual_seed(1)
    theirs = [torch.zeros(s, dtype=torch.float64, requires_grad=True) for s in ((3, 4), (), (5,), (2,))]
    for p in theirs[:3]:
        p.grad = torch.randn(p.shape, dtype=torch.float64)
    assert theirs[2].grad is not None
    if kind != "finite":
        theirs[2].grad[1] = math.nan if kind == "nan" else -math.inf
    mine = [gp.zeros(p.shape, dtype=gp.float64, device=Twins.device, requires_grad=True) for p in theirs]
    for p, q in zip(mine[:3], theirs[:3], strict=True):
        p.grad = twins.of(q.grad)
    return mine, theirs


def outcome(call: Callable[[], Any], params: list[Any]) -> tuple[str, Any]:
    try:
        result = call()
    except RuntimeError:
        return "RuntimeError", [p.grad for p in params[:3]]
    return "", [result, *[p.grad for p in params[:3]]]


def compare(ours: tuple[str, Any], theirs: tuple[str, Any]) -> None:
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1], theirs[1], strict=True):
        assert difference(a, b, tolerance=LIMIT) is None


@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", ["finite", "nan", "inf"])
@pytest.mark.parametrize("norm_type", NORMS)
def test_clip_grad_norm(norm_type: Any, kind: str, strict: bool, foreach: bool | None) -> None:
    for limit in (0.5, 100.0, 0.0):
        mine, theirs = parameters(Twins(), kind)
        settings = (limit, norm_type, strict, foreach)
        results = [outcome(functools.partial(lib.nn.utils.clip_grad_norm_, p, *settings), p)
                   for lib, p in ((gp, mine), (torch, theirs))]  # fmt: skip
        compare(*results)


@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("kind", ["finite", "nan", "inf"])
def test_clip_grad_value(kind: str, foreach: bool | None) -> None:
    for limit in (0.3, 0.0, 100, -0.2):
        mine, theirs = parameters(Twins(), kind)
        results = [outcome(functools.partial(lib.nn.utils.clip_grad_value_, p, limit, foreach), p)
                   for lib, p in ((gp, mine), (torch, theirs))]  # fmt: skip
        assert results[0][1][0] is results[1][1][0] is None
        compare((results[0][0], results[0][1][1:]), (results[1][0], results[1][1][1:]))


@pytest.mark.parametrize("norm_type", NORMS)
def test_norm_in_two_steps(norm_type: Any) -> None:
    mine, theirs = parameters(Twins(), "finite")
    totals = []
    for lib, ps in ((gp, mine), (torch, theirs)):
        total = lib.nn.utils.get_total_norm([p.grad for p in ps[:3]], norm_type)
        lib.nn.utils.clip_grads_with_norm_(ps, 0.7, total)
        totals.append(total)
    compare(("", [totals[0], *[p.grad for p in mine[:3]]]), ("", [totals[1], *[p.grad for p in theirs[:3]]]))


LAYERS: dict[str, Callable[[Any], Any]] = {
    "Linear": lambda lib: lib.nn.Linear(3, 4),
    "Conv2d": lambda lib: lib.nn.Conv2d(3, 4, 2),
    "ConvTranspose1d": lambda lib: lib.nn.ConvTranspose1d(3, 4, 2),
}
SHAPES = {"Linear": (5, 3), "Conv2d": (2, 3, 4, 4), "ConvTranspose1d": (2, 3, 5)}
NORMED: list[tuple[str, dict[str, Any]]] = [
    ("weight_norm", {}),
    ("weight_norm", {"dim": 1}),
    ("weight_norm", {"dim": None}),
    ("weight_norm", {"name": "bias"}),
    ("spectral_norm", {}),
    ("spectral_norm", {"n_power_iterations": 3, "dim": 1, "eps": 1e-3}),
    ("spectral_norm", {"name": "bias", "dim": 0}),
    ("parametrizations.weight_norm", {}),
    ("parametrizations.weight_norm", {"dim": 1}),
    ("parametrizations.weight_norm", {"dim": None}),
    ("parametrizations.weight_norm", {"name": "bias"}),
    ("parametrizations.spectral_norm", {}),
    ("parametrizations.spectral_norm", {"n_power_iterations": 3, "dim": -1, "eps": 1e-3}),
    ("parametrizations.spectral_norm", {"name": "bias", "dim": 0}),
]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("norm", "settings"), NORMED, ids=str)
def test_normalised_weights(layer: str, norm: str, settings: dict[str, Any]) -> None:
    """The same state dict, outputs and gradients in training and in eval, and the same weight when it is removed."""
    torch.manual_seed(0)
    theirs, mine = LAYERS[layer](torch).double(), LAYERS[layer](gp).to(Twins.device, gp.float64)
    for lib, m in ((torch, theirs), (gp, mine)):
        assert bridge.lookup(lib.nn.utils, norm)(m, **settings) is m
    twins = Twins()
    mine.load_state_dict(twins.of(dict(theirs.state_dict())))
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for step in range(4):
        for m in (theirs, mine):
            m.train(step < 3)
            m.zero_grad()
        x = torch.randn(SHAPES[layer], dtype=torch.float64)
        y, z = theirs(x), mine(twins.of(x))
        (y * y).sum().backward()
        (z * z).sum().backward()
        assert difference(z, y, tolerance=LIMIT) is None
        for (name, p), (_, q) in zip(theirs.named_parameters(), mine.named_parameters(), strict=True):
            assert difference(q.grad, p.grad, tolerance=LIMIT) is None, name
            with torch.no_grad(), gp.no_grad():
                p.sub_(0.01 * p.grad)
                q.sub_(0.01 * q.grad)
    for lib, m in ((torch, theirs), (gp, mine)):
        is_old = "." not in norm
        remove = getattr(lib.nn.utils, f"remove_{norm}") if is_old else lib.nn.utils.parametrize.remove_parametrizations
        remove(m, settings.get("name", "weight"))
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert difference(mine.state_dict()[name], value, tolerance=LIMIT) is None, name


def test_vectors() -> None:
    twins = Twins()
    theirs = [torch.randn(s) for s in ((2, 3), (), (4,))]
    mine = twins.of(theirs)
    vector = torch.nn.utils.parameters_to_vector(theirs)
    assert difference(gp.nn.utils.parameters_to_vector(mine), vector, tolerance=LIMIT) is None
    new = torch.randn(13, dtype=torch.float64)
    torch.nn.utils.vector_to_parameters(new, theirs)
    gp.nn.utils.vector_to_parameters(twins.of(new), mine)
    for a, b in zip(mine, theirs, strict=True):
        assert str(a.dtype).partition(".")[2] == str(b.dtype).partition(".")[2]
        assert difference(a, b, tolerance=LIMIT) is None
