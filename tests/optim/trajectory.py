"""check_trajectory: an optimiser's path against a reference written down from the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend

SHAPES = ((3, 4), (), (5000,))
TOLERANCE = {"float64": 1e-11, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}


def name_of(value: Any) -> str:
    """What a test's case is called by: functions and classes by their names, the same in every process."""
    return getattr(value, "__name__", None) or str(value)


def check_trajectory(
    kind: Callable[..., Any],
    reference: Callable[..., Any],
    config: dict[str, Any],
    device: str,
    dtype: str = "float64",
    steps: int = 7,
) -> Any:
    """Compare `steps` steps of `kind` with `reference(start, gradients, **config)`; the optimiser is returned.

    Gradients change sign now and then, and one element's is 0.
    """
    rng = np.random.default_rng(0)
    element = getattr(gp, dtype)
    starts = [rng.normal(size=s).astype(element.numpy) for s in SHAPES]
    grads = [[rng.normal(size=s) * 3.0 ** (1 - i) for s in SHAPES] for i in range(steps)]
    for step in grads:
        step[0][0, 0] = 0.0
    ps = [gp.tensor(start, device=device, requires_grad=True) for start in starts]
    optimizer = kind(ps, **config)
    for step in grads:
        for p, g in zip(ps, step, strict=True):
            p.grad = gp.tensor(g, dtype=element, device=device)
        optimizer.step()
    for i, p in enumerate(ps):
        rounded = [step[i].astype(element.numpy).astype(np.float64) for step in grads]
        wanted = reference(starts[i].astype(np.float64), rounded, **config)
        found = backend.asnumpy(p.array).astype(np.float64)
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] / 10)
        assert p.dtype is element and all(
            s.dtype is element for s in optimizer.state[p].values() if s.shape == p.shape != ()
        )
    return optimizer
