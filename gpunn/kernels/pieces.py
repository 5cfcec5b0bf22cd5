"""Lines that kernels reduce, long ones in pieces: the host's side of kernels/reduction/pieces.cuh."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from gpunn.backend import Array, array_module
from gpunn.kernels.elementwise import memory_order
from gpunn.kernels.lines import Lines, along

PIECE: Final = 1 << 14  # numbers of a long line for one team: a multiple of 16 bytes
APART: Final = 1 << 10  # of those that do not lie side by side


class Pieces(NamedTuple):
    """How a launch divides lines (outer, length, inner): `lines` are the pieces, all as long as the longest."""

    lines: Lines
    length: int  # of whole lines

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Their number, length and inner of whole lines, the length of a piece and the team, as kernels take them."""
        return self.lines.number, self.length, self.lines.inner, self.lines.length, self.lines.team


def divided(whole: Lines) -> Pieces:
    """`whole` in pieces, which depend on the length of a line only."""
    most = piece(whole)
    number = whole.number * -(-whole.length // most)
    return Pieces(whole._replace(number=number, length=min(whole.length, most)), whole.length)


def piece(whole: Lines) -> int:
    """The most numbers of a line of `whole` that one team takes: so few that blocks of 256 threads do."""
    return PIECE if whole.inner == 1 else APART


class Reduced:
    """An array whose `axes` are reduced, seen as lines: of one axis where it lies, of several after a copy at most."""

    def __init__(self, x: Array, axes: tuple[int, ...]) -> None:
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        self.shape, self.results = x.shape, tuple([x.shape[axis] for axis in kept])
        self.turn: tuple[int, ...] | None = None
        self.axis = axes[0] if len(axes) == 1 else len(kept)
        if len(axes) != 1:
            self.turn = (*kept, *sorted(axes)) if kept else memory_order(x)
            x = x.transpose(self.turn).reshape(*self.results, math.prod([x.shape[axis] for axis in axes]))
        self.lines = along(x, self.axis)
        rest = [axis for axis in self.lines.order if axis != self.axis]
        self.order = [axis - (axis > self.axis) for axis in rest]  # of the results in memory

    def like(self, other: Array) -> Array:
        """`other`, of the shape of x, in the layout of the lines; a copy if it has another."""
        if self.turn is None:
            return self.lines.like(other)
        return array_module(other).ascontiguousarray(other.transpose(self.turn)).reshape(self.lines.array.shape)

    def back(self, array: Array) -> Array:
        """`array`, in the layout of the lines, as a view of the shape of x."""
        array = self.lines.back(array)
        if self.turn is None:
            return array
        turned = array.reshape([self.shape[axis] for axis in self.turn])
        return turned.transpose(sorted(range(len(self.turn)), key=self.turn.__getitem__))

    def of_lines(self, results: Array) -> Array:
        """`results`, one for each line, with or without the reduced axes as 1, in the order of the lines."""
        turned = results.reshape(self.results).transpose(self.order)
        return turned if turned.flags.c_contiguous else array_module(results).ascontiguousarray(turned)

    def results_back(self, results: Array, keepdim: bool, axes: tuple[int, ...]) -> Array:
        """Results in the order of the lines as an array; with `keepdim` the reduced axes are there, as 1."""
        turned = results.reshape([self.results[axis] for axis in self.order])
        found = turned.transpose(sorted(range(len(self.order)), key=self.order.__getitem__))
        if not keepdim:
            return found
        return found.reshape([1 if axis in axes else n for axis, n in enumerate(self.shape)])

    @property
    def is_long(self) -> bool:
        """Whether lines have several pieces."""
        return self.lines.length > piece(self.lines)

    def reduce(self, array: Array, launch: Callable[[Array, Array, Pieces, bool], None]) -> Array:
        """What `launch(results, array, pieces, is_first)` makes of each line; of the results of pieces once more.

        `array` is the lines' own, or that in a wider type, which the results have, too.
        """
        lines, is_first = self.lines._replace(array=array), True
        while True:
            pieces = divided(lines)
            results = array_module(array).empty(pieces.lines.number, array.dtype)
            launch(results, lines.array, pieces, is_first)
            if pieces.lines.number == lines.number:
                return results
            lines = lines._replace(array=results, length=pieces.lines.number // lines.number)
            is_first = False
