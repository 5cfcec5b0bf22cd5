"""Many arrays in one launch: addresses, and how arrays are cut into pieces. The host's side of optimizer/pieces.cuh.

A kernel gets a table of addresses, the sizes of the arrays, and a list of pieces, so that large and small arrays
share one grid. Arrays must be dense: their elements fill their memory, in any order of the axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import numpy as np

from gpunn import backend, capture
from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order

PIECE: Final = 4096  # elements of a piece at most; PIECE in optimizer/pieces.cuh
MOST_BLOCKS: Final = 1024  # a block takes several pieces, and does once what it does for all of them
BLOCK: Final = 256


class Plan(NamedTuple):
    """How arrays of certain sizes are cut: what a kernel gets of it, and how many blocks it gets."""

    sizes: Array  # int64, of the arrays
    pieces: Array  # int32 (number, 2): the number of the array, the number of the piece in it
    number: int  # of pieces
    blocks: int

    @property
    def threads(self) -> int:
        """What `kernels.launch` gets; 0 if all arrays are empty."""
        return self.blocks * BLOCK


def plan(arrays: Sequence[Array]) -> Plan:
    """The plan for `arrays` of one GPU. It depends on their sizes only and is kept on the GPU."""
    first = arrays[0]
    if (recording := capture.current()) is not None:
        return _made(partial(recording.constant, array_module(first)), [a.size for a in arrays])
    return _plan(array_module(first), first.device.id, tuple([a.size for a in arrays]))


@lru_cache(maxsize=64)
def _plan(cupy: Any, device: int, sizes: tuple[int, ...]) -> Plan:
    with backend.placed_on(backend.device("cuda", device)):
        made = _made(cupy.asarray, sizes)
        cupy.cuda.get_current_stream().synchronize()  # it may be used on other streams
    return made


def _made(send: Callable[[Any], Array], sizes: Sequence[int]) -> Plan:
    counts = [-(-size // PIECE) for size in sizes]
    pieces = np.zeros((sum(counts), 2), np.int32)
    pieces[:, 0] = np.repeat(np.arange(len(sizes)), counts)
    pieces[:, 1] = np.concatenate([np.arange(count) for count in counts])
    return Plan(send(np.array(sizes, np.int64)), send(pieces), len(pieces), min(len(pieces), MOST_BLOCKS))


def addresses(arrays: Sequence[Array | None]) -> tuple[int, ...]:
    """Where `arrays` lie; 0 for None."""
    return tuple([0 if a is None else a.data.ptr for a in arrays])


def table(found: tuple[int, ...], like: Array) -> Array:
    """`found` addresses as an array on the GPU of `like`, the same array for the same addresses on one stream.

    The host does not wait: the copy goes through pinned memory. Tables never change, so a launch keeps its own.
    """
    cupy = array_module(like)
    if (recording := capture.current()) is not None:
        return recording.constant(cupy, np.array(found, np.int64))
    return _table(cupy, like.device.id, cupy.cuda.get_current_stream().ptr, found)


@lru_cache(maxsize=64)
def _table(cupy: Any, device: int, stream: int, found: tuple[int, ...]) -> Array:
    with backend.placed_on(backend.device("cuda", device)):
        return cupy.asarray(np.array(found, np.int64))


def is_dense(array: Array) -> bool:
    """Whether the elements of `array` fill its memory without gaps or overlaps, in any order of the axes."""
    return bool(array.flags.c_contiguous or array.transpose(memory_order(array)).flags.c_contiguous)


def is_laid_out_as(array: Array, model: Array) -> bool:
    """Whether the elements of two dense arrays of one shape lie in the same order."""
    return bool(array.strides == model.strides or (array.flags.c_contiguous and model.flags.c_contiguous))


def laid_out_as(array: Array, model: Array) -> Array:
    """`array`, or a copy whose elements lie as those of the dense array `model` of the same shape."""
    if is_laid_out_as(array, model):
        return array
    copy = array_module(model).empty_like(model)
    copy[...] = array
    return copy
