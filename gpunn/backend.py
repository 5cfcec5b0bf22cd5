"""Arrays and devices: the only module that imports NumPy and CuPy side by side.

Everything above works on arrays through `array_module(x)`, which is numpy or cupy. CuPy is imported when a GPU
is first asked for, never before; where it cannot serve, `cuda_problem()` says why and how to mend it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

from gpunn.errors import ArgumentError, ArgumentTypeError, DeviceError

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray
DeviceLike: TypeAlias = "device | str | int | None"

_installed: Any = None  # a module that plays CuPy (gpunn.emulator), if one was installed
_real: Any = None  # CuPy itself, once imported
_forked = False  # this process was forked from one that had used the GPU
_count: int | None = None  # of GPUs
_when_synchronized: list[Callable[[], None]] = []
_tf32_in_products = False
_cuda_array: type[Any] | None = None  # the array class of CUDA tensors; None until CuPy is in use


class device:  # noqa: N801 - PyTorch's name
    """Where a tensor lives: `device("cpu")`, `device("cuda")`, `device("cuda:1")`, `device("cuda", 1)`."""

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            type = str(type)
        if isinstance(type, int) and not isinstance(type, bool):
            type = f"cuda:{type}"
        if not isinstance(type, str):
            raise ArgumentTypeError(f'device: expected a name such as "cpu" or "cuda:0", got {type!r}')
        name, colon, number = type.partition(":")
        if name not in ("cpu", "cuda") or (colon and not number.isdecimal()):
            raise ArgumentError(f'device: expected "cpu", "cuda" or "cuda:N", got {type!r}')
        if colon and index is not None:
            raise ArgumentError(f"device: {type!r} has an index already, got index={index} too")
        if isinstance(index, bool) or not (index is None or hasattr(index, "__index__")):
            raise ArgumentTypeError(f"device: the index must be an int, got {index!r}")
        self.type, self.index = name, int(number) if colon else None if index is None else int(index)
        if self.index is not None and self.index < 0:
            raise ArgumentError(f"device: the index must be 0 or more, got {self.index}")

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        self_stack = _device_stack.get()
        _device_stack.set((*self_stack, self))
        return self

    def __exit__(self, *exc: object) -> None:
        _device_stack.set(_device_stack.get()[:-1])


CPU = device("cpu")
_device_stack: ContextVar[tuple[device, ...]] = ContextVar("gpunn_device", default=())
_default_device = CPU


def set_default_device(device: DeviceLike) -> None:
    """Make `device` the device of tensors that are created without `device=`; None means the CPU."""
    global _default_device
    chosen = CPU if device is None else as_device(device)
    if chosen.type == "cuda":
        cuda_module()
    _default_device = chosen


def get_default_device() -> device:
    """The device of tensors that are created without `device=`."""
    stack = _device_stack.get()
    return stack[-1] if stack else _default_device


def as_device(given: DeviceLike) -> device:
    """`given` as a device; None means the default one."""
    return get_default_device() if given is None else device(given)


def install_cuda(module: Any) -> None:
    """Let `module` play CuPy (None: CuPy itself again). `gpunn.emulator.enable()` calls this."""
    global _installed, _cuda_array, _count
    _installed, _count = module, None
    in_use = _real if module is None else module
    _cuda_array = None if in_use is None else in_use.ndarray
    if module is not None:
        _tell_about_tf32(module)


def installed_cuda() -> Any:
    """The module that plays CuPy; None if CuPy itself is used."""
    return _installed


def cuda_problem() -> str | None:
    """Why device "cuda" cannot be used, with the fix; None if it can."""
    if _installed is not None:
        return None
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        return (
            f'CuPy is not installed or does not import ({error}): pip install "gpunn[cuda12x]" '
            'or "gpunn[cuda13x]", whichever your NVIDIA driver supports; `gpunn info` tells'
        )
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy's own classes for "no driver" and "driver too old" differ by release
        return f"CuPy {cupy.__version__} finds no usable NVIDIA driver ({error}); `gpunn info` says more"
    return None if count else f"CuPy {cupy.__version__} works but sees no GPU; `gpunn info` says more"


def _note_fork() -> None:
    global _forked
    _forked = _real is not None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def cuda_module() -> Any:
    """CuPy, or the module that plays it. Raises DeviceError, with the fix, where there is no GPU."""
    global _real, _cuda_array
    if _installed is not None:
        return _installed
    if _forked:
        raise DeviceError(
            'device "cuda": CUDA cannot be used in a forked child of a process that has used it; start the child by '
            'spawn: DataLoader(..., multiprocessing_context="spawn") or multiprocessing.get_context("spawn")'
        )
    if _real is None:
        problem = cuda_problem()
        if problem is not None:
            raise DeviceError(f'device "cuda" is not available: {problem}')
        _real = importlib.import_module("cupy")
        _cuda_array = _real.ndarray
        _tell_about_tf32(_real)
    return _real


def allow_tf32_in_products(allowed: bool) -> None:
    """Let cuBLAS round the operands of products of float32 to TF32, or not: from now on, in all threads, as CuPy does.

    False at the start, also where the variable CUPY_TF32 says otherwise. GPUs older than compute capability 8.0 have
    no TF32 and compute in float32.
    """
    global _tf32_in_products
    _tf32_in_products = allowed
    for module in (_real, _installed):
        if module is not None:
            _tell_about_tf32(module)


def is_tf32_in_products() -> bool:
    """Whether operands of products of float32 may be rounded to TF32."""
    return _tf32_in_products


def _tell_about_tf32(cupy: Any) -> None:
    products = cupy._core._routines_linalg  # CuPy 14 has no public function for it
    has_tf32 = _tf32_in_products and int(cupy.cuda.Device().compute_capability) >= 80
    chosen = products.COMPUTE_TYPE_TF32 if has_tf32 else products.COMPUTE_TYPE_DEFAULT
    products.set_compute_type(np.dtype(np.float32), chosen)


def is_cuda(array: Array) -> bool:
    """True if `array` lives on a GPU."""
    return _cuda_array is not None and isinstance(array, _cuda_array)


def cuda_array_type() -> type[Any] | None:
    """The class of all arrays on a GPU; None until there can be one."""
    return _cuda_array


def cuda_device_count() -> int:
    """How many GPUs there are, asked once."""
    global _count
    if _count is None:
        _count = int(cuda_module().cuda.runtime.getDeviceCount())
    return _count


def is_cuda_in_use() -> bool:
    """Whether there can be arrays on a GPU at all."""
    return _cuda_array is not None


def any_cuda(values: list[Any]) -> bool:
    """True if one of `values` lives on a GPU."""
    return _cuda_array is not None and any([isinstance(v, _cuda_array) for v in values])


def is_array(value: Any) -> bool:
    """True for arrays of either module."""
    return isinstance(value, np.ndarray) or is_cuda(value)


def array_module(array: Array) -> Any:
    """The module whose functions accept `array`: numpy or cupy."""
    if type(array) is np.ndarray or _cuda_array is None or not isinstance(array, _cuda_array):
        return np
    return cuda_module()


def module_of(where: device) -> Any:
    """numpy or cupy, for arrays on `where`."""
    return np if where.type == "cpu" else cuda_module()


def is_cuda_module(module: Any) -> bool:
    """True if the arrays of `module` live on a GPU: it is not numpy."""
    return module is not np


def device_of(array: Array) -> device:
    """The device that `array` lives on; a GPU always with its index."""
    return device("cuda", int(array.device.id)) if is_cuda(array) else CPU


def as_array(value: Any) -> Array:
    """`value`, or the 0-d array for it where NumPy returned a scalar."""
    return value if type(value) is np.ndarray or is_cuda(value) else np.asarray(value)


def is_view(array: Array, source: Array) -> bool:
    """True if `array` was sliced, transposed or reshaped out of the memory of `source`, or is a `strided_view`."""
    base = array.base
    if array is source or (base is not None and (base is source or base is source.base)):
        return True
    return is_cuda(array) and array.size > 0 and array.data.mem is source.data.mem


def broadcast_view(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` stretched to `shape` without a copy. It can be written to if `array` can, as in CuPy."""
    view = array_module(array).broadcast_to(array, shape)
    if isinstance(view, np.ndarray) and array.flags.writeable:
        view.flags.writeable = True  # NumPy hands it out read-only
    return view


def diagonal_view(array: Array, offset: int, axis1: int, axis2: int) -> Array:
    """The diagonals of `array` as its last dimension, without a copy. It can be written to if `array` can."""
    view = array.diagonal(offset, axis1, axis2)
    if isinstance(view, np.ndarray) and array.flags.writeable:
        view.flags.writeable = True  # NumPy hands it out read-only
    return view


def strided_view(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Array:
    """A view of the memory of `array`, `offset` bytes after its first element; that it lies inside is not checked."""
    if is_cuda(array):
        as_strided, size = array_module(array).lib.stride_tricks.as_strided, array.itemsize
        reach = 1 + sum(s * (n - 1) for s, n in zip(strides, shape, strict=True)) // size
        return as_strided(as_strided(array, (offset // size + reach,), (size,))[offset // size :], shape, strides)
    owner = _owner(array)
    start = int(array.ctypes.data - owner.ctypes.data) + offset
    buffer = owner if owner.flags.c_contiguous else owner.T
    view: Array = np.ndarray(shape, array.dtype, buffer, start, strides)  # as_strided's would not know its owner
    return view


def placed_on(where: device) -> AbstractContextManager[Any]:
    """A context in which `module_of(where)` makes its arrays on `where`; "cuda" is the current GPU."""
    if where.type == "cpu" or where.index is None:
        return nullcontext()
    cupy = cuda_module()
    count = cupy.cuda.runtime.getDeviceCount()
    if where.index >= count:
        raise DeviceError(f'device "{where}": there are {count} GPUs, numbered from 0')
    chosen: AbstractContextManager[Any] = cupy.cuda.Device(where.index)
    return chosen


def to_device(array: Array, where: device) -> Array:
    """`array` on `where`; no copy if it is there already."""
    if where.type == "cpu":
        return asnumpy(array)
    cupy = cuda_module()
    if is_cuda(array) and where.index in (None, array.device.id):
        return array
    with placed_on(where):
        return cupy.asarray(array)


def asnumpy(array: Array) -> np.ndarray[Any, Any]:
    """`array` in the CPU's memory; no copy if it is there already. What waited for this moment is done then."""
    if not is_cuda(array):
        return np.asarray(array)
    result: np.ndarray[Any, Any] = array.get()
    for act in _when_synchronized:
        act()
    return result


def synchronize() -> None:
    """Wait until the GPU has done all that it was given; nothing to wait for on the CPU."""
    if _cuda_array is not None:
        cuda_module().cuda.runtime.deviceSynchronize()
        for act in _when_synchronized:
            act()


def on_synchronize(act: Callable[[], None]) -> None:
    """Call `act` whenever the host has waited for the GPU: there it can see what kernels have found, at no cost."""
    _when_synchronized.append(act)


def data_pointer(array: Array) -> int:
    """The address of the first element of `array`."""
    return int(array.data.ptr if is_cuda(array) else array.ctypes.data)


def offset_in_memory(array: Array) -> int:
    """How many bytes of the memory that `array` is a view of lie before its first element."""
    if is_cuda(array):
        return int(array.data.ptr - array.data.mem.ptr) if array.size else 0
    return int(array.ctypes.data - _owner(array).ctypes.data)


def memory_size(array: Array) -> int:
    """How many bytes the memory has that `array` is a view of. A GPU's is rounded up to whole blocks."""
    if is_cuda(array):
        return int(array.data.mem.size) if array.size else 0
    return int(_owner(array).nbytes)


def _owner(array: Array) -> Any:
    """The NumPy array whose memory `array` shows."""
    owner, above = array, array.base
    while above is not None:  # as_strided puts an object in between that is no array
        owner = above if isinstance(above, np.ndarray) else owner
        above = getattr(above, "base", None)
    return owner


def cache_pieces(*arrays: Array, size: int = 1 << 17) -> Iterator[tuple[Array, ...]]:
    """Equally shaped `arrays` in flat pieces that stay in the CPU's cache over several passes.

    Whole arrays where there is no gain: on a GPU, if they are small, or if one is not contiguous. Numbers come as
    vectors of one element, which NumPy's functions do not turn into scalars.
    """
    if arrays[0].ndim == 0:
        arrays = tuple([a.reshape(1) for a in arrays])
    first = arrays[0]
    if first.size <= size or is_cuda(first) or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, first.size, size):
        yield tuple(f[start : start + size] for f in flat)
