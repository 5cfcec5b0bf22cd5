"""Arrays as lines along one axis, and how many threads share a line: the host's side of kernels/lines.cuh."""

from __future__ import annotations

from typing import Final, NamedTuple

from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order

BLOCK: Final = 256
THREAD, WARP, BLOCKS, COLUMNS = range(4)  # the teams, numbered as in `with_team`
THREAD_LENGTH: Final = 32  # the longest line for one thread
WARP_LENGTH: Final = 1024
LONG: Final = 16_384  # from here on blocks of 512 threads


class Lines(NamedTuple):
    """A dense array, C-contiguous once its axes are in memory `order`; there it is (outer, length, inner)."""

    array: Array  # with the axes in memory order
    order: tuple[int, ...]
    number: int  # of lines: outer * inner
    length: int
    inner: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Lines, length, inner, as kernels take them."""
        return self.number, self.length, self.inner

    @property
    def team(self) -> int:
        """Who shares a line, which depends on the length of a line and on whether it lies in one piece."""
        if self.length <= THREAD_LENGTH:
            return THREAD
        if self.inner > 1:
            return COLUMNS
        return WARP if self.length <= WARP_LENGTH else BLOCKS

    @property
    def block(self) -> int:
        """Threads of a block: 256, or 512 for long lines."""
        longest = WARP_LENGTH if self.team == COLUMNS else LONG
        return 512 if self.length > longest else BLOCK

    @property
    def threads(self) -> int:
        """What to launch."""
        if not self.array.size:
            return 0
        per_line = {THREAD: 1, WARP: 32, BLOCKS: self.block}.get(self.team)
        return -(-self.number // 32) * self.block if per_line is None else self.number * per_line

    def like(self, other: Array) -> Array:
        """`other`, of the shape of the original array, in the layout of this one; a copy if it has another."""
        return array_module(other).ascontiguousarray(other.transpose(self.order))

    def back(self, array: Array) -> Array:
        """`array`, in the layout of this one, as a view of the shape of the original array."""
        return array.transpose(sorted(range(len(self.order)), key=self.order.__getitem__))


def along(x: Array, axis: int) -> Lines:
    """The lines of `x` along `axis`; a copy only if `x` has gaps."""
    order = tuple(range(x.ndim)) if x.flags.c_contiguous else memory_order(x)
    array = array_module(x).ascontiguousarray(x.transpose(order))
    place = order.index(axis)
    inner = 1
    for size in array.shape[place + 1 :]:
        inner *= size
    length = x.shape[axis]
    return Lines(array, order, array.size // length if length else 0, length, inner)


def in_order(x: Array, axis: int) -> Lines:
    """The lines of `x` along `axis`, one after the other as the other axes go; a copy if they lie otherwise."""
    found = along(x, axis)
    rest = [other for other in found.order if other != axis]
    return found if rest == sorted(rest) else along(array_module(x).ascontiguousarray(x), axis)
