"""Finds the functions of gpunn that compute each element from the elements at the same place."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import gpunn as gp

Function = Callable[..., Any]
RANDOM = ("dropout", "rrelu", "noisy", "gumbel", "bernoulli", "rand", "normal", "multinomial", "empty")
NO_ARITHMETIC = ("tensor", "dlpack", "unique", "_as", "scatter", "atleast", "cartesian", "flatten", "ravel", "squeeze")
_REST = ("contiguous", "detach", "t", "to", "poisson", "embedding")
_PROBE = np.array([0.3, 0.7, 0.2, 0.9, 0.6, 0.4])
_OTHER = np.array([0.8, 0.1, 0.5, 0.35, 0.65, 0.15])


def unary() -> dict[str, Function]:
    """Functions of one tensor, by name."""
    return {name: f for name, f in _public() if _is_elementwise(f, 1)}


def binary() -> dict[str, Function]:
    """Functions of two tensors, losses with reduction="none" among them."""
    found = {}
    for name, f in _public():
        chosen = _unreduced(f)
        if _is_elementwise(chosen, 2):
            found[name] = chosen
    return found


def _public() -> Iterator[tuple[str, Function]]:
    for module in (gp, gp.nn.functional):
        for name in sorted(vars(module)):
            f = getattr(module, name)
            is_operation = inspect.isfunction(f) and f.__module__.startswith("gpunn.ops")  # others change settings
            is_public = is_operation and not name.startswith(("_", "is_")) and not name.endswith("_")
            if is_public and name not in _REST and not any(word in name for word in RANDOM + NO_ARITHMETIC):
                yield name, f


def _unreduced(f: Function) -> Function:
    """`f`, with reduction="none" if it is a loss."""
    has_reduction = "reduction" in inspect.signature(f).parameters
    return (lambda *inputs: f(*inputs, reduction="none")) if has_reduction else f


def _is_elementwise(f: Function, number: int) -> bool:
    """Whether `f` of `number` vectors gives a vector of floats whose elements do not depend on their neighbours."""
    inputs = [gp.tensor(values) for values in (_PROBE, _OTHER)[:number]]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            whole = f(*inputs)
            if not isinstance(whole, gp.Tensor) or whole.shape != inputs[0].shape or not whole.is_floating_point():
                return False
            alone = [f(*[x[i : i + 1] for x in inputs]) for i in range(len(_PROBE))]
            reversed_ = f(*[x.flip(0) for x in inputs])
            again = f(*inputs)
    except Exception:  # it takes other arguments
        return False
    wanted = whole.numpy()
    found = np.array([a.numpy().ravel()[0] if a.numel() == 1 else np.nan for a in alone])
    return all(np.array_equal(wanted, a, equal_nan=True) for a in (found, reversed_.numpy()[::-1], again.numpy()))
