"""Nested lists of numbers, tensors and arrays as one NumPy array."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gpunn import backend, dtypes
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError

NUMBERS: Final = frozenset({bool, int, float})
Place = tuple[int, ...]


class ElementError(ArgumentTypeError, RuntimeError):
    """Something in a list that is no number. PyTorch raises RuntimeError or ValueError for it, TypeError elsewhere."""


def is_nested(value: Any) -> bool:
    """Whether `value` counts as a list: any sequence but text."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def array_of(op: str, data: Any, to: dtype | None) -> np.ndarray[Any, Any]:
    """`data`, a number or a nested list, as an array of `to`, or of the promoted type of its elements.

    The type of a Python number is bool, int64 or the default float type; tensors and arrays have their own.
    """
    nest = _Nest(op)
    nest.visit(data, ())
    found = nest.found or (dtypes.get_default_dtype(),)
    target = functools.reduce(dtypes.promote_types, found) if to is None else to
    if nest.only_numbers:
        return _numbers(op, data, nest.found, target).reshape(nest.shape)
    array = np.empty(nest.shape, target.numpy)
    _fill(op, array, data)
    return array


class _Nest:
    """What a walk over nested lists finds: shape, dtypes, and whether all elements are Python numbers."""

    def __init__(self, op: str) -> None:
        self.op = op
        self.shape: list[int] = []
        self.rank: int | None = None  # known from the first element on
        self.found: dict[dtype, None] = {}
        self.only_numbers = True

    def visit(self, item: Any, place: Place) -> None:
        if is_nested(item):
            self._row(item, place)
        elif type(item) in NUMBERS:
            self._element(dtypes.of_number(item), (), place)
        else:
            array = _as_array(self.op, item, place)
            self.only_numbers = False
            self._element(dtypes.of(array), array.shape, place)

    def _row(self, row: Any, place: Place) -> None:
        self._length(len(row), place)
        if NUMBERS.issuperset(kinds := set(map(type, row))):
            for kind in kinds:
                self._element(dtypes.of_number(kind()), (), (*place, 0))
            return
        for i, item in enumerate(row):
            self.visit(item, (*place, i))

    def _element(self, kind: dtype, shape: tuple[int, ...], place: Place) -> None:
        self.found[kind] = None
        for extra, length in enumerate(shape):
            self._length(length, place + (0,) * extra)
        rank = len(place) + len(shape)
        self.rank = rank if self.rank is None else self.rank
        if not rank == self.rank == len(self.shape):
            raise self._uneven(place, rank)

    def _length(self, length: int, place: Place) -> None:
        depth = len(place)
        if depth == len(self.shape) and self.rank is None:
            self.shape.append(length)
        elif depth >= len(self.shape):
            raise self._uneven(place, depth + 1)
        elif self.shape[depth] != length:
            raise ShapeError(
                f"{self.op}: expected sequence of length {self.shape[depth]} at dim {depth} (got {length}), "
                f"at {_where(place)}"
            )

    def _uneven(self, place: Place, rank: int) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"{self.op}: {_where(place)} is {rank} levels deep, others are {len(self.shape)}; "
            "nested lists must have the same depth everywhere"
        )


def _where(place: Place) -> str:
    return "data" + "".join(f"[{i}]" for i in place)


def _as_array(op: str, item: Any, place: Place) -> np.ndarray[Any, Any]:
    """A tensor, array or number inside a list, as an array in the CPU's memory."""
    if isinstance(item, Variable):
        return backend.asnumpy(item.array)
    if backend.is_array(item):
        return backend.asnumpy(item)
    if isinstance(item, (np.generic, bool, int, float)):
        return np.asarray(item)
    raise ElementError(
        f"{op}: expected numbers, tensors or arrays, got {type(item).__name__} at {_where(place)}: {item!r}"
    )


def _numbers(op: str, data: Any, found: dict[dtype, None], to: dtype) -> np.ndarray[Any, Any]:
    """Python numbers, first in the widest type, so that what does not fit into `to` is noticed."""
    highest = max((kind.category for kind in found), default=dtypes.FLOATING)
    wide = (np.bool_, np.int64, np.float64)[highest]
    try:
        array = np.array(data, dtype=wide)
    except OverflowError as error:
        raise ArgumentError(f"{op}: Overflow when unpacking long long: {error}") from None
    if to.category == dtypes.INTEGER and array.size:
        _check_range(op, array, to)
        array = array.astype(np.int64)
    with np.errstate(all="ignore"):
        return array.astype(to.numpy)


def _check_range(op: str, array: np.ndarray[Any, Any], to: dtype) -> None:
    """As in PyTorch, an unsigned type takes negative numbers as far as they have its bits, and wraps them."""
    info = np.iinfo(to.numpy)
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"{op}: value {low} or {high} cannot be converted to type {to.name} without overflow")
    for value in (low.item(), high.item()):
        if not (info.min if to.is_signed else -info.max) <= value <= info.max:
            raise ArgumentError(f"{op}: value {value} cannot be converted to type {to.name} without overflow")


def _fill(op: str, target: np.ndarray[Any, Any], data: Any) -> None:
    if is_nested(data):
        for i, item in enumerate(data):
            _fill(op, target[i, ...], item)
    else:
        with np.errstate(all="ignore"):
            target[...] = _as_array(op, data, ())
