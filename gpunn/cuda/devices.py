"""Which GPUs there are, what they are, and which of them is the current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpunn import backend
from gpunn.backend import DeviceLike
from gpunn.backend import device as any_device
from gpunn.errors import ArgumentError, DeviceError
from gpunn.tensor import Tensor


def is_available() -> bool:
    """Whether device "cuda" can be used; `gpunn info` tells why not."""
    return backend.cuda_problem() is None


def init() -> None:
    """Start using the GPU, which otherwise the first tensor on it does. DeviceError where there is none."""
    backend.cuda_module()


def is_initialized() -> bool:
    """Whether the GPU has been used."""
    return backend.is_cuda_in_use()


def device_count() -> int:
    """The number of GPUs; 0 where there is none or CuPy is missing."""
    return int(backend.cuda_module().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU that "cuda" without a number means."""
    return int(backend.cuda_module().cuda.runtime.getDevice())


def set_device(device: DeviceLike) -> None:
    """Make `device` the GPU that "cuda" without a number means."""
    backend.cuda_module().cuda.Device(number(device)).use()


class device:  # noqa: N801 - PyTorch's name
    """A context in which `device` is the GPU that "cuda" without a number means. None or below 0: no change."""

    def __init__(self, device: DeviceLike) -> None:
        nowhere = device is None or (isinstance(device, int) and device < 0)
        self.idx = -1 if nowhere else number(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)

    def __exit__(self, *exc: object) -> None:
        if self.prev_idx >= 0:
            set_device(self.prev_idx)


class device_of(device):  # noqa: N801 - PyTorch's name
    """A context in which the GPU of a tensor is the current one; no change for tensors on the CPU."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor.device.index if tensor.device.type == "cuda" else None)


def get_device_name(device: DeviceLike = None) -> str:
    """The name of a GPU, such as "NVIDIA H200"."""
    return _name(backend.cuda_module().cuda.runtime.getDeviceProperties(number(device)))


def get_device_capability(device: DeviceLike = None) -> tuple[int, int]:
    """The compute capability of a GPU, (9, 0) for Hopper."""
    found = get_device_properties(device)
    return found.major, found.minor


@dataclass(frozen=True)
class DeviceProperties:
    """What a GPU is: memory in bytes, limits of a block and of a multiprocessor."""

    name: str
    major: int  # of the compute capability
    minor: int
    total_memory: int
    multi_processor_count: int
    warp_size: int
    max_threads_per_block: int
    max_threads_per_multi_processor: int
    shared_memory_per_block: int
    shared_memory_per_block_optin: int
    shared_memory_per_multiprocessor: int
    regs_per_multiprocessor: int
    L2_cache_size: int
    is_integrated: int


def get_device_properties(device: DeviceLike = None) -> DeviceProperties:
    """What a GPU is. Memory is in bytes."""
    found: dict[str, Any] = backend.cuda_module().cuda.runtime.getDeviceProperties(number(device))
    return DeviceProperties(
        _name(found),
        found["major"],
        found["minor"],
        found["totalGlobalMem"],
        found["multiProcessorCount"],
        found["warpSize"],
        found["maxThreadsPerBlock"],
        found["maxThreadsPerMultiProcessor"],
        found["sharedMemPerBlock"],
        found["sharedMemPerBlockOptin"],
        found["sharedMemPerMultiprocessor"],
        found["regsPerMultiprocessor"],
        found["l2CacheSize"],
        found["integrated"],
    )


def _name(properties: dict[str, Any]) -> str:
    name = properties["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the current GPU computes with bfloat16; without emulation, by instructions of its own (8.0 and later)."""
    return is_available() and (including_emulation or get_device_capability() >= (8, 0))


def is_tf32_supported() -> bool:
    """Whether the current GPU has TF32: 8.0 and later."""
    return is_available() and get_device_capability() >= (8, 0)


def can_device_access_peer(device: DeviceLike, peer_device: DeviceLike) -> bool:
    """Whether one GPU reads the memory of another directly."""
    one, other = number(device), number(peer_device)
    return one != other and bool(backend.cuda_module().cuda.runtime.deviceCanAccessPeer(one, other))


def synchronize(device: DeviceLike = None) -> None:
    """Wait until a GPU has done all that it was given. IndexRangeError if a kernel met an index out of bounds."""
    with backend.cuda_module().cuda.Device(number(device)):
        backend.synchronize()


def number(device: DeviceLike) -> int:
    """The number of the GPU that `device` names, which is there. None is the current one."""
    chosen = any_device("cuda") if device is None else any_device(device)
    if chosen.type != "cuda":
        raise ArgumentError(f"expected a cuda device, got {chosen}")
    backend.cuda_module()
    if chosen.index is not None and chosen.index >= (count := device_count()):
        raise DeviceError(f'device "{chosen}": there are {count} GPUs, numbered from 0')
    return current_device() if chosen.index is None else chosen.index
