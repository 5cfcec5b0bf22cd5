"""`cupy.ufunc`: NumPy's ufuncs for emulated arrays, with those of their methods that CuPy has."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn.emulator import indexing
from gpunn.emulator.array import ndarray
from gpunn.emulator.calls import call_ufunc, function
from gpunn.emulator.functions import asarray

_add_reduceat = function("add.reduceat", np.add.reduceat)


class ufunc:  # noqa: N801 - CuPy's name
    """Plays the CuPy ufunc named as NumPy's `host`: `ufunc(x, y, out=, dtype=, casting=)`."""

    __slots__ = ("__name__", "_host", "name", "nargs", "nin", "nout", "types")

    def __init__(self, host: np.ufunc) -> None:
        self._host = host
        self.__name__ = self.name = f"cupy_{host.__name__}"
        self.nin, self.nout, self.nargs, self.types = host.nin, host.nout, host.nargs, host.types

    def __repr__(self) -> str:
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call_ufunc(self._host, *args, **kwargs)

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:  # noqa: N803 - CuPy's names
        """The ufunc of all pairs: result[i, j] = ufunc(A[i], B[j])."""
        a, b = asarray(A), asarray(B)
        return self(a.reshape(a.shape + (1,) * b.ndim), b.reshape((1,) * a.ndim + b.shape), **kwargs)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """In place `a[indices] = ufunc(a[indices], b)`, where repeated indices count each time."""
        indexing.scatter(self._host, a, indices, b)

    def reduce(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        """The sum or product along `axis`; CuPy has no other."""
        if self.name == "cupy_add":
            return array.sum(axis, dtype, out, keepdims)
        if self.name == "cupy_multiply":
            return array.prod(axis, dtype, out, keepdims)
        raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")

    def accumulate(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """The cumulative sum or product along `axis`; CuPy has no other."""
        if self.name == "cupy_add":
            return array.cumsum(axis, dtype, out)
        if self.name == "cupy_multiply":
            return array.cumprod(axis, dtype, out)
        raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")

    def reduceat(self, array: ndarray, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """The sums between `indices` along `axis`; CuPy has no other."""
        if self.name != "cupy_add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        return _add_reduceat(array, indices, axis, dtype, out)
