"""torch.accelerator: whatever device is faster than the CPU. Here that is a GPU of NVIDIA's, or nothing."""

from __future__ import annotations

from gpunn import cuda
from gpunn.backend import device
from gpunn.errors import DeviceError


def is_available() -> bool:
    """Whether there is a GPU that gpunn can use."""
    return cuda.is_available()


def device_count() -> int:
    """The number of GPUs."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> device | None:
    """The device "cuda"; None on a machine without a GPU."""
    return device("cuda") if cuda.is_available() else None


def current_device_index() -> int:
    """The number of the current GPU. Raises DeviceError if there is none."""
    _must_be_there("current_device_index")
    return cuda.current_device()


def synchronize(device: device | str | int | None = None) -> None:
    """Wait until the GPU has done all that it was told. Raises DeviceError if there is none."""
    _must_be_there("synchronize")
    cuda.synchronize(device)


def _must_be_there(name: str) -> None:
    if not cuda.is_available():
        raise DeviceError(f"accelerator.{name}: no accelerator is available; see gpunn.cuda.is_available()")
