"""The object that plays the module `cupy`: the names that CuPy 14.2 shares with NumPy, and a few beyond.

Functions are NumPy's, called with CuPy's manners (calls.py, manners.py). A name that CuPy lacks is an AttributeError.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from gpunn.emulator import catalogue, functions, products
from gpunn.emulator.array import ndarray
from gpunn.emulator.calls import function
from gpunn.emulator.cuda import cuda
from gpunn.emulator.module import RawModule
from gpunn.emulator.storage import Storage, pool
from gpunn.emulator.ufunc import ufunc

_SHARED = frozenset(
    {"broadcast_shapes", "isdtype", "issubdtype", "iterable", "mintypecode", "promote_types", "typename"}
)
_OTHER_KERNELS = frozenset({"ElementwiseKernel", "RawKernel", "ReductionKernel", "fuse"})


class Namespace:
    """Plays the module `cupy.{prefix}`: looks a name up in NumPy's `module`, wraps it and keeps it."""

    def __init__(self, module: ModuleType, prefix: str = "", **own: Any) -> None:
        self._module = module
        self._prefix = prefix
        self.__name__ = f"cupy.{prefix}".rstrip(".")
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        path = self._prefix + name
        if name in _OTHER_KERNELS:
            raise AttributeError(f"the emulator does not play {self.__name__}.{name}; use RawModule")
        if path in catalogue.NOT_PLAYED:
            raise AttributeError(f"the emulator does not play {self.__name__}.{name}")
        if name.startswith("_") or path in catalogue.MISSING or not hasattr(self._module, name):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        value = getattr(self._module, name)
        if isinstance(value, ModuleType):
            raise AttributeError(f"the emulator does not play {self.__name__}.{name}")
        if isinstance(value, np.ufunc) and name != "matmul":
            value = ufunc(value)
        elif callable(value) and not isinstance(value, type) and path not in _SHARED:
            value = function(path, value)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        offered = (name for name in dir(self._module) if not name.startswith("_"))
        return sorted({name for name in (*self.__dict__, *offered) if not name.startswith("_") and hasattr(self, name)})

    def __repr__(self) -> str:
        return f"<emulated module '{self.__name__}'>"


class _PinnedPool:
    """Plays `cupy.cuda.PinnedMemoryPool`, which holds nothing: there is no memory but the host's."""

    def n_free_blocks(self) -> int:
        return 0

    def free_all_blocks(self) -> None:
        return None


_pinned_pool = _PinnedPool()

_routines_linalg = SimpleNamespace(
    set_compute_type=products.set_compute_type, get_compute_type=products.get_compute_type, **products.COMPUTE_TYPES
)

_OWN = (
    *(
        "array",
        "asarray",
        "ascontiguousarray",
        "asfortranarray",
        "asnumpy",
        "empty",
        "empty_like",
        "from_dlpack",
    ),
    *("get_array_module", "argsort", "broadcast_arrays", "lexsort", "put", "repeat", "sort", "where"),
)


def _build() -> Namespace:
    stride_tricks = Namespace(
        np.lib.stride_tricks,
        "lib.stride_tricks.",
        as_strided=functions.as_strided,
        sliding_window_view=functions.sliding_window_view,
    )
    return Namespace(
        np,
        __version__="14.2.0",
        ndarray=ndarray,
        ufunc=ufunc,
        RawModule=RawModule,
        cuda=cuda,
        _core=SimpleNamespace(_routines_linalg=_routines_linalg),
        linalg=Namespace(np.linalg, "linalg."),
        fft=Namespace(np.fft, "fft."),
        lib=SimpleNamespace(stride_tricks=stride_tricks),
        is_available=cuda.is_available,
        get_default_memory_pool=lambda: pool,
        get_default_pinned_memory_pool=lambda: _pinned_pool,
        asanyarray=functions.asarray,
        **{name: getattr(functions, name) for name in _OWN},
    )


cupy: Any = _build()
Storage.namespace = cupy
