"""Operations that draw random numbers: PyTorch's shapes, dtypes and distributions, not its streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import gpunn as gp
from gpunn import backend
from tests.oracle import bridge
from tests.oracle.scores import Tally

N = 40_000
SIGMAS = 5.0  # a fair draw fails once in two million


class Draw(NamedTuple):
    """A call with `t` for torch or gpunn, and the mean, variance and bounds of what it draws."""

    name: str
    call: Callable[[Any], Any]
    mean: float
    variance: float
    low: float
    high: float


INF = float("inf")
E, V = np.exp(0.505), np.expm1(0.01) * np.exp(1.01)  # of exp(z), z of mean 0.5 and variance 0.01
DRAWS = [
    Draw("rand", lambda t: t.rand(200, 200), 0.5, 1 / 12, 0, 1),
    Draw("rand", lambda t: t.rand((N,), dtype=t.float64), 0.5, 1 / 12, 0, 1),
    Draw("rand_like", lambda t: t.rand_like(t.ones(200, 200)), 0.5, 1 / 12, 0, 1),
    Draw("rand_like", lambda t: t.rand_like(t.ones(N), dtype=t.float16), 0.5, 1 / 12, 0, 1),
    Draw("randn", lambda t: t.randn(N), 0, 1, -INF, INF),
    Draw("randn_like", lambda t: t.randn_like(t.ones(N, dtype=t.bfloat16)), 0, 1, -INF, INF),
    Draw("randint", lambda t: t.randint(10, (N,)), 4.5, 8.25, 0, 9),
    Draw("randint", lambda t: t.randint(-3, 4, (200, 200), dtype=t.int32), 0, 4, -3, 3),
    Draw("randint", lambda t: t.randint(-3, 4, (N,), dtype=t.float32), 0, 4, -3, 3),
    Draw("randperm", lambda t: t.randperm(N), (N - 1) / 2, (N**2 - 1) / 12, 0, N - 1),
    Draw("normal", lambda t: t.normal(2.0, 3.0, (N,)), 2, 9, -INF, INF),
    Draw("normal", lambda t: t.normal(t.full((N,), 2.0), t.tensor(3.0)), 2, 9, -INF, INF),
    Draw("normal", lambda t: t.normal(t.full((N,), 2.0), 3.0), 2, 9, -INF, INF),
    Draw("normal", lambda t: t.normal(2.0, t.full((N,), 3.0)), 2, 9, -INF, INF),
    Draw("bernoulli", lambda t: t.bernoulli(t.full((N,), 0.3)), 0.3, 0.21, 0, 1),
    Draw("bernoulli", lambda t: t.bernoulli(t.zeros(N), 0.3), 0.3, 0.21, 0, 1),
    Draw("multinomial", lambda t: t.multinomial(t.tensor([1.0, 0, 2, 1]), N, True), 1.75, 1.1875, 0, 3),
    Draw("multinomial", lambda t: t.multinomial(t.ones(N), N), (N - 1) / 2, (N**2 - 1) / 12, 0, N - 1),
    Draw("Tensor.uniform_", lambda t: t.empty(N).uniform_(-1, 3), 1, 16 / 12, -1, 3),
    Draw("Tensor.normal_", lambda t: t.empty(N).normal_(2, 3), 2, 9, -INF, INF),
    Draw("Tensor.random_", lambda t: t.empty(N, dtype=t.int64).random_(2, 7), 4, 2, 2, 6),
    Draw("Tensor.random_", lambda t: t.empty(N, dtype=t.uint8).random_(), 127.5, 65535 / 12, 0, 255),
    Draw("Tensor.bernoulli_", lambda t: t.empty(N).bernoulli_(0.3), 0.3, 0.21, 0, 1),
    Draw("Tensor.bernoulli_", lambda t: t.empty(N).bernoulli_(t.full((N,), 0.3)), 0.3, 0.21, 0, 1),
    Draw("Tensor.geometric_", lambda t: t.empty(N).geometric_(0.3), 1 / 0.3, 0.7 / 0.09, 1, INF),
    Draw("Tensor.geometric_", lambda t: t.empty(N, dtype=t.int16).geometric_(0.8), 1.25, 0.3125, 1, INF),
    Draw("Tensor.log_normal_", lambda t: t.empty(N).log_normal_(0.5, 0.1), E, V, 0, INF),
    Draw("Tensor.cauchy_", lambda t: t.empty(N).cauchy_(1, 2).sub(1).div(2).atan(), 0, np.pi**2 / 12, -1.6, 1.6),
    Draw("poisson", lambda t: t.poisson(t.full((N,), 0.3)), 0.3, 0.3, 0, INF),
    Draw("poisson", lambda t: t.poisson(t.full((N,), 9.9, dtype=t.float64)), 9.9, 9.9, 0, INF),
    Draw("poisson", lambda t: t.poisson(t.full((200, 200), 10.0)), 10, 10, 0, INF),
    Draw("poisson", lambda t: t.poisson(t.full((N,), 1000.0)), 1000, 1000, 0, INF),
    Draw("nn.functional.dropout", lambda t: t.nn.functional.dropout(t.ones(N), 0.2), 1, 0.25, 0, 1.25),
]


@pytest.mark.parametrize("draw", DRAWS, ids=[f"{d.name}-{i}" for i, d in enumerate(DRAWS)])
def test_distribution(draw: Draw, tally: Tally) -> None:
    with tally.about("Random", draw.name, "random"):
        if bridge.lookup(gp, draw.name) is None:
            tally.add("missing")
        else:
            tally.add(judge(draw))


def judge(draw: Draw) -> str | None:
    gp.manual_seed(0)
    mine, theirs = draw.call(gp), draw.call(torch)
    if tuple(mine.shape) != tuple(theirs.shape) or mine.dtype is not bridge.DTYPES[theirs.dtype]:
        return f"{mine.dtype} of shape {mine.shape}, expected {theirs.dtype} of {tuple(theirs.shape)}"
    x = backend.asnumpy(mine.array).astype(np.float64).ravel()
    if x.min() < draw.low or x.max() > draw.high:
        return f"values from {x.min()} to {x.max()}, expected {draw.low} to {draw.high}"
    exact = len(np.unique(x)) == len(x) == draw.high + 1  # a permutation: the moments are not random
    error = 1e-9 if exact else SIGMAS * np.sqrt(draw.variance / x.size) + _rounding(mine)
    if not abs(x.mean() - draw.mean) <= error * max(1.0, draw.mean if exact else 1.0):
        return f"mean {x.mean()}, expected {draw.mean} +- {error}"
    if not abs(x.var() / draw.variance - 1) <= SIGMAS * 3 / np.sqrt(x.size) + _rounding(mine):
        return f"variance {x.var()}, expected {draw.variance}"
    gp.manual_seed(0)
    return None if draw.call(gp).tolist() == mine.tolist() else "another draw after the same seed"


def _rounding(x: Any) -> float:
    return gp.finfo(x.dtype).eps if x.dtype.is_floating_point else 0.0


def test_permutations_and_draws_without_replacement_do_not_repeat(tally: Tally) -> None:
    with tally.about("Random", "multinomial", "random"):
        drawn = gp.multinomial(gp.tensor([[0.1, 0.2, 0.0, 0.7], [1.0, 1.0, 1.0, 0.0]]), 3)
        tally.add(None if [len(set(row)) for row in drawn.tolist()] == [3, 3] else f"repeats: {drawn}")
        tally.add(None if 2 not in drawn.tolist()[0] and 3 not in drawn.tolist()[1] else "a weight of 0 drawn")
        tally.add(None if sorted(gp.randperm(100).tolist()) == list(range(100)) else "no permutation")


def test_a_generator_has_its_own_stream(tally: Tally) -> None:
    with tally.about("Random", "Generator", "random"):
        first, second = gp.Generator().manual_seed(5), gp.Generator().manual_seed(5)
        for call in (
            lambda g: gp.rand(7, generator=g),
            lambda g: gp.randn(7, generator=g),
            lambda g: gp.randint(9, (7,), generator=g),
            lambda g: gp.randperm(7, generator=g),
            lambda g: gp.normal(0.0, 1.0, (7,), generator=g),
            lambda g: gp.bernoulli(gp.full((7,), 0.5), generator=g),
            lambda g: gp.multinomial(gp.ones(7), 5, generator=g),
            lambda g: gp.empty(7).uniform_(generator=g),
        ):
            a = call(first)
            gp.rand(3)  # the default stream does not matter
            tally.add(None if a.tolist() == call(second).tolist() else "two generators of one seed differ")


def test_dropout_scales_what_it_keeps_and_its_gradient_alike(tally: Tally) -> None:
    with tally.about("Random", "nn.functional.dropout", "random"):
        x = gp.full((1000,), 3.0, requires_grad=True)
        y = gp.nn.functional.dropout(x, 0.4)
        y.sum().backward()
        off = gp.nn.functional.dropout(x, 0.4, training=False)
        dropped, grad, same = (backend.asnumpy(t.array) for t in (y, x.grad, off))
        kept = dropped != 0
        tally.add(None if np.allclose(dropped[kept], 5.0) and 450 < kept.sum() < 750 else "not 3 / 0.6")
        tally.add(None if np.allclose(grad, dropped / 3) else "the gradient has another mask")
        tally.add(None if np.all(same == 3) else "it drops in eval mode")
