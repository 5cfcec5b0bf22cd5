"""Reading and writing emulated arrays by index, with CuPy's rules where they differ from NumPy's.

CuPy wraps an index array that is out of bounds round the axis, silently; here that is an EmulatorError. Where
an index array names an element twice, CuPy stores any one of the values; here the last one wins, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn.emulator import catalogue, recording
from gpunn.emulator.calls import call_ufunc
from gpunn.emulator.storage import EmulatorError, HostArray, Storage, synchronisations, view, wrap

_PLAIN = frozenset({int, slice, type(None), type(Ellipsis)})


def read(array: Storage, key: Any) -> Any:
    """`array[key]`: a view for slices and integers, a copy for index arrays and masks."""
    kind = type(key)
    if kind is int:
        return view(array._host[key, ...], array)
    if kind is slice or key is None or key is Ellipsis:
        return view(array._host[key], array)
    host_key, arrays = _host_key(key)
    if not arrays:
        return view(array._host[host_key], array)
    result = wrap(_checked(array._host, host_key))
    recording.note_result("getitem", lambda: array._host[host_key], result._host)
    return result


def write(array: Storage, key: Any, value: Any) -> None:
    """`array[key] = value`, cast to the array's dtype.

    With slices and integers alone, CuPy takes a scalar or a CuPy array, and neither a list nor a NumPy array.
    """
    host_key, arrays = _host_key(key)
    if type(value) is Storage.array_type:
        value = value._host
    elif arrays:
        value = _from_host(value)
    elif np.ndim(value) > 0:
        raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
    host = array._host
    recording.note("setitem", lambda: host.__setitem__(host_key, value), recording.numbers_in((value,)))
    with np.errstate(all="ignore"):
        if not arrays:
            array._host[host_key] = value
            return
        try:
            array._host[host_key] = value
        except IndexError:
            _complain(array._host, host_key)
            raise


def scatter(ufunc: np.ufunc, array: Storage, key: Any, value: Any) -> None:
    """`ufunc.at(array, key, value)`: every index counts, also where it comes twice.

    Raises NotImplementedError for a ufunc, TypeError for a dtype, that CuPy has no atomic operation for.
    """
    name = ufunc.__name__
    if name not in catalogue.SCATTERS:
        raise NotImplementedError(f"`cupy_{name}.at` is not supported yet")
    host_key, arrays = _host_key(key)
    if not arrays:
        target = view(array._host[host_key], array)
        call_ufunc(ufunc, target, value, out=target)
        return
    mask = len(arrays) == 1 and arrays[0].dtype == bool
    if not mask and array._host.dtype.name not in catalogue.SCATTERS[name]:
        raise TypeError(f"cupy.{name}.at only supports {', '.join(sorted(catalogue.SCATTERS[name]))} as data type")
    host = _from_host(value) if type(value) is not Storage.array_type else value._host
    with np.errstate(all="ignore"):
        host = host.astype(array._host.dtype, copy=False)
        recording.note(f"{name}.at", lambda: ufunc.at(array._host, host_key, host), recording.numbers_in((value,)))
        try:
            ufunc.at(array._host, host_key, host)
        except IndexError:
            _complain(array._host, host_key)
            raise


def _host_key(key: Any) -> tuple[tuple[Any, ...], list[HostArray]]:
    """`key` for NumPy, always with an Ellipsis or an array in it, and the arrays in it."""
    items = list(key) if type(key) is tuple else [key]
    arrays: list[HostArray] = []
    ellipsis = False
    for i, item in enumerate(items):
        if type(item) in _PLAIN:
            ellipsis = ellipsis or item is Ellipsis
        elif not isinstance(item, np.integer):
            items[i] = index = _index_array(item)
            arrays.append(index)
            if index.dtype == bool and index.size:
                synchronisations.add()  # CuPy counts the True elements
    if not ellipsis:
        items.append(Ellipsis)  # so that NumPy answers with arrays, never with scalars
    return tuple(items), arrays


def _index_array(item: Any) -> HostArray:
    """An index array or mask from an emulated array, a NumPy array, a list or a bool."""
    if type(item) is Storage.array_type:
        index = item._host
    elif isinstance(item, list | tuple | np.ndarray | bool | np.bool_):
        index = _from_host(item)
        if isinstance(item, list | tuple) and index.size == 0:
            index = index.astype(np.int32)
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean "
            "arrays are valid indices"
        )
    if index.dtype.kind not in "biu":
        raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {index.dtype.type})")
    return index


def _from_host(value: Any) -> HostArray:
    """A list, scalar or NumPy array as CuPy copies it to the device; lists may hold emulated arrays."""
    if isinstance(value, list | tuple):
        recording.check_host_copy("a list as index or value")
        return np.array([_from_host(v) if type(v) is not Storage.array_type else v._host for v in value])
    if np.ndim(value):
        recording.check_host_copy("a NumPy array as index or value")
    return np.asarray(value)


def _checked(host: HostArray, key: tuple[Any, ...]) -> HostArray:
    try:
        result: HostArray = host[key]
    except IndexError:
        _complain(host, key)
        raise
    return result


def _complain(host: HostArray, key: tuple[Any, ...]) -> None:
    """Raise EmulatorError if an integer array in `key` is out of bounds for `host`."""
    axes = [item for item in key if item is not None]
    taken = sum(item.ndim if _is_mask(item) else 1 for item in axes if item is not Ellipsis)
    axis = 0
    for item in axes:
        if item is Ellipsis:
            axis += host.ndim - taken
            continue
        if isinstance(item, np.ndarray) and item.dtype != bool and axis < host.ndim:
            size = host.shape[axis]
            outside = (item < -size) | (item >= size)
            if size and outside.any():
                raise EmulatorError(
                    f"CuPy would wrap index {item[outside].flat[0]} silently: "
                    f"axis {axis} of shape {host.shape} has size {size}"
                ) from None
        axis += item.ndim if _is_mask(item) else 1


def _is_mask(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype == bool
