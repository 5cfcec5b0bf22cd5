"""A stand-in for CuPy on NumPy memory, so that the whole CUDA path of gpunn runs on a machine without a GPU.

```
with emulator.enable():                            # or enable() ... disable()
    x = gp.ones(3, device="cuda")
```

Emulated arrays are no NumPy arrays: code that mixes the two, or uses a name, an argument or a dtype that CuPy
lacks, fails here as it would on a GPU. What CuPy does wrongly in silence (an index array out of bounds) is an
EmulatorError.
`synchronisations.count` tells how often the host has waited for the device.
"""

from __future__ import annotations

from gpunn import backend
from gpunn.emulator.namespace import cupy
from gpunn.emulator.storage import EmulatorError, synchronisations

__all__ = ["EmulatorError", "disable", "enable", "enabled", "synchronisations"]

_enabled = False


class _Session:
    """What `enable()` answers: at the end of a `with` block, the emulator is again what it was before."""

    def __init__(self, before: bool) -> None:
        self._before = before

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        if not self._before:
            disable()


def enable() -> _Session:
    """Let the emulator play CuPy from now on, or for the length of a `with` block."""
    global _enabled
    session = _Session(_enabled)
    backend.install_cuda(cupy)
    _enabled = True
    return session


def disable() -> None:
    """Back to the real CuPy, if there is one."""
    global _enabled
    backend.install_cuda(None)
    _enabled = False


def enabled() -> bool:
    """Whether the emulator plays CuPy."""
    return _enabled
