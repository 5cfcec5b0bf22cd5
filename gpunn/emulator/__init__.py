"""A stand-in for CuPy on NumPy memory, so that the whole CUDA path of gpunn runs on a machine without a GPU.

```
with emulator.enable():                            # or enable() ... disable()
    x = gp.ones(3, device="cuda")
```

Emulated arrays are no NumPy arrays: code that mixes the two, or uses a name, an argument or a dtype that CuPy
lacks, fails here as it would on a GPU. What CuPy does wrongly in silence (an index array out of bounds) is an
EmulatorError.
`synchronisations.count` tells how often the host has waited for the device.

Kernels (`cupy.RawModule`) are compiled by the machine's C++ compiler; `compiler_problem()` says what is missing.
With `enable(check=True)` they run slower and under watch: races, accesses out of bounds, reads of what nobody wrote,
divergent barriers and more are a KernelError that names line, variable and thread.
float32 denormals are flushed to zero, as CuPy compiles; a kernel that takes double numbers or arrays keeps all
denormals, since a processor cannot tell the two.
"""

from __future__ import annotations

from gpunn import backend
from gpunn.emulator.compiler import KernelCompileError, NoCompilerError, compiler_problem
from gpunn.emulator.namespace import cupy
from gpunn.emulator.reports import KernelError
from gpunn.emulator.settings import Current, Settings
from gpunn.emulator.storage import EmulatorError, synchronisations

__all__ = [
    "EmulatorError",
    "KernelCompileError",
    "KernelError",
    "NoCompilerError",
    "compiler_problem",
    "disable",
    "enable",
    "enabled",
    "synchronisations",
]

_enabled = False


class _Session:
    """What `enable()` answers: at the end of a `with` block, the emulator is again what it was before."""

    def __init__(self, was_enabled: bool, settings: Settings) -> None:
        self._was_enabled = was_enabled
        self._settings = settings

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        if not self._was_enabled:
            disable()
        Current.settings = self._settings


def enable(
    check: bool = False, order: str = "random", seed: int = 0, time_limit: float = 60.0, orders: int = 1
) -> _Session:
    """Let the emulator play CuPy from now on, or for the length of a `with` block.

    Args:
        check: watch every access and barrier of every kernel; a fault is a KernelError.
        order: of the threads, warps and blocks of a kernel: "forward", "reverse" or "random".
        seed: of the random order, which differs from launch to launch and is the same in every run.
        time_limit: the seconds that a launch may take.
        orders: each launch runs in so many random orders, all from the same memory; if they do not leave the same bits
            in all arrays that it may write to, that is a KernelError. Launches that are captured run in one.
    """
    global _enabled
    settings = Settings(check, order, seed, time_limit, orders)
    session = _Session(_enabled, Current.settings)
    backend.install_cuda(cupy)
    Current.settings = settings
    _enabled = True
    return session


def disable() -> None:
    """Back to the real CuPy, if there is one."""
    global _enabled
    backend.install_cuda(None)
    Current.settings = Settings()
    _enabled = False


def enabled() -> bool:
    """Whether the emulator plays CuPy."""
    return _enabled
