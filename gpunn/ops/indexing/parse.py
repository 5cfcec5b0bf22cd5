"""An index expression, x[1, ..., mask, None, ::2], taken apart into basic and advanced indexing.

PyTorch's rules: integers, also 0-d tensors, select first and are never advanced; a bool adds a dimension of
length 1 or 0; a mask takes as many dimensions as it has. Negative steps are a ValueError.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DeviceError, IndexRangeError

_SINGLE = (slice, type(None), type(Ellipsis))


class IndexTypeError(IndexRangeError, TypeError):
    """An index of a type that is none: PyTorch raises IndexError or TypeError for it."""


class Advanced(NamedTuple):
    """An index tensor at `axis` of the view that basic indexing leaves, dimension `dim` of the array.

    A mask takes `mask.ndim` axes from there.
    """

    axis: int
    dim: int
    index: Any


class Parsed(NamedTuple):
    """`basic`: integers, slices and Nones, for every dimension; `advanced`: what is to be done to that view."""

    basic: tuple[Any, ...]
    advanced: list[Advanced]

    @property
    def is_whole(self) -> bool:
        """Whether the basic part selects everything as it is."""
        return all(isinstance(item, slice) and item == slice(None) for item in self.basic)


def parse(index: Any, array: Array) -> Parsed:
    """`index` for an array like `array`; integers, dtypes and shapes of masks are checked, slices in range."""
    items = _items(index)
    shape = array.shape
    used = sum(_dims_taken(item) for item in items)
    if used > len(shape):
        raise _too_many(len(shape), used, items)
    walk = _Walk(array, len(shape) - used)
    for position, item in enumerate(items):
        walk.take(position, item)
    return Parsed(tuple(walk.basic), walk.advanced)


def parse_tensors(indices: Sequence[Any], array: Array) -> list[Advanced]:
    """`indices`, tensors for one dimension after the other (None: a full slice), as the advanced part."""
    items = [slice(None) if i is None else index_tensor(i) for i in indices]
    used = sum(_dims_taken(item) for item in items)
    if used > array.ndim:
        raise _too_many(array.ndim, used, items)
    walk = _Walk(array, 0)
    for position, item in enumerate(items):
        walk.take(position, item)
    return walk.advanced


class _Walk:
    """From the first item to the last: `dim` counts dimensions of the array, `axis` those of the view."""

    def __init__(self, array: Array, missing: int) -> None:
        self.array, self.missing = array, missing  # the first Ellipsis stands for `missing` full slices
        self.basic: list[Any] = []
        self.advanced: list[Advanced] = []
        self.dim = self.axis = 0

    def take(self, position: int, item: Any) -> None:
        """Deal with one item."""
        if isinstance(item, bool):
            self.basic.append(None)
            self._advance(np.zeros(int(item), np.int64))
            self.axis += 1
        elif item is None:
            self.basic.append(None)
            self.axis += 1
        elif item is Ellipsis:
            self._keep(self.missing)
            self.missing = 0
        elif isinstance(item, slice):
            self.basic.append(_forward(item, self.array.shape[self.dim]))
            self.dim, self.axis = self.dim + 1, self.axis + 1
        elif isinstance(item, int):
            self.basic.append(_in_range(item, self.dim, self.array.shape[self.dim], position))
            self.dim += 1
        else:
            self._tensor(position, item)

    def _tensor(self, position: int, item: Variable) -> None:
        mask = item.array.dtype.kind == "b"
        if mask and item.array.shape != (part := self.array.shape[self.dim : self.dim + item.array.ndim]):
            raise IndexRangeError(
                f"The shape of the mask {item.array.shape} at position {position} of the index does not match {part}, "
                f"that part of the shape of the indexed tensor {self.array.shape}"
            )
        self._advance(item)
        self._keep(item.array.ndim if mask else 1)

    def _advance(self, index: Any) -> None:
        self.advanced.append(Advanced(self.axis, self.dim, self._on_device(index)))

    def _keep(self, dims: int) -> None:
        self.basic.extend([slice(None)] * dims)
        self.dim, self.axis = self.dim + dims, self.axis + dims

    def _on_device(self, index: Any) -> Variable:
        """`index` where the indexed array is; only an index on the CPU may be somewhere else."""
        given = index.array if isinstance(index, Variable) else index
        home = backend.device_of(self.array)
        if backend.device_of(given) == home:
            return index if isinstance(index, Variable) else Variable.result_type(given)
        if backend.is_cuda(given):
            raise DeviceError(
                f"indices should be either on cpu or on the same device as the indexed tensor ({home}), got "
                f"{backend.device_of(given)}"
            )
        return Variable.result_type(backend.to_device(given, home))


def _items(index: Any) -> list[Any]:
    """The parts of `index`, each None, Ellipsis, slice, bool, int or an index tensor with dimensions."""
    if isinstance(index, tuple):
        return [_item(part) for part in index]
    if _counts_as_tuple(index):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] or, for an "
            "index array, x[tensor(seq)]",
            stacklevel=4,
        )
        return [_item(part) for part in index]
    return [_item(index)]


def _counts_as_tuple(index: Any) -> bool:
    """PyTorch's (and once NumPy's) rule for lists: short, and not all of it numbers."""
    if not isinstance(index, Sequence) or isinstance(index, (str, range)) or len(index) >= 32:
        return False
    return any(isinstance(part, (Variable, Sequence, *_SINGLE)) for part in index)


def _item(part: Any) -> Any:
    """One part of an index in its simplest form: 0-d tensors as int or bool, sequences and arrays as tensors."""
    if isinstance(part, (*_SINGLE, bool, int)):
        return part
    if isinstance(part, np.generic) and part.dtype.kind in "biu":
        return part.item()
    if isinstance(part, (Sequence, np.ndarray)) and not isinstance(part, str):
        array = np.asarray(part)
        if array.size == 0 and not isinstance(part, np.ndarray):
            array = array.astype(np.int64)
        if array.dtype.kind == "i":
            array = array.astype(np.int64)
        part = Variable.result_type(array)
    if not isinstance(part, Variable):
        raise IndexTypeError(
            "only integers, slices (`:`), ellipsis (`...`), None, lists and tensors of integers or bools are valid "
            f"indices, got {type(part).__name__}"
        )
    if part.array.ndim == 0 and part.array.dtype.kind in "biu":
        value = backend.asnumpy(part.array).item()
        return bool(value) if part.array.dtype.name in ("bool", "uint8") else value
    return index_tensor(part)


def index_tensor(index: Variable) -> Variable:
    """`index`, of int64, int32 or bool; a mask of uint8 as bools."""
    if not isinstance(index, Variable):
        raise ArgumentTypeError(f"an index must be a Tensor, got {type(index).__name__}")
    name = index.array.dtype.name
    if name == "uint8":
        warnings.warn("indexing with dtype uint8 is deprecated, use a mask of bools: x[mask.bool()]", stacklevel=6)
        return Variable.result_type(index.array != 0)
    if name not in ("int64", "int32", "bool"):
        raise IndexRangeError(f"tensors used as indices must be long, int, byte or bool tensors, got {name}")
    return index


def _dims_taken(item: Any) -> int:
    if isinstance(item, Variable):
        return int(item.array.ndim) if item.array.dtype.kind == "b" else 1
    return 0 if isinstance(item, bool) or item is None or item is Ellipsis else 1


def _too_many(rank: int, used: int, items: list[Any]) -> IndexRangeError:
    if rank == 0 and isinstance(items[0], slice):
        return IndexRangeError("slice() cannot be applied to a 0-dim tensor.")
    if rank == 0:
        return IndexRangeError("invalid index of a 0-dim tensor. Use `tensor.item()` to get its value as a number")
    return IndexRangeError(f"too many indices for tensor of dimension {rank}: got {used}")


def _forward(item: slice, size: int) -> slice:
    """`item` with bounds in [0, size]; only forwards."""
    try:
        start, stop, step = item.indices(size)
    except TypeError:
        raise ArgumentTypeError(f"slice indices must be integers or None or have __index__, got {item}") from None
    if step < 1:
        raise ArgumentError(f"step must be greater than zero, got {item}; x.flip(dim) reverses a dimension")
    if start == 0 and stop == size and step == 1:
        return slice(None)
    return slice(start, max(start, stop), step)


def _in_range(value: int, dim: int, size: int, position: int) -> int:
    if not -size <= value < size:
        raise IndexRangeError(
            f"index {value} at position {position} is out of bounds for dimension {dim} with size {size}"
        )
    return value


def expanded(advanced: list[Advanced]) -> list[Advanced]:
    """`advanced` with integers only, in range: each mask as the positions of its True elements."""
    result: list[Advanced] = []
    for axis, dim, index in advanced:
        if index.array.dtype.kind == "b":
            found = array_module(index.array).nonzero(index.array)
            result += [Advanced(axis + d, dim + d, Variable.result_type(i)) for d, i in enumerate(found)]
        else:
            result.append(Advanced(axis, dim, index))
    return result
