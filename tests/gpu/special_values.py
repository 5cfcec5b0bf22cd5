"""±0, denormals, ±infinity, NaN, the largest and smallest numbers through every elementwise function."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

import gpunn as gp
from gpunn import backend
from tests.gpu.elementwise import Function, binary, unary
from tests.gpu.step import Case, Failed, Setting, Skipped, Step

TOLERANCE = {"float16": 4e-3, "bfloat16": 2e-2, "float32": 1e-4, "float64": 1e-9}  # relative
# Differences near 1 that cancel: roundings of 1 that may be left.
ROUNDINGS = {"poisson_nll_loss": 2, "binary_cross_entropy_with_logits": 2}


def _probabilities(inputs: list[np.ndarray]) -> list[np.ndarray]:
    return [np.clip(np.where(np.isnan(x), x.dtype.type(0.5), x), 0, 1) for x in inputs]


def _target_is_probability(inputs: list[np.ndarray]) -> list[np.ndarray]:
    return [inputs[0], np.clip(inputs[1], 0, 1)]


# Of numbers outside there is no promise.
DOMAINS: dict[str, Callable[[list[np.ndarray]], list[np.ndarray]]] = {
    "binary_cross_entropy": _probabilities,
    "binary_cross_entropy_with_logits": _target_is_probability,
}

REHEARSED = ("relu", "silu", "elu", "tanh", "exp", "div", "mse_loss")


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each function and dtype."""
    functions = {
        **{f"{n}(x)": (f, 1) for n, f in unary().items()},
        **{f"{n}(x, y)": (f, 2) for n, f in binary().items()},
    }
    if setting.rehearsal:
        functions = {name: found for name, found in functions.items() if name.partition("(")[0] in REHEARSED}
    return {
        f"{name} {dtype}": partial(compared, name.partition("(")[0], f, number, dtype)
        for name, (f, number) in functions.items()
        for dtype in setting.pick(list(TOLERANCE), ["float32", "bfloat16"])
    }


def special(dtype: str) -> np.ndarray:
    """The numbers, of both signs."""
    kind = getattr(gp, dtype).numpy
    info = ml_dtypes.finfo(kind)
    least, tiny, most = (float(v) for v in (info.smallest_subnormal, info.tiny, info.max))
    values = [
        0,
        least,
        3 * least,
        tiny - least,
        tiny,
        2 * tiny,
        float(info.eps),
        0.25,
        0.5,
        1,
        1.5,
        2,
        2.5,
        3,
        6,
        7,
        20,
    ]
    values += [88, 104, 710, 2.0**15, most**0.5, most / 2, most, np.inf, np.nan, 1 + float(info.eps)]
    both = np.array([*values, *[-v for v in values]])
    return both.astype(kind)


def compared(name: str, f: Function, number: int, dtype: str) -> dict[str, Any]:
    """`f` and its gradient on the GPU against NumPy, aligned and not; a denormal may count as zero of its sign."""
    values = special(dtype)
    inputs = [np.ascontiguousarray(a.ravel()) for a in np.meshgrid(*[values] * number, indexing="ij")]
    inputs = DOMAINS.get(name, list)(inputs)
    try:
        wanted, flushed_wanted = (results(f, x, "cpu") for x in (inputs, [flush(x) for x in inputs]))
    except ValueError as error:
        raise Skipped(f"refuses some of these numbers: {error}") from error
    atol = tolerance(inputs, dtype) + ROUNDINGS.get(name, 0) * float(ml_dtypes.finfo(inputs[0].dtype).eps)
    faults, signs = [], 0
    for offset in (0, 1):
        shifted = [np.concatenate([x[:offset], x]) for x in inputs]
        found = [a[offset:] for a in results(f, shifted, "cuda")]
        names = ["value", *[f"gradient {i}" for i in range(len(found) - 1)]]
        for what, mine, theirs, other in zip(names, found, wanted, flushed_wanted, strict=True):
            good = close(mine, theirs, atol, dtype) | close(mine, other, atol, dtype)
            signs += int((good & (mine == 0) & (theirs == 0) & (np.signbit(mine) != np.signbit(theirs))).sum())
            for i in np.flatnonzero(~good)[:4]:
                at = ", ".join(repr(float(x[i])) for x in inputs)
                faults.append(f"{what} at ({at}), offset {offset}: {mine[i]!r}, NumPy {theirs[i]!r}")
    facts = {"numbers": len(inputs[0]), "zeros_of_other_sign": signs}
    if faults:
        raise Failed("\n".join(faults), facts)
    return facts


def tolerance(inputs: list[np.ndarray], dtype: str) -> np.ndarray:
    """Absolute: a denormal that is flushed on the way to the result, times the inputs."""
    sizes = [np.minimum(np.nan_to_num(np.abs(x.astype(np.float64)), nan=0), 1000) for x in inputs]
    least = ml_dtypes.finfo(np.float32 if dtype == "bfloat16" else inputs[0].dtype).tiny
    factor: np.ndarray = 2 + sum(sizes)
    return float(least) * factor


def results(f: Function, inputs: list[np.ndarray], device: str) -> list[np.ndarray]:
    """The value and the gradients, as float64; no gradients where there are none."""
    with np.errstate(all="ignore"):
        leaves = [gp.tensor(x, device=device, requires_grad=True) for x in inputs]
        y = f(*leaves)
        arrays = [y]
        with contextlib.suppress(NotImplementedError):  # heaviside has no gradient
            grads = gp.autograd.grad([y], leaves, [gp.ones_like(y)], allow_unused=True) if y.requires_grad else []
            arrays += [gp.zeros_like(y) if g is None else g for g in grads]
        return [backend.asnumpy(a.detach().array).astype(np.float64) for a in arrays]


def flush(x: np.ndarray) -> np.ndarray:
    """`x` with zeros for denormals."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(x) < ml_dtypes.finfo(x.dtype).tiny, np.copysign(np.zeros_like(x), x), x)


def close(mine: np.ndarray, theirs: np.ndarray, atol: np.ndarray, dtype: str) -> np.ndarray:
    """Where two results agree: NaN with NaN, infinity with infinity, numbers to rounding, denormals with zero.

    The largest numbers may be infinite in the other: a rounding more.
    """
    rtol, most = TOLERANCE[dtype], float(ml_dtypes.finfo(getattr(gp, dtype).numpy).max)
    with np.errstate(all="ignore"):
        mine, theirs = (np.clip(a, -most, most) for a in (mine, theirs))  # NaN stays
        near = np.abs(mine - theirs) <= rtol * np.abs(theirs) + atol
    return near | (np.isnan(mine) & np.isnan(theirs))


STEP = Step(
    "special", "±0, denormals, ±inf, NaN, largest, smallest against NumPy", __name__, cases, limit=60, at_once=6
)
