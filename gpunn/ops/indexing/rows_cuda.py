"""Rows and elements of CuPy arrays, read and written by index; what NumPy does by itself and in rows_numpy.py.

An array is seen as (outer, size, inner): rows of `inner` elements, which an index names by their number along `size`.
Which of several writes to one place comes last, and in which order numbers are added up, is the same every time:
the last one owns the place; or the keys, the numbers of the rows, are sorted stably, and each place is reduced once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.kernels import bounds
from gpunn.kernels.order import stable
from gpunn.ops.indexing.bounds import Check
from gpunn.ops.indexing.keys import broadcast_indices

KINDS: Final = ("sum", "prod", "amax", "amin")  # by their number in kernels/indexing/reduce.cu
CHUNK: Final = 64  # keys; kernels/indexing/segments.cuh has the same

Shape = tuple[int, ...]
Blocks = tuple[Shape, Shape, Shape]  # the dimensions of `outer`, of the rows that an index names, of `inner`


def take(x: Array, axes: Sequence[int], indices: Sequence[Array], check: Check | None) -> Array:
    """x[:, i, j] for indices i, j at `axes`; 0 where one is out of bounds."""
    xp = array_module(x)
    if (order := _in_front(axes, x.ndim)) is not None:
        x, axes = x.transpose(order), range(len(axes))
    pre, sizes, post = _parts(x.shape, axes)
    is_direct = len(indices) == 1 and 0 not in (*pre, *post)  # else only row_keys checks the indices
    index = contiguous(indices[0]) if is_direct else row_keys(sizes, indices, check)
    y = xp.empty((*pre, *index.shape, *post), x.dtype)
    if y.size:
        found, wraps = _slot(check, 0, index, sizes[0]) if is_direct else (bounds.slot(None, index, 0, 0), False)
        _take_rows(y, x, index, (pre, sizes, post), wraps, found)
    return y


def take_along(x: Array, dim: int, index: Array, check: Check | None) -> Array:
    """x[i, index[i, j, k], k] for dim = 1; 0 where the index is out of bounds. Other dimensions of x may be larger."""
    xp, wanted = array_module(x), index.shape or (1,)
    y = xp.empty(index.shape, x.dtype)
    if not y.size:
        return y
    x = contiguous(x.reshape(x.shape or (1,))[_corner(wanted, dim)])
    size, (pre, _, post) = x.shape[dim], _parts(x.shape, (dim,))
    vector = _vector(index.reshape(wanted), dim)
    whole = contiguous(index if vector is None else vector)
    found, wraps = _slot(check, 0, whole, size)
    if vector is not None:
        _take_rows(y, x, whole, (pre, (size,), post), wraps, found)
        return y
    args = (as_bits(y), as_bits(x), whole, y.size, wanted[dim], size, math.prod(post), wraps, *found)
    kernels.launch("indexing/read", "take_elements", y.size, args)
    return y


def put(
    how: str, out: Array, axes: Sequence[int], indices: Sequence[Array], values: Any, check: Check | None = None
) -> None:
    """out[:, i, j] = values, an array or a number that broadcasts, or combined `how`: one of KINDS, or "assign"."""
    order = _in_front(axes, out.ndim)
    if order is not None or not out.flags.c_contiguous:
        turned = tuple(range(out.ndim)) if order is None else order
        moved = contiguous(out.transpose(turned))
        put(how, moved, axes if order is None else range(len(axes)), indices, values, check)
        out[...] = moved.transpose(sorted(range(out.ndim), key=turned.__getitem__))
        return
    pre, sizes, post = _parts(out.shape, axes)
    keys = row_keys(sizes, indices, check)
    put_rows(how, out, keys, math.prod(sizes), (pre, keys.shape, post), values)


def put_along(how: str, out: Array, dim: int, index: Array, values: Any, check: Check | None = None) -> None:
    """out[i, index[i, j, k], k] = values[i, j, k] for dim = 1, or combined `how`. `out` is contiguous."""
    xp, wanted = array_module(out), index.shape or (1,)
    if not index.size:
        return
    out = out.reshape(out.shape or (1,))
    corner = _corner(wanted, dim)
    if (part := out[corner]).shape != out.shape:  # places that no index can name
        part = contiguous(part)
        put_along(how, part, dim, index, values, check)
        out[corner] = part
        return
    size, (pre, _, post) = out.shape[dim], _parts(out.shape, (dim,))
    vector = _vector(index.reshape(wanted), dim)
    if vector is not None:
        keys = row_keys((size,), (vector,), check)
        put_rows(how, out, keys, size, (pre, (wanted[dim],), post), values)
        return
    keys, whole = xp.empty(wanted, np.int64), contiguous(index)
    found, wraps = _slot(check, 0, whole, size)
    args = (keys, whole, keys.size, wanted[dim], size, math.prod(post), wraps, *found)
    kernels.launch("indexing/keys", "element_keys", keys.size, args)
    put_rows(how, out, keys, out.size, ((), wanted, ()), values)


def row_keys(
    sizes: Shape, indices: Sequence[Array], check: Check | None, skip: int = -1, *, wraps: bool = True
) -> Array:
    """The number of each row that the indices name, into dimensions of `sizes`; -1 out of bounds and for `skip`.

    Without a check, indices below 0 count from the end if `wraps`, else they are out of bounds.
    """
    xp, common = array_module(indices[0]), broadcast_indices(indices)
    keys = xp.empty(common, np.int64)
    for number, (size, given) in enumerate(zip(sizes, indices, strict=True)):
        if keys.size:
            index = contiguous(given if given.shape == common else xp.broadcast_to(given, common))
            found, negative = _slot(check, number, index, size)
            counts = negative and wraps
            args = (keys, index, keys.size, size, math.prod(sizes[number + 1 :]), skip, counts, number == 0, *found)
            kernels.launch("indexing/keys", "row_keys", keys.size, args)
    return keys


def put_rows(
    how: str, out: Array, keys: Array, size: int, blocks: Blocks, values: Any, *, is_mean: bool = False
) -> None:
    """Row keys[j] of `out`, (outer, size, inner), set to row j of `values`, or combined with it. -1 is for no row.

    With `is_mean` a sum is divided by the number of rows that have its key.
    """
    outer, count, inner = (math.prod(block) for block in blocks)
    if 0 in (outer, count, inner):
        return
    if how == "assign":
        _assign(out, keys, (outer, count, size, inner), blocks, values)
        return
    xp = array_module(out)
    source, strides = _strided(values if hasattr(values, "shape") else xp.full((), values, out.dtype), blocks)
    order = stable(keys.reshape(-1))
    ascending = take(keys.reshape(-1), (0,), (order,), None)
    chunks = count // CHUNK + 1 if count >= 2 * CHUNK else 0
    wide = np.float64 if out.dtype.kind in "fV" else np.int64
    partials, heads = xp.empty((max(chunks, 1), outer * inner), wide), xp.zeros(max(chunks, 1), np.int64)
    sizes, last = (outer, count, size, inner), (KINDS.index(how), is_mean)
    args = (out, partials, heads, source, order, ascending, *sizes, *strides, *last)
    kernels.launch("indexing/reduce", "reduce_chunks", outer * count * inner, args)
    if chunks:
        rest = (out, partials, heads, ascending, chunks, *sizes, *last)
        kernels.launch("indexing/reduce", "reduce_segments", 32 * partials.size, rest)


def _assign(out: Array, keys: Array, sizes: tuple[int, int, int, int], blocks: Blocks, values: Any) -> None:
    """Row keys[j] of `out` set to row j of `values`, the last one of a key."""
    xp, (outer, count, size, inner) = array_module(out), sizes
    bits, source, strides, is_array = 0, out, (0, 0, 0), hasattr(values, "shape")
    if is_array:
        source, strides = _strided(values, blocks)
    else:
        bits = bits_of(values, out.dtype)
    owners = xp.zeros(size, np.uint32 if count < 2**32 - 1 else np.uint64)
    constants = {"T": "unsigned char"}  # of note_owners, which has none
    kernels.launch("indexing/write", "note_owners", count, (owners, keys, count), constants)
    args = (as_bits(out), as_bits(source), owners, keys, *sizes, *strides, bits, is_array)
    kernels.launch("indexing/write", "put_rows", outer * count * inner, args)


def _take_rows(y: Array, x: Array, index: Array, blocks: Blocks, wraps: bool, found: tuple[Array, int]) -> None:
    outer, size, inner = (math.prod(block) for block in blocks)
    threads = kernels.vector_threads(y) if inner * y.itemsize % 16 == 0 else y.size
    x = contiguous(x)
    args = (as_bits(y), as_bits(x), index, outer, index.size, size, inner, wraps, *found)
    kernels.launch("indexing/read", "take_rows", threads, args)


def _slot(check: Check | None, number: int, index: Array, size: int) -> tuple[tuple[Array, int], bool]:
    """Where a kernel notes what is out of bounds in index `number`, and whether negative ones count from the end."""
    if check is None:
        return bounds.slot(None, index, 0, size), True
    return bounds.slot(check.op, index, check.dims[number], size), check.negative


def _parts(shape: Shape, axes: Sequence[int]) -> Blocks:
    """`shape` before, at and behind `axes`, which are neighbours."""
    return shape[: axes[0]], shape[axes[0] : axes[-1] + 1], shape[axes[-1] + 1 :]


def _in_front(axes: Sequence[int], rank: int) -> Shape | None:
    """The order of dimensions that puts `axes` in front; None if they are neighbours, and can stay where they are."""
    if axes[-1] - axes[0] + 1 == len(axes):
        return None
    return (*axes, *[d for d in range(rank) if d not in axes])


def _corner(shape: Shape, dim: int) -> tuple[slice, ...]:
    """The part of an array that an index of `shape` along `dim` can name."""
    return tuple([slice(None) if d == dim else slice(n) for d, n in enumerate(shape)])


def _vector(index: Array, dim: int) -> Array | None:
    """`index` with length 1 in all other dimensions, if it was expanded from that."""
    if any(n > 1 and stride and d != dim for d, (n, stride) in enumerate(zip(index.shape, index.strides, strict=True))):
        return None
    return index[tuple([slice(None) if d == dim else slice(1) for d in range(index.ndim)])]


def _strided(values: Array, blocks: Blocks) -> tuple[Array, tuple[int, int, int]]:
    """`values`, contiguous, and the distances between its planes, rows and columns when it broadcasts to `blocks`."""
    xp, shape = array_module(values), sum(blocks, ())
    given = (1,) * (len(shape) - values.ndim) + values.shape
    a, b = len(blocks[0]), len(blocks[0]) + len(blocks[1])
    parts = (given[:a], given[a:b], given[b:])
    if any(part != block and math.prod(part) != 1 for part, block in zip(parts, blocks, strict=True)):
        values, parts = xp.broadcast_to(values, shape), blocks
    planes, rows, columns = (math.prod(part) for part in parts)
    strides = (rows * columns if planes > 1 else 0, columns if rows > 1 else 0, 1 if columns > 1 else 0)
    return contiguous(values), strides


def contiguous(array: Array) -> Array:
    """`array`, copied if it is not C-contiguous; but unlike NumPy's function it leaves 0-d arrays 0-d."""
    return array if array.flags.c_contiguous else array_module(array).ascontiguousarray(array)


def as_bits(array: Array) -> Array:
    """`array` as unsigned integers of the size of its elements."""
    return array.view(f"u{array.itemsize}")


def bits_of(number: Any, dtype: Any) -> int:
    """The memory of `number` as an element of `dtype`, read as an unsigned integer."""
    return int.from_bytes(np.asarray(number, dtype).tobytes(), "little")
