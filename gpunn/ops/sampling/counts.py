"""poisson: numbers of events that are independent of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn import backend, dtypes, random
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import UnsupportedError
from gpunn.ops.arithmetic.special import lgamma
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.sampling.draw import draw
from gpunn.ops.shape.expand import Copy
from gpunn.ops.value_range import check_range
from gpunn.random import Generator

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SMALL: Final = 10.0  # rates below it are drawn by their distribution function,
TERMS: Final = 64  # of which so many terms leave 1e-27


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """For each element of `input` a number from the Poisson distribution of that rate, in its dtype.

    Exact, but for 2⁻⁵³. Rates are at least 0: an error otherwise, on a GPU when the host next waits. No gradient flows
    to them: it is zero.
    """
    x = array_of("poisson", input)
    if x.dtype.kind not in "fV":
        raise UnsupportedError(f"poisson: not implemented for {x.dtype}; rates are floating point")
    check_range("invalid Poisson rate, expected rate to be non-negative", x)
    xp, rate = array_module(x), x.astype("float64")
    where = backend.device_of(x)
    count = _by_distribution(xp, rate, draw("poisson", random.uniform, x.shape, dtypes.float64, where, generator))
    is_large = (rate >= SMALL) & xp.isfinite(rate)
    if is_large.any():
        with np.errstate(all="ignore"):
            count[is_large] = _by_rejection(xp, rate[is_large], where, generator)
    count = xp.where(xp.isinf(rate), rate, count)
    sample: Tensor = Copy()(input, Variable.result_type(count.astype(x.dtype)))  # gradients end here, as zeros
    return sample


def _by_distribution(xp: Any, rate: Array, u: Array) -> Array:
    """How many values of the distribution function are at most u; for rates that are not small, anything."""
    small = xp.where(rate < SMALL, rate, 0.0)
    term = xp.exp(-small)
    total, count = term.copy(), xp.zeros_like(rate)
    for n in range(1, TERMS):
        count += u >= total
        term *= small / n
        total += term
    return count


def _by_rejection(xp: Any, rate: Array, where: Any, generator: Generator | None) -> Array:
    """Numbers for large rates, by a transformation of uniform numbers of which 9 in 10 are accepted.

    Source: W. Hörmann, The transformed rejection method for generating Poisson random variables (1993), PTRS.
    """
    result, waiting = xp.zeros_like(rate), xp.ones_like(rate, dtype=bool)
    while waiting.any():
        own = rate[waiting]
        u, v = (draw("poisson", random.uniform, own.shape, dtypes.float64, where, generator) for _ in range(2))
        u, v = u - 0.5, 1 - v
        b = 0.931 + 2.53 * xp.sqrt(own)
        a = -0.059 + 0.02483 * b
        distance = xp.maximum(0.5 - abs(u), 2.0**-60)
        k = xp.floor((2 * a / distance + b) * u + own + 0.43)
        is_inside = (distance >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        is_possible = (k >= 0) & ((distance >= 0.013) | (v <= distance))
        whole = xp.maximum(k, 0.0)
        height = xp.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (distance * distance) + b))
        is_below = height <= whole * xp.log(own) - own - lgamma(whole + 1)
        accepted = is_inside | (is_possible & is_below)
        (places,) = xp.nonzero(waiting)
        chosen = places[accepted]
        result[chosen] = k[accepted]
        waiting[chosen] = False
    return result
