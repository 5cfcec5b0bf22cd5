"""A number that fills elements of an array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def element(op: str, value: Any, target: Array, *, saturate: bool = False) -> bool | int | float:
    """The number `value` as the dtype of `target` holds it, as a Python number.

    Fractions are cut off where `target` holds integers. A number that is too large is an ArgumentError; but
    with `saturate` it is infinite in a floating type. For uint8 the integers 255 and -1 are the same.
    """
    if not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise ArgumentTypeError(f"{op}: expected a number or a Tensor, got {type(value).__name__}")
    to = dtypes.of(target)
    if to.category == dtypes.FLOATING:
        with np.errstate(over="ignore"):
            held = float(np.asarray(value, np.float64).astype(to.numpy))
        if math.isinf(held) and not math.isinf(value) and not saturate:
            raise _too_large(op, value, to)
        return held
    if to.category == dtypes.BOOL:
        return bool(value)
    info = np.iinfo(to.numpy)
    lowest = info.min if to.is_signed or isinstance(value, float) else -info.max
    if not math.isfinite(value) or not lowest <= value <= info.max:
        raise _too_large(op, value, to)
    return int(value) % 256 if to is dtypes.uint8 else int(value)


def _too_large(op: str, value: Any, to: dtypes.dtype) -> ArgumentError:
    return ArgumentError(f"{op}: value {value} cannot be converted to type {to.name} without overflow")


def filling(op: str, input: Tensor, value: Any) -> Any:
    """`value`, a number or a 0-d tensor, as elements of `input` are."""
    if not isinstance(value, Variable):
        return element(op, value, input.array)
    if value.array.ndim:
        raise ShapeError(
            f"{op} only supports a 0-dimensional value tensor, but got tensor with {value.array.ndim} dimension(s)."
        )
    tensor: Any = value
    return tensor.to(input.device, input.dtype)
