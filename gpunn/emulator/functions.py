"""Functions of `cupy` that a call of NumPy's does not play: creation, transfers, sorting, windows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gpunn.emulator import recording
from gpunn.emulator.calls import check_dtype, function
from gpunn.emulator.storage import (
    EmulatorError,
    HostArray,
    Storage,
    adopt,
    synchronisations,
    view,
    wrap,
)

POISON = 0xFF  # every byte of new memory: NaN in the floating types, -1 in the signed ones


def _upload(value: Any) -> HostArray:
    """`value` (an array of either kind, or nested sequences of them and of numbers) as a host array."""
    if type(value) is Storage.array_type:
        return value._host
    if isinstance(value, list | tuple) and any(isinstance(item, list | tuple | Storage) for item in value):
        return np.array([_upload(item) for item in value])
    host = np.asarray(value)
    check_dtype(host.dtype)
    return host


def array(
    obj: Any,
    dtype: Any = None,
    copy: bool | None = True,
    order: str | None = "K",
    subok: bool = False,
    ndmin: int = 0,
    *,
    blocking: bool = False,
) -> Any:
    """`obj` on the device; copied unless it is there already and `copy` is not True."""
    if subok:
        raise NotImplementedError
    here = type(obj) is Storage.array_type
    if not here and recording.current() is not None and np.ndim(_upload(obj)):
        recording.check_host_copy("cupy.array of what is on the host")
    if copy is False and not here:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    host = np.array(_upload(obj), dtype, copy=copy if here else True, order=order or "K", ndmin=ndmin)  # type: ignore[call-overload]
    check_dtype(host.dtype)
    result = wrap(host, (obj,) if here else (), keep_order=True)
    if recording.current() is not None and result is not obj and result.base is None:
        source = _upload(obj)
        recording.note("array", lambda: result._host.__setitem__(..., source.reshape(result._host.shape)))
    return result


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, blocking: bool = False
) -> Any:
    """`a` on the device, copied only where it must be."""
    return array(a, dtype, copy, order)


def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """The device array `a` in C order, `a` itself if it is."""
    return array(_on_device(a), dtype, None, "C", ndmin=1)


def asfortranarray(a: Any, dtype: Any = None) -> Any:
    """The device array `a` in Fortran order, `a` itself if it is."""
    return array(_on_device(a), dtype, None, "F", ndmin=1)


def _on_device(a: Any) -> Any:
    if type(a) is not Storage.array_type:
        raise TypeError(f"Argument 'a' has incorrect type (expected cupy.ndarray, got {type(a).__name__})")
    return a


def _poisoned(host: HostArray) -> HostArray:
    if host.dtype == bool:
        host.fill(True)
    elif host.size:
        flat: HostArray = host.ravel(order="K")  # new memory has no gaps: a view
        flat.view(np.uint8).fill(POISON)
    return host


def empty(shape: Any, dtype: Any = float, order: Any = "C") -> Any:
    """A new array whose every byte is 0xFF, so that a read of unwritten memory shows: NaN, -1 or True."""
    host: HostArray = np.empty(shape, dtype, order)
    check_dtype(host.dtype)
    return adopt(_poisoned(host), host, is_poisoned=True)


def empty_like(prototype: Any, dtype: Any = None, order: Any = "K", subok: None = None, shape: Any = None) -> Any:
    """A new array like `prototype`, as uninitialised as `empty`'s."""
    if subok is not None:
        raise TypeError("subok is not supported yet")
    host: HostArray = np.empty_like(_on_device(prototype)._host, dtype, order, shape=shape)
    return adopt(_poisoned(host), host, is_poisoned=True)


def get(a: Storage, order: Any = "C", out: HostArray | None = None) -> HostArray:
    """A copy of the device array `a` on the host, into `out` if that is given."""
    host = a._host
    if out is not None:
        if not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if host.dtype != out.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {host.dtype} array")
        if host.shape != out.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {host.shape}, actual shape: {out.shape}")
    synchronisations.add()
    if out is None:
        return np.array(host, order=order, copy=True)
    out[...] = host
    return out


def asnumpy(a: Any, stream: Any = None, order: Any = "C", out: Any = None, *, blocking: bool = True) -> HostArray:
    """A copy of the device array `a` in a NumPy array; what is on the host stays as it is."""
    if type(a) is Storage.array_type:
        return get(a, order, out)
    host = np.asarray(a, order=order)
    if out is None:
        return host
    out[...] = host
    return out


def get_array_module(*args: Any) -> Any:
    """The namespace that plays CuPy if one of `args` is an emulated array, else numpy."""
    return Storage.namespace if any(type(arg) is Storage.array_type for arg in args) else np


def from_dlpack(array: Any, device: Any = None, copy: bool | None = None) -> Any:
    """A view of an emulated array, which is all that emulated memory can be exchanged with."""
    if type(array) is not Storage.array_type:
        raise EmulatorError("cupy.from_dlpack: emulated arrays share no memory with other libraries; use asarray")
    return asarray(array, copy=True) if copy else view(array._host.view(), array)


def check_kind(kind: str | None) -> None:
    """Raise ValueError for a kind of sort that CuPy does not have."""
    if kind is not None and kind != "stable":
        raise ValueError("kind can only be None or 'stable'")


def _sort(a: HostArray, axis: int | None = -1, kind: str | None = None) -> HostArray:
    check_kind(kind)
    return np.sort(a, axis, kind="stable")


def _argsort(a: HostArray, axis: int | None = -1, kind: str | None = None) -> HostArray:
    """As in CuPy, which sorts the last axis of a transposed copy, not contiguous for other axes."""
    check_kind(kind)
    if axis is None or a.ndim < 2:
        return np.argsort(a, axis, kind="stable")
    last: HostArray = np.argsort(np.ascontiguousarray(np.moveaxis(a, axis, -1)), -1, kind="stable")
    return np.moveaxis(last, -1, axis)


def _lexsort(keys: HostArray) -> HostArray:
    if not isinstance(keys, np.ndarray):
        raise TypeError("cupy.lexsort takes its keys as one array, one key a row")
    return np.lexsort(keys)


def _put(a: HostArray, ind: Any, v: Any, mode: str | None = None) -> None:
    """Without a mode (CuPy's is then "wrap", NumPy's "raise"), no index may be out of bounds."""
    if mode == "raise":
        synchronisations.add()
    if mode is None or a.size == 0:
        mode = "raise"
    np.put(a, ind, v, mode)  # type: ignore[arg-type]


def _repeat(a: HostArray, repeats: Any, axis: int | None = None) -> HostArray:
    if not isinstance(repeats, int | np.integer):
        synchronisations.add()  # the sum of the counts is needed on the host
    result: HostArray = np.repeat(a, repeats, axis)
    return result


def _broadcast_arrays(*arrays: HostArray) -> tuple[HostArray, ...]:
    """NumPy's own gives arrays that warn when they are written."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


def _where(condition: HostArray, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        synchronisations.add()
        return np.nonzero(condition)
    if x is None or y is None:
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    return np.where(condition, x, y)


broadcast_arrays = function("broadcast_arrays", _broadcast_arrays)
sort = function("sort", _sort)
argsort = function("argsort", _argsort)
lexsort = function("lexsort", _lexsort)
put = function("put", _put)
repeat = function("repeat", _repeat)
where = function("where", _where)


def as_strided(x: Any, shape: Iterable[int] | None = None, strides: Iterable[int] | None = None) -> Any:
    """A view of the memory of `x` with any shape and strides (in bytes); CuPy gives it no `base`."""
    host = np.lib.stride_tricks.as_strided(
        _on_device(x)._host,
        None if shape is None else tuple(shape),
        None if strides is None else tuple(strides),
    )
    return _without_base(host, x)


def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """A view with the windows of `x` as last axes; CuPy waits for the device once a window axis."""
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    for _ in np.atleast_1d(window_shape):
        synchronisations.add()
    return _without_base(np.lib.stride_tricks.sliding_window_view(_on_device(x)._host, window_shape, axis), x)


def _without_base(host: HostArray, source: Storage) -> Any:
    window = view(host, source)
    window.base = None
    return window
