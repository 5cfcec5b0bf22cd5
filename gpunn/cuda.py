"""gpunn.cuda: the GPUs, their memory, waiting for them."""

from __future__ import annotations

from gpunn import backend, random
from gpunn.backend import DeviceLike, device
from gpunn.errors import ArgumentError, DeviceError


def is_available() -> bool:
    """Whether device "cuda" can be used; `gpunn info` tells why not."""
    return backend.cuda_problem() is None


def device_count() -> int:
    """The number of GPUs; 0 where there is none or CuPy is missing."""
    return int(backend.cuda_module().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU that "cuda" without a number means."""
    return int(backend.cuda_module().cuda.runtime.getDevice())


def set_device(where: DeviceLike) -> None:
    """Make `where` the GPU that "cuda" without a number means."""
    backend.cuda_module().cuda.Device(_number(where)).use()


def get_device_name(where: DeviceLike = None) -> str:
    """The name of a GPU, such as "NVIDIA H200"."""
    name = backend.cuda_module().cuda.runtime.getDeviceProperties(_number(where))["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def synchronize(where: DeviceLike = None) -> None:
    """Wait until a GPU has done all that it was given. IndexRangeError if a kernel met an index out of bounds."""
    with backend.cuda_module().cuda.Device(_number(where)):
        backend.synchronize()


def mem_get_info(where: DeviceLike = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU."""
    cupy = backend.cuda_module()
    with cupy.cuda.Device(_number(where)):
        free, total = cupy.cuda.runtime.memGetInfo()
    return int(free), int(total)


def memory_allocated(where: DeviceLike = None) -> int:
    """Bytes that tensors hold on a GPU."""
    cupy = backend.cuda_module()
    with cupy.cuda.Device(_number(where)):
        return int(cupy.get_default_memory_pool().used_bytes())


def memory_reserved(where: DeviceLike = None) -> int:
    """Bytes that CuPy's memory pool has taken from a GPU."""
    cupy = backend.cuda_module()
    with cupy.cuda.Device(_number(where)):
        return int(cupy.get_default_memory_pool().total_bytes())


def empty_cache() -> None:
    """Give the memory that no tensor holds back to the GPU."""
    if is_available():
        backend.cuda_module().get_default_memory_pool().free_all_blocks()


def manual_seed(seed: int) -> None:
    """Seed the default generator, which all devices share."""
    random.manual_seed(seed)


manual_seed_all = manual_seed


def _number(where: DeviceLike) -> int:
    """The number of the GPU that `where` names, which is there."""
    chosen = device("cuda") if where is None else device(where)
    if chosen.type != "cuda":
        raise ArgumentError(f"expected a cuda device, got {chosen}")
    if chosen.index is not None and chosen.index >= (count := device_count()):
        raise DeviceError(f'device "{chosen}": there are {count} GPUs, numbered from 0')
    return current_device() if chosen.index is None else chosen.index
