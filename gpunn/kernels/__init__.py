"""Loads, compiles, checks and launches the hand-written kernels of the folder `kernels/`.

CuPy checks neither the number nor the types of a kernel's arguments, ignores strides, and passes a Python number as
8 bytes whatever the parameter is. `launch` checks all of it against the signature in the file, once for each
combination of types, and remembers.

```
kernels.launch("activation/piecewise", "relu_forward", y.size, (y, x, y.size))
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gpunn import backend, capture
from gpunn.backend import Array
from gpunn.kernels.prepared import KernelArgumentError, Prepared, different_devices, not_contiguous, prepare

__all__ = ["KernelArgumentError", "launch", "vector_threads"]

NO_CONSTANTS: Final[Mapping[str, int | str]] = MappingProxyType({})

_prepared: dict[tuple[Any, ...], Prepared] = {}


def launch(
    file: str,
    kernel: str,
    threads: int,
    args: Sequence[Any],
    constants: Mapping[str, int | str] = NO_CONSTANTS,
    shared: int = 0,
) -> None:
    """Run `kernel` of `kernels/<file>.cu` on `threads` threads or more, in blocks of the file's BLOCK.

    Args:
        threads: nothing is launched if it is 0. A kernel with a block for each row takes rows * BLOCK.
        args: C-contiguous arrays of one GPU and Python numbers, in the order of the kernel's parameters. Arrays bind
            the types of the file's header: T is the dtype of the array passed for `const T* x`.
        constants: choices for names of the header that no array binds; a name left out takes its first choice.
        shared: bytes of dynamic shared memory.

    Raises KernelArgumentError for arguments that do not fit the signature.
    """
    if threads <= 0:
        return
    array_type = backend.cuda_array_type()
    key: list[Any] = [array_type, file, kernel, *constants.items()]
    for arg in args:
        if type(arg) is array_type:
            if not arg.flags.c_contiguous:
                raise not_contiguous(file, kernel, args)
            key.append(arg.dtype)
        else:
            key.append(type(arg))
    ready = _prepared.get(known := tuple(key))
    if ready is None:
        ready = _prepared[known] = prepare(file, kernel, args, constants)
    if (recording := capture.current()) is not None and array_type is not None:
        recording.launched(f"{kernel} of {file}.cu", args, array_type)
    if backend.cuda_device_count() > 1:
        _launch_beside(file, kernel, ready, threads, args, shared)
    else:
        ready.run(threads, args, shared)


def _launch_beside(file: str, kernel: str, ready: Prepared, threads: int, args: Sequence[Any], shared: int) -> None:
    """Launch on the GPU that the arrays are on, one of several."""
    devices = {arg.device.id for arg in args if backend.is_cuda(arg)}
    if len(devices) != 1:
        raise different_devices(file, kernel, devices)
    with backend.placed_on(backend.device("cuda", devices.pop())):
        ready.run(threads, args, shared)


def vector_threads(array: Array) -> int:
    """The threads for a kernel that takes the elements of `array` 16 bytes at a time."""
    return -(-int(array.nbytes) // 16)
