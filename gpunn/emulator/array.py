"""`cupy.ndarray` on NumPy memory: a type of its own, so that a NumPy function on the CUDA path fails at once.

Methods and attributes are those of CuPy 14.2, with its arguments. What waits for the device there is counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from gpunn.emulator import functions, indexing, recording
from gpunn.emulator.calls import check_dtype, function
from gpunn.emulator.cuda import Device, MemoryPointer
from gpunn.emulator.methods import Methods
from gpunn.emulator.operators import SCALARS
from gpunn.emulator.storage import (
    EmulatorError,
    HostArray,
    Storage,
    adopt,
    view,
    wrap,
)

_COMPARISONS = frozenset({"equal", "greater", "greater_equal", "less", "less_equal", "not_equal"})


class Flags:
    """The layout of an array: c_contiguous, f_contiguous, owndata, fnc, forc; nothing else, as in CuPy."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, array: Storage) -> None:
        self.c_contiguous: bool = array._host.flags.c_contiguous
        self.f_contiguous: bool = array._host.flags.f_contiguous
        self.owndata = array.base is None

    @property
    def fnc(self) -> bool:
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self) -> bool:
        return self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        flag: bool = getattr(self, name.lower())
        return flag

    def __repr__(self) -> str:
        return "\n".join(f"  {name.upper()} : {getattr(self, name)}" for name in self.__slots__)


class ndarray(Methods):  # noqa: N801 - CuPy's name
    """An array of the emulated device; `ndarray(shape, dtype=float, order="C")` is `cupy.empty`."""

    __slots__ = ("__weakref__",)
    __module__ = "cupy"

    def __new__(
        cls, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: Any = "C"
    ) -> ndarray:
        if memptr is not None or strides is not None:
            raise EmulatorError("cupy.ndarray: the emulator places no arrays at given addresses; use views")
        array: ndarray = functions.empty(shape, dtype, order)
        return array

    # Attributes

    shape = property(lambda self: self._host.shape, lambda self, shape: self._set_shape(shape))
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(Flags)
    device = property(lambda self: Device(0))

    def _set_shape(self, shape: Any) -> None:
        try:
            self._host = np.reshape(self._host, shape, copy=False)
        except ValueError:
            raise AttributeError(
                "Incompatible shape for in-place modification. Use `.reshape()` to make a copy with the desired shape."
            ) from None

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self._memory, self._host.ctypes.data if self.size else 0)

    @property
    def T(self) -> Any:  # noqa: N802
        return self if self.ndim < 2 else view(self._host.T, self)

    @property
    def mT(self) -> Any:  # noqa: N802
        if self.ndim < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return view(self._host.mT, self)

    @property
    def real(self) -> Any:
        return view(self._host.real, self) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> Any:
        return view(self._host.imag, self) if self.dtype.kind == "c" else wrap(np.zeros_like(self._host))

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("cupy.ndarray does not have imaginary part to set")
        self.imag[...] = value

    # Indexing

    __getitem__ = indexing.read
    __setitem__ = indexing.write

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return len(self._host)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._host)))

    # Transfers and conversions; all of them wait for the device

    def get(
        self, stream: Any = None, order: Any = "C", out: HostArray | None = None, blocking: bool = True
    ) -> HostArray:
        """A copy on the host."""
        return functions.get(self, order, out)

    def set(self, arr: HostArray, stream: Any = None) -> None:
        """Copy a host array of equal shape and dtype into this one."""
        recording.check_host_copy("ndarray.set")
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        self._host[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        return self.get().tobytes(order)

    def __bool__(self) -> bool:
        if self.size == 0:
            warnings.warn(
                "The truth value of an empty array is ambiguous. Returning False, but in future this will "
                "result in an error. Use `array.size > 0` to check that an array is not empty.",
                DeprecationWarning,
                stacklevel=2,
            )
            return False
        if self.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
            )
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, format_spec: str) -> str:
        return format(self.get(), format_spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return functions.array, (self.get(order="A"),)

    # Protocols

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """CuPy's, with an address in host memory: nothing but the emulator can use it."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": self.dtype.descr,
            "stream": 1,
            "version": 3,
            "strides": None if self.flags.c_contiguous else self.strides,
            "data": (self.data.ptr, False),
        }

    def __dlpack__(self, **kwargs: Any) -> NoReturn:
        raise EmulatorError("emulated arrays lie in host memory and cannot pass for CUDA memory: use .get()")

    def __dlpack_device__(self) -> NoReturn:
        raise EmulatorError("emulated arrays lie in host memory and cannot pass for CUDA memory: use .get()")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """CuPy's ufunc of the same name on the same arguments; a NumPy array among them is a TypeError."""
        out = kwargs.get("out", ())
        if out:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = out[0]
        play = getattr(Storage.namespace, ufunc.__name__, None)
        if method != "__call__":
            play = getattr(play, method, None)
        if play is None:
            return NotImplemented
        for operand in (*inputs, *out):
            if type(operand) not in SCALARS and not isinstance(operand, ndarray | np.ndarray | np.generic):
                return NotImplemented
        if ufunc.__name__ in _COMPARISONS:  # NumPy's scalars come to a comparison as 0-d arrays
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs)
        return play(*inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """CuPy's function of the same name on the same arguments."""
        play = Storage.namespace
        for name in (*func.__module__.split(".")[1:], func.__name__):
            play = getattr(play, name, None)
        if play is None or play is func or not all(issubclass(t, ndarray | np.ndarray) for t in types):
            return NotImplemented
        return play(*args, **kwargs)

    # Copies and views

    def astype(self, dtype: Any, order: Any = "K", casting: None = None, subok: None = None, copy: bool = True) -> Any:
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        with np.errstate(all="ignore"):
            host = self._host.astype(dtype, order or "K", copy=bool(copy))
        check_dtype(host.dtype)
        return self._refilled(wrap(host, (self,), keep_order=True), lambda: self._host.astype(dtype))

    def _refilled(self, result: Any, compute: Callable[[], Any]) -> Any:
        """`result`, which a replayed graph fills with what `compute` answers, unless it is a view or this array."""
        if recording.current() is not None and result is not self and result.base is None:
            recording.note_result("copy", compute, result._host)
        return result

    def copy(self, order: Any = "C") -> Any:
        return self.astype(self.dtype, order)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        return view(self._host.view() if dtype is None else self._host.view(dtype), self)

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> Any:
        new = shape[0] if len(shape) == 1 else shape
        result = wrap(np.reshape(self._host, new, order, copy=copy), (self,), keep_order=True)
        return self._refilled(result, lambda: np.reshape(self._host, new, order))

    def transpose(self, *axes: Any) -> Any:
        return view(self._host.transpose(*axes), self)

    def ravel(self, order: Any = "C") -> Any:
        return self._refilled(wrap(self._host.ravel(order), (self,)), lambda: self._host.ravel(order))

    def flatten(self, order: Any = "C") -> Any:
        host = self._host.flatten(order)
        return self._refilled(adopt(host, host), lambda: self._host.flatten(order))

    swapaxes = function("swapaxes", np.swapaxes)
    squeeze = function("squeeze", np.squeeze)
    diagonal = function("diagonal", np.diagonal)


Storage.array_type = ndarray
