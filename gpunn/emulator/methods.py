"""The methods of emulated arrays that select, sort and calculate; most are the functions of the same name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gpunn.emulator import functions, indexing, recording
from gpunn.emulator.calls import function
from gpunn.emulator.operators import Operators
from gpunn.emulator.storage import Storage, wrap

_clip = function("clip", np.clip)
_compress = function("compress", np.compress)
_partition = function("partition", np.partition)


def _deprecated_scatter(name: str, ufunc: np.ufunc, array: Storage, slices: Any, value: Any) -> None:
    warnings.warn(
        f"`ndarray.scatter_{name}` is deprecated. Please use `cupy.{ufunc.__name__}.at` instead.",
        DeprecationWarning,
        stacklevel=3,
    )
    indexing.scatter(ufunc, array, slices, value)


class Methods(Operators):
    """Methods with CuPy's arguments, which are fewer than NumPy's."""

    __slots__ = ()

    # Selection, in place and not

    def fill(self, value: Any) -> None:
        """Fill with one number, or with that of a 0-d array."""
        if type(value) is Storage.array_type and value._host.ndim:
            raise ValueError("non-scalar cupy.ndarray cannot be used for fill")
        indexing.write(self, ..., value)

    def put(self, indices: Any, values: Any, mode: str | None = None) -> None:
        functions.put(self, indices, values, *(() if mode is None else (mode,)))

    def sort(self, axis: int = -1, kind: str | None = None) -> None:
        """Sort in place; the array must be C-contiguous."""
        functions.check_kind(kind)
        if not self._host.ndim:
            raise np.exceptions.AxisError("Sorting arrays with the rank of zero is not supported")
        if not self._host.flags.c_contiguous:
            raise NotImplementedError("Sorting non-contiguous array is not supported.")
        if recording.current() is not None:
            recording.refuse("ndarray.sort: sorting waits for the device")
        self._host[...] = functions.sort(self, axis)._host

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Partition in place; CuPy sorts as far as it needs, so only the places of `kth` are certain."""
        if not self._host.flags.c_contiguous:
            raise NotImplementedError("Sorting non-contiguous array is not supported.")
        self._host[...] = _partition(self, kth, axis)._host

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> Any:
        return _compress(functions.asarray(condition), self, axis, out)

    def scatter_add(self, slices: Any, value: Any) -> None:
        _deprecated_scatter("add", np.add, self, slices, value)

    def scatter_max(self, slices: Any, value: Any) -> None:
        _deprecated_scatter("max", np.maximum, self, slices, value)

    def scatter_min(self, slices: Any, value: Any) -> None:
        _deprecated_scatter("min", np.minimum, self, slices, value)

    take = function("take", np.take)
    repeat = functions.repeat
    choose = function("choose", np.choose)
    argsort = functions.argsort
    argpartition = function("argpartition", np.argpartition)
    searchsorted = function("searchsorted", np.searchsorted)
    nonzero = function("nonzero", np.nonzero)

    # Calculation

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Any:
        return _clip(self, min, max, out)

    def conj(self) -> Any:
        return wrap(self._host.conj()) if self._host.dtype.kind == "c" else self

    conjugate = conj
    max = function("max", np.max)
    min = function("min", np.min)
    ptp = function("ptp", np.ptp)
    argmax = function("argmax", np.argmax)
    argmin = function("argmin", np.argmin)
    round = function("round", np.round)
    trace = function("trace", np.trace)
    sum = function("sum", np.sum)
    prod = function("prod", np.prod)
    mean = function("mean", np.mean)
    var = function("var", np.var)
    std = function("std", np.std)
    cumsum = function("cumsum", np.cumsum)
    cumprod = function("cumprod", np.cumprod)
    all = function("all", np.all)
    any = function("any", np.any)
    dot = function("dot", np.dot)
