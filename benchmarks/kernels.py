"""What a launch costs the host: gpunn's checks and packing around a kernel that does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from gpunn import backend, kernels

from .case import Case, Place

LAUNCHES = 1000  # in one run


def cases() -> Iterator[Case]:
    """A thousand launches with a stand-in for the kernel's function, and a thousand calls of that function alone."""
    yield Case("launch/checked", _checked, calls=LAUNCHES, quick=True)
    yield Case("launch/bare", _bare, calls=LAUNCHES, quick=True)


class _Array:
    """A contiguous float32 array, with the attributes of CuPy's that a launch looks at."""

    __slots__ = ("dtype", "flags", "size")

    def __init__(self, size: int) -> None:
        self.size, self.dtype = size, np.dtype(np.float32)
        self.flags = SimpleNamespace(c_contiguous=True)


def _nothing(grid: Any, block: Any, args: Any, *, shared_mem: int) -> None:
    """Plays a compiled kernel."""


class _Module:
    def __init__(self, **arguments: Any) -> None:
        """Compiles nothing."""

    def get_function(self, name: str) -> Any:
        return _nothing


class _Device:
    compute_capability = "90"


_products = SimpleNamespace(COMPUTE_TYPE_DEFAULT=1, COMPUTE_TYPE_TF32=7, set_compute_type=lambda dtype, chosen: None)


class _CuPy:
    ndarray, RawModule = _Array, _Module
    _core = SimpleNamespace(_routines_linalg=_products)
    cuda = SimpleNamespace(Device=_Device, runtime=SimpleNamespace(getDeviceCount=lambda: 1))


def _checked(place: Place) -> Any:
    y, x = _Array(1000), _Array(1000)

    def run() -> None:
        before = backend.installed_cuda()
        backend.install_cuda(_CuPy)
        try:
            for _ in range(LAUNCHES):
                kernels.launch("activation/piecewise", "relu_forward", 250, (y, x, 1000))
        finally:
            backend.install_cuda(before)

    return run


def _bare(place: Place) -> Any:
    y, x = _Array(1000), _Array(1000)

    def run() -> None:
        for _ in range(LAUNCHES):
            _nothing((1,), (256,), [y, x, np.int64(1000)], shared_mem=0)

    return run
