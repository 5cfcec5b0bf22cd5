"""`cupy._core._routines_linalg` of the emulated machine: what cuBLAS may round the operands of products to.

As CuPy 14.2: one choice for each kind of numbers, for the whole process, read at every product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gpunn.emulator.storage import BFLOAT16, HostArray

_NAMES: Final = ["TBD", "DEFAULT", "PEDANTIC", "FP16", "FP32", "FP64", "BF16", "TF32"]
COMPUTE_TYPES: Final = {f"COMPUTE_TYPE_{name}": number for number, name in enumerate(_NAMES)}
DEFAULT: Final = COMPUTE_TYPES["COMPUTE_TYPE_DEFAULT"]
TF32: Final = COMPUTE_TYPES["COMPUTE_TYPE_TF32"]
_KINDS: Final = {"e": "half", "f": "single", "F": "single", "d": "double", "D": "double"}

_chosen: dict[str, int] = {}


def set_compute_type(dtype: Any, compute_type: int) -> None:
    """Choose what products of `dtype` may be computed in: one of COMPUTE_TYPES."""
    if compute_type not in COMPUTE_TYPES.values():
        raise ValueError(f"Unknown compute type: {compute_type}")
    _chosen[_kind(dtype)] = compute_type


def get_compute_type(dtype: Any) -> int:
    """What products of `dtype` may be computed in."""
    return _chosen.get(_kind(dtype), DEFAULT)


def _kind(dtype: Any) -> str:
    dtype = np.dtype(dtype)
    kind = "bfloat16" if dtype == BFLOAT16 else _KINDS.get(dtype.char)
    if kind is None:
        raise TypeError(f"dtype is not supported: {dtype}")
    return kind


def round_operands(compute: Callable[..., Any]) -> Callable[..., Any]:
    """`compute` with operands of float32 rounded to TF32 while that is chosen; the one sum of two vectors is not."""

    def product(*args: Any, **kwargs: Any) -> Any:
        if get_compute_type(np.float32) == TF32 and not all(np.ndim(a) == 1 for a in args):
            args = tuple([to_tf32(a) if getattr(a, "dtype", None) == np.float32 else a for a in args])
        return compute(*args, **kwargs)

    return product


def to_tf32(x: HostArray) -> HostArray:
    """float32 `x` with 10 digits after the point, ties away from zero; NaN and infinities as they are."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32).reshape(np.shape(x))
    return np.where(np.isfinite(x), rounded, x)
