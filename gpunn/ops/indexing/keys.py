"""Where the elements that an index names lie in memory, in NumPy: row numbers in a contiguous array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from gpunn.backend import Array
from gpunn.errors import IndexRangeError

KEYS: Final = 1 << 15  # element numbers that are alive at once, where there is a choice


def element_keys(shape: tuple[int, ...], dim: int, index: Array) -> Array:
    """key[i, j, k] = number of element (i, index[i, j, k], k) in an array of `shape`, for dim = 1."""
    key = index.astype("int64")
    if (step := math.prod(shape[dim + 1 :])) != 1:
        key *= step
    for d, n in enumerate(index.shape):
        if d != dim and n > 1:
            key += (np.arange(n) * math.prod(shape[d + 1 :])).reshape(n, *(1,) * (index.ndim - d - 1))
    return key


def leading_blocks(dim: int, index: Array, shape: tuple[int, ...]) -> Iterator[tuple[slice, tuple[int, ...]]]:
    """Slices of the first axis of `index` and of an array of `shape`, and what the shape then is, so that the keys of
    each stay in the cache; all at once for dim = 0."""
    count, rest = index.shape[0], math.prod(index.shape[1:])
    step = count if dim == 0 else max(1, KEYS // max(1, rest))
    for start in range(0, count, max(1, step)):
        stop = min(start + step, count)
        yield slice(start, stop), (shape[0] if dim == 0 else stop - start, *shape[1:])


def row_keys(shape: tuple[int, ...], axes: Sequence[int], indices: Sequence[Array]) -> tuple[Array, int]:
    """For x[:, i, j], the number of each row that it names, and the length of a row.

    Rows are made of the dimensions behind the last of `axes`; the keys are in the order of the result.
    """
    common = broadcast_indices(indices)
    last = axes[-1]
    key = np.zeros(common, "int64")
    for a, index in zip(axes, indices, strict=True):
        key = key + wrapped(index, shape[a]) * math.prod(shape[a + 1 : last + 1])
    kept = [a for a in range(last) if a not in axes]
    together = kept == list(range(len(kept)))
    if not together:
        key = key.reshape(*common, *(1,) * len(kept))
    behind = len(common) if together else 0  # dimensions of the key behind those of `kept`
    for position, a in enumerate(kept):
        grid = (shape[a], *(1,) * (len(kept) - position - 1 + behind))
        key = key + (np.arange(shape[a]) * math.prod(shape[a + 1 : last + 1])).reshape(grid)
    return key, math.prod(shape[last + 1 :])


def result_shape(shape: tuple[int, ...], axes: Sequence[int], common: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x[:, i, j] for indices of shape `common`: at their axes, or in front if those are apart."""
    first, last = axes[0], axes[-1]
    if len(axes) == last - first + 1:
        return *shape[:first], *common, *shape[last + 1 :]
    return *common, *[n for a, n in enumerate(shape) if a not in axes]


def wrapped(index: Array, size: int) -> Array:
    """`index` as int64 with negative values counted from the end of `size` elements."""
    return np.where(index < 0, index + size, index).astype("int64", copy=False)


def broadcast_indices(indices: Sequence[Array]) -> tuple[int, ...]:
    """The common shape of `indices`."""
    try:
        return np.broadcast_shapes(*[i.shape for i in indices])
    except ValueError:
        shapes = ", ".join(str(list(i.shape)) for i in indices)
        raise IndexRangeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
