"""Padding: a wider array, filled with a constant or with elements of the array; negative amounts cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError, UnsupportedError
from gpunn.ops.conv.geometry import LARGEST
from gpunn.ops.indexing.element import element
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, contiguous_format, layout
from gpunn.ops.shape.dims import ints
from gpunn.ops.shape.permutation import inverse

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

MODES: Final = ("constant", "reflect", "replicate", "circular")  # by their number in kernels/resize/axes.cuh
AXES: Final = 5  # that a kernel takes


class Edge(NamedTuple):
    """One axis: its size before and after, and how many elements are put in front of it (below 0: left out)."""

    size: int
    out: int
    before: int

    @property
    def after(self) -> int:
        """How many elements are put behind it."""
        return self.out - self.size - self.before

    @property
    def is_kept(self) -> bool:
        """Whether the axis stays as it is."""
        return self.before == 0 and self.size == self.out


Edges = tuple[Edge, ...]


class Pad(Function):
    """`x` with its axes changed as `edges` say; what is new shows other elements, or `value` in constant mode."""

    def __init__(self, edges: Edges, mode: str, value: Any = 0) -> None:
        self.edges, self.mode, self.value = edges, mode, value

    def forward_numpy(self, x: Array) -> Array:
        order = _order(x)
        dense, edges = x.transpose(order), [self.edges[axis] for axis in order]
        if self.mode == "constant":
            found = array_module(x).full([edge.out for edge in edges], self.value, x.dtype)
            found[tuple([_seen(edge) for edge in edges])] = dense[tuple([_kept(edge) for edge in edges])]
        elif min([min(edge.before, edge.after) for edge in edges]) < 0:
            found = dense
            for axis, edge in enumerate(edges):
                if not edge.is_kept:
                    found = found.take(_shown(edge, self.mode), axis)
        else:
            found = np.empty([edge.out for edge in edges], x.dtype)
            filled = [_seen(edge) for edge in edges]
            found[tuple(filled)] = dense
            for axis, edge in enumerate(edges):
                if not edge.is_kept:
                    _fill_ends(found, filled, axis, edge, self.mode)
                    filled[axis] = slice(None)
        return found.transpose(inverse(order))

    def forward_cuda(self, x: Array) -> Array:
        order, xp = _order(x), array_module(x)
        found = xp.ascontiguousarray(x.transpose(order))
        bits = int.from_bytes(np.asarray(self.value).astype(x.dtype).tobytes(), "little")
        for edges in _steps([self.edges[axis] for axis in order]):
            source = found.reshape([edge.size for edge in edges]).view(f"u{x.itemsize}")
            found = xp.empty([edge.out for edge in edges], x.dtype)
            numbers = [number for edge in edges for number in edge]
            args = (found.view(source.dtype), source, *numbers, MODES.index(self.mode), bits)
            kernels.launch("resize/pad", "pad_forward", found.size, args)
        return found.reshape([self.edges[axis].out for axis in order]).transpose(inverse(order))

    def backward(self, grad: Tensor) -> Tensor:
        if self.mode == "constant":
            result: Tensor = Pad(tuple([Edge(e.out, e.size, -e.before) for e in self.edges]), "constant")(grad)
            return result
        result = PadBackward(self.edges, self.mode)(grad)
        return result


class PadBackward(Function):
    """For each element the sum of the gradients of the places that show it: the transpose of `Pad`."""

    def __init__(self, edges: Edges, mode: str) -> None:
        self.edges, self.mode = edges, mode

    def forward_numpy(self, grad: Array) -> Array:
        order = _order(grad)
        found = widened(grad.transpose(order))
        for number, axis in enumerate(order):
            if not self.edges[axis].is_kept:
                found = _folded(found, number, self.edges[axis], self.mode)
        return found.astype(grad.dtype, copy=False).transpose(inverse(order))

    def forward_cuda(self, grad: Array) -> Array:
        order, xp = _order(grad), array_module(grad)
        edges = [self.edges[axis] for axis in order]
        changed = [number for number, edge in enumerate(edges) if not edge.is_kept]
        first, last = (changed[0], changed[-1] + 1) if changed else (0, 0)
        inner, planes = (math.prod([edge.size for edge in part]) for part in (edges[last:], edges[:first]))
        middle = [Edge(1, 1, 0)] * (3 - (last - first)) + edges[first:last]
        dx = xp.empty([edge.size for edge in edges], grad.dtype)
        numbers = [number for edge in middle for number in edge]
        args = (dx, xp.ascontiguousarray(grad.transpose(order)), planes, inner, *numbers, MODES.index(self.mode))
        kernels.launch("resize/unpad", "pad_backward", dx.size, args)
        return dx.transpose(inverse(order))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = Pad(self.edges, self.mode)(grad)
        return result


def _order(x: Array) -> tuple[int, ...]:
    """The axes of `x` in the order in which the result shall lie in memory."""
    return tuple(range(x.ndim)) if layout(x) is contiguous_format else CHANNELS_LAST_ORDER[x.ndim]


def _seen(edge: Edge) -> slice:
    """Where the old elements lie in the new axis."""
    return slice(max(edge.before, 0), max(min(edge.before + edge.size, edge.out), 0))


def _kept(edge: Edge) -> slice:
    """Which of the old elements are in the new axis."""
    return slice(max(-edge.before, 0), max(min(edge.size, edge.out - edge.before), 0))


def _shown(edge: Edge, mode: str) -> np.ndarray[Any, Any]:
    """Which old element each place of the new axis shows."""
    places, last = np.arange(edge.out) - edge.before, edge.size - 1
    if mode == "reflect":
        places = np.abs(places)
        return last - np.abs(last - places)
    return places.clip(0, last) if mode == "replicate" else places % edge.size


def _fill_ends(found: Array, filled: list[slice], axis: int, edge: Edge, mode: str) -> None:
    """Fill the places in front of and behind the elements along one axis, of the places that are `filled` so far."""
    inner, shown = found[tuple(filled)], _shown(edge, mode)
    for end in (slice(0, edge.before), slice(edge.out - edge.after, edge.out)):
        found[(*filled[:axis], end, *filled[axis + 1 :])] = inner[(*[slice(None)] * axis, shown[end])]


def _folded(grad: Array, axis: int, edge: Edge, mode: str) -> Array:
    """The gradients of what is new along one axis, added to those of the elements that it shows."""
    xp, g = array_module(grad), grad.swapaxes(0, axis)
    dx = xp.zeros((edge.size, *g.shape[1:]), grad.dtype)
    dx[_kept(edge)] = g[_seen(edge)]
    before, after = min(max(edge.before, 0), edge.out), min(max(edge.after, 0), edge.out)
    front, back = g[:before], g[edge.out - after :]
    if mode == "replicate":
        dx[0] += front.sum(0)
        dx[-1] += back.sum(0)
    elif mode == "reflect":
        dx[edge.before - before + 1 : edge.before + 1] += front[::-1]
        start = edge.size - 1 - edge.after
        dx[start : start + after] += back[::-1]
    else:
        dx[edge.size - edge.before :][:before] += front
        dx[edge.after - after : max(edge.after, 0)] += back
    return dx.swapaxes(0, axis)


def _steps(edges: Sequence[Edge]) -> list[list[Edge]]:
    """Axes for one launch after the other, five each: neighbours that stay as they are count as one."""
    groups: list[Edge] = []
    for edge in edges:
        if groups and edge.is_kept and groups[-1].is_kept and groups[-1].size * edge.size <= LARGEST:
            groups[-1] = Edge(groups[-1].size * edge.size, groups[-1].size * edge.size, 0)
        else:
            groups.append(edge)
    if len(groups) <= AXES:
        return [[*[Edge(1, 1, 0)] * (AXES - len(groups)), *groups]]
    middle = len(edges) // 2
    first = [*edges[:middle], *[Edge(edge.size, edge.size, 0) for edge in edges[middle:]]]
    then = [*[Edge(edge.out, edge.out, 0) for edge in edges[:middle]], *edges[middle:]]
    return [*_steps(first), *_steps(then)]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`input` with elements in front of and behind its last dimensions, as PyTorch's `pad`.

    `pad` has two numbers for each dimension, the last one first: (left, right, top, bottom, …). Negative numbers cut
    off. `mode` "constant" fills with `value` (0), any dimensions; "reflect", "replicate" and "circular" repeat what
    is inside, along the last one, two or three dimensions of a tensor that has one or two more; "circular" what is
    left after cutting off.
    """
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"pad: input must be a Tensor, got {type(input).__name__}")
    amounts, shape = ints("pad", "pad", pad, also_one=False), input.array.shape
    if len(amounts) % 2:
        raise ArgumentError(f"pad: Padding length must be divisible by 2, got pad={amounts}")
    if len(amounts) > 2 * len(shape):
        raise ShapeError(
            "pad: Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(amounts)} and input of dimension {len(shape)}"
        )
    if not isinstance(mode, str):
        raise ArgumentTypeError(f"pad: argument 'mode' must be str, not {type(mode).__name__}")
    if mode not in MODES:
        raise UnsupportedError(f"pad: Unrecognised padding mode {mode!r}; use one of {', '.join(MODES)}")
    if mode == "constant":
        filling = _filling(input.array, value)
    else:
        if value is not None and value != 0:
            raise ArgumentError(f'pad: Padding mode "{mode}" doesn\'t take in value argument, got value={value}')
        filling = 0
        _check_rank(len(shape), amounts, mode, dtypes.of(input.array))
    if mode == "circular" and min(amounts, default=0) < 0:  # cut off first, then put around what is left
        input = _padded(input, tuple([min(amount, 0) for amount in amounts]), "constant", 0)
        amounts = tuple([max(amount, 0) for amount in amounts])
    return _padded(input, amounts, mode, filling)


def _padded(input: Any, amounts: tuple[int, ...], mode: str, filling: Any) -> Tensor:
    shape = input.array.shape
    edges = [Edge(n, n, 0) for n in shape]
    for number, (before, after) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        axis = len(shape) - 1 - number
        edges[axis] = _edge(shape, axis, before, after, mode)
    if max([edge.size for edge in edges] + [edge.out for edge in edges], default=0) > LARGEST:
        raise IndexRangeError(f"pad: no dimension may be larger than {LARGEST}, got {shape} and pad={amounts}")
    result: Tensor = Pad(tuple(edges), mode, filling)(input)
    return result


def _filling(array: Array, value: Any) -> Any:
    """What to fill the places with that show no element."""
    if value is None:
        return 0
    if not isinstance(value, (int, float, np.generic)):
        raise ArgumentTypeError(f"pad: value must be a number, got {type(value).__name__}")
    return element("pad", value if array.dtype.kind == "i" else float(value), array)  # as a float, -1 is not 255


def _check_rank(rank: int, amounts: tuple[int, ...], mode: str, dtype: Any) -> None:
    padded = len(amounts) // 2
    if padded not in (1, 2, 3) or rank - padded not in (1, 2):
        raise UnsupportedError(
            "pad: Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: the last 1, 2 or 3 "
            f"dimensions of a tensor with one or two more; got {rank} dimensions and pad={amounts}"
        )
    if dtype is dtypes.bool_ and mode != "circular":
        raise DtypeError(f"pad: mode {mode!r} is not for {dtype}; use input.to(gpunn.uint8)")


def _edge(shape: tuple[int, ...], axis: int, before: int, after: int, mode: str) -> Edge:
    """The edge of one axis of an array of `shape`, checked."""
    size, given = shape[axis], f"padding ({before}, {after}) at dimension {axis} of input {shape}"
    out = size + before + after
    if mode == "reflect" and max(before, after) >= size:
        raise ShapeError(f"pad: Padding size should be less than the corresponding input dimension, but got: {given}")
    if mode == "circular" and max(before, after) > size:
        raise ShapeError(f"pad: Padding value causes wrapping around more than once: {given}")
    if mode != "constant" and size == 0:
        raise ShapeError(f"pad: Expected a tensor with non-zero size to take elements from, but got: {given}")
    if out < 0 or (out == 0 and mode != "constant"):
        what = "negative" if out < 0 else "empty"
        raise ShapeError(f"pad: The input size plus the padding resulted in a {what} output size: {given}")
    return Edge(size, out, before)
