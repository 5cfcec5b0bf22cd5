"""The memory of GPUs: what tensors hold, what CuPy's pool has taken, and the most that either was."""

from __future__ import annotations

import threading
from typing import Any

from gpunn import backend
from gpunn.backend import DeviceLike
from gpunn.cuda.devices import is_available, number
from gpunn.errors import ArgumentError, ArgumentTypeError

OutOfMemoryError = MemoryError  # CuPy's own, which an allocation raises, derives from it

_watching = threading.local()  # .ids: of CuPy and of what plays it, if their allocations in this thread are counted
_reserved: dict[int, int] = {}  # by GPU, the most bytes that the pool had before it gave some back
_peaks: dict[Any, Peaks] = {}  # by the module that plays CuPy


def mem_get_info(device: DeviceLike = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU."""
    cupy = backend.cuda_module()
    with cupy.cuda.Device(number(device)):
        free, total = cupy.cuda.runtime.memGetInfo()
    return int(free), int(total)


def memory_allocated(device: DeviceLike = None) -> int:
    """Bytes that tensors hold on a GPU; 0 where there is none, as of the next three."""
    if not is_available():
        return 0
    cupy = backend.cuda_module()
    with cupy.cuda.Device(number(device)):
        return int(cupy.get_default_memory_pool().used_bytes())


def memory_reserved(device: DeviceLike = None) -> int:
    """Bytes that CuPy's memory pool has taken from a GPU."""
    if not is_available():
        return 0
    cupy = backend.cuda_module()
    with cupy.cuda.Device(number(device)):
        return int(cupy.get_default_memory_pool().total_bytes())


def max_memory_allocated(device: DeviceLike = None) -> int:
    """The most bytes that tensors held on a GPU at once, since `reset_peak_memory_stats`.

    Allocations are counted, of this thread, from the first call of either function on, which costs each about a
    microsecond. For the time before, the answer is what the pool has taken: a bound from above.
    """
    return _watched(number(device))[0] if is_available() else 0


def max_memory_reserved(device: DeviceLike = None) -> int:
    """The most bytes that CuPy's memory pool had from a GPU at once, since `reset_peak_memory_stats`."""
    if not is_available():
        return 0
    at = number(device)
    return max(_reserved.get(at, 0), memory_reserved(at))


def reset_peak_memory_stats(device: DeviceLike = None) -> None:
    """Let `max_memory_allocated` and `max_memory_reserved` start from what is held now."""
    at = number(device)
    _, peaks = _watched(at)
    peaks.most[at] = peaks.now[at]
    _reserved[at] = memory_reserved(at)


reset_max_memory_allocated = reset_peak_memory_stats


def empty_cache() -> None:
    """Give the memory that no tensor holds back to the GPU."""
    if is_available():
        at = number(None)
        _reserved[at] = max_memory_reserved(at)
        backend.cuda_module().get_default_memory_pool().free_all_blocks()


def memory_stats(device: DeviceLike = None) -> dict[str, int]:
    """Bytes under PyTorch's keys: "allocated_bytes.all.current", its ".peak", and the same of "reserved_bytes".

    {} where there is no GPU.
    """
    if not is_available():
        return {}
    at = number(device)
    return {
        "allocated_bytes.all.current": memory_allocated(at),
        "allocated_bytes.all.peak": max_memory_allocated(at),
        "reserved_bytes.all.current": memory_reserved(at),
        "reserved_bytes.all.peak": max_memory_reserved(at),
    }


def memory_summary(device: DeviceLike = None, abbreviated: bool = False) -> str:
    """`memory_stats` as a table in MiB, for people."""
    at = number(device)
    rows = [f"{name:<28} {size / 2**20:12,.1f} MiB" for name, size in memory_stats(at).items()]
    return "\n".join([f"memory of cuda:{at}", *rows])


def set_per_process_memory_fraction(fraction: float, device: DeviceLike = None) -> None:
    """Let CuPy's memory pool take no more than this part of a GPU; beyond it allocations raise OutOfMemoryError."""
    if not isinstance(fraction, float):
        raise ArgumentTypeError(
            f"set_per_process_memory_fraction: fraction must be of type float, got {type(fraction).__name__}"
        )
    if not 0 <= fraction <= 1:
        raise ArgumentError(f"set_per_process_memory_fraction: expected a fraction between 0 and 1, got {fraction}")
    cupy = backend.cuda_module()
    with cupy.cuda.Device(number(device)):
        # A limit of 0 would be none.
        cupy.get_default_memory_pool().set_limit(size=max(1, int(fraction * mem_get_info(device)[1])))


class Peaks:
    """The bytes that tensors hold now, and the most that they held, by GPU."""

    def __init__(self) -> None:
        self.now: dict[int, int] = {}
        self.most: dict[int, int] = {}

    def add(self, device: int, size: int) -> None:
        """Count an allocation, or with a negative size its end."""
        if device in self.now:
            self.now[device] += size
            self.most[device] = max(self.most[device], self.now[device])


def _watched(at: int) -> tuple[int, Peaks]:
    """The most bytes on GPU `at`, and the counts of all, which this thread adds to from now on."""
    cupy = backend.cuda_module()
    peaks = _peaks.setdefault(cupy, Peaks())
    watched: set[int] = _watching.__dict__.setdefault("ids", set())
    if id(cupy) not in watched:
        watched.add(id(cupy))
        _hook(cupy, peaks).__enter__()
    if at not in peaks.now:
        peaks.most[at] = memory_reserved(at)
    peaks.now[at] = memory_allocated(at)  # what other threads did is in it
    peaks.most[at] = max(peaks.most[at], peaks.now[at])
    return peaks.most[at], peaks


def _hook(cupy: Any, peaks: Peaks) -> Any:
    """A memory hook of CuPy that tells `peaks` of allocations."""

    def malloc_postprocess(self: Any, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        if mem_ptr:  # 0 where there was no memory left
            peaks.add(device_id, mem_size)

    def free_postprocess(self: Any, device_id: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        peaks.add(device_id, -mem_size)

    body = {"name": "gpunn peaks", "malloc_postprocess": malloc_postprocess, "free_postprocess": free_postprocess}
    return type("PeaksHook", (cupy.cuda.MemoryHook,), body)()
