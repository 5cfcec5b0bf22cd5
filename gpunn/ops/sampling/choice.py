"""Random indices: permutations, and choices by weight."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

from gpunn import backend, dtypes, random
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.sorting import order
from gpunn.ops.sampling.draw import draw, source
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.dims import ints
from gpunn.ops.value_range import check_range
from gpunn.random import Generator

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

LEAST: Final = math.ulp(0.0)  # of the numbers above 0
MOST: Final = sys.float_info.max
MOST_CATEGORIES: Final = 1 << 24  # as in PyTorch


@dense
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = dtypes.int64,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """The integers from 0 to n - 1 in random order."""
    (count,) = ints("randperm", "n", n)
    where = backend.as_device(device)
    to = dtypes.as_dtype(dtype or dtypes.int64)
    with backend.placed_on(where):
        xp = backend.module_of(where)
        array = random.permutation(xp, source("randperm", generator), count, to.numpy)
    return Variable.result_type(array, requires_grad)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`num_samples` indices for each row of `input`, which holds weights: index i has probability wᵢ / Σ w.

    With replacement, each is found by bisection in the cumulated weights. Without, they are the indices of
    the smallest of -log(uᵢ) / wᵢ with uniform uᵢ: an exponential race (P. Efraimidis, P. Spirakis, Weighted
    random sampling with a reservoir, Inf. Process. Lett. 97 (2006)). On a GPU the host does not wait; wrong weights
    are an error when it next does.
    """
    weights = _weights(input, num_samples, replacement)
    xp, rows = backend.array_module(weights), weights.shape[0]
    where, columns = backend.device_of(weights), num_samples if replacement else weights.shape[1]
    u = draw("multinomial", random.uniform, (rows, columns), dtypes.float64, where, generator)
    if replacement:
        chosen = _bisect(weights.cumsum(axis=1), u)
    else:
        race = xp.where(weights > 0, -xp.log(1 - u) / xp.where(weights > 0, weights, 1), xp.inf)
        chosen = order(race, 1)[:, :num_samples]
    return Variable.result_type(chosen.astype(xp.int64).reshape(*input.array.shape[:-1], num_samples))


def _weights(input: Tensor, num_samples: int, replacement: bool) -> Array:
    """The weights in float64 with shape (rows, n), once all is checked; on a GPU, when the host next waits for it."""
    x = array_of("multinomial", input)
    if x.dtype.kind not in "fV":
        raise DtypeError(f"multinomial only supports floating-point dtypes for input, got: {x.dtype}")
    if x.ndim not in (1, 2):
        raise ShapeError(f"multinomial: prob_dist must be 1 or 2 dim, got shape {x.shape}")
    (count,) = ints("multinomial", "num_samples", num_samples)
    if count <= 0:
        raise ArgumentError(f"multinomial: cannot sample n_sample <= 0 samples, got {count}")
    if not replacement and count > x.shape[-1]:
        raise ArgumentError(
            f"multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement, "
            f"got {count} > {x.shape[-1]}"
        )
    if x.shape[-1] > MOST_CATEGORIES:
        raise ArgumentError(f"multinomial: number of categories cannot exceed 2^24, got {x.shape[-1]}")
    nothing = "multinomial: invalid multinomial distribution (sum of probabilities <= 0)"
    if x.shape[-1] == 0:
        raise ArgumentError(nothing)
    wide = x.astype("float64")
    check_range("multinomial: probability tensor contains either `inf`, `nan` or element < 0", wide, 0.0, MOST)
    weights = wide.reshape(-1, x.shape[-1])
    check_range(nothing, weights.sum(axis=1), LEAST)
    return weights


def _bisect(bounds: Array, u: Array) -> Array:
    """For each u in [0, 1) of a row the first i with u · total < bounds[i]; bounds: (rows, n), ascending."""
    xp, n = backend.array_module(bounds), bounds.shape[1]
    total = bounds[:, -1:]
    goal = xp.minimum(u * total, xp.nextafter(total, xp.float64(0)))
    low, high = xp.zeros(u.shape, xp.int64), xp.full(u.shape, n - 1, xp.int64)
    for _ in range((n - 1).bit_length()):
        middle = (low + high) // 2
        above = goal < xp.take_along_axis(bounds, middle, axis=1)
        high = xp.where(above, middle, high)
        low = xp.where(above, low, xp.minimum(middle + 1, high))
    return high
