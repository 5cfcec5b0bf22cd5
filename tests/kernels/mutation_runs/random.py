"""What judges the mutants of the kernels of random numbers and of dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gpunn as gp
from tests.kernels import test_dropout as dropout
from tests.kernels.mutation_runs.run import Run


def _drawn(draw: Run) -> Run:
    def run() -> Any:
        gp.manual_seed(1)
        gp.rand(7)  # the draw begins at block 2
        return draw()

    return run


def _draws(draw: Callable[..., Any], *dtypes: Any) -> list[Run]:
    """More numbers than a few blocks take at once, and a rest."""
    return [_drawn(lambda dtype=dtype: draw(2**12 + 37, dtype=dtype, device="cuda")) for dtype in dtypes]


RUNS: dict[str, list[Run]] = {
    "dropout.cu": [lambda: dropout.dropout((gp.float32,))],
    "random.cuh": [*_draws(gp.rand, gp.float32, gp.float64), *_draws(gp.randn, gp.float32, gp.float64)],
    "random/bernoulli.cu": [_drawn(lambda n=n: gp.empty(n, device="cuda").bernoulli_(0.3)) for n in (5001, 5000)],
    "random/chances.cu": [_drawn(lambda n=n: gp.bernoulli(gp.linspace(0, 1, n, device="cuda"))) for n in (5001, 5000)],
    "random/integers.cu": [
        _drawn(lambda: gp.randint(-3, 9, (1101,), device="cuda")),
        _drawn(lambda: gp.randint(-3, 9, (1100,), device="cuda")),
        _drawn(lambda: gp.randint(-(2**63), 2**63 - 1, (37,), device="cuda")),
    ],
    "random/keys.cu": [_drawn(lambda n=n: gp.randperm(n, device="cuda")) for n in (5001, 5000, 7)],
    "random/real.cu": _draws(gp.rand, gp.float32, gp.float64, gp.float16) + _draws(gp.randn, gp.float32),
}
