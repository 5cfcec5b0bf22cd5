"""What the norms check of their arguments."""

from __future__ import annotations

import math
from typing import Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import cast, contiguous
from gpunn.ops.shape.dims import ints


def check_tensors(op: str, input: Any, others: dict[str, Any]) -> None:
    """TypeError unless `input` is a tensor and each of `others` too, or None; DtypeError unless floating."""
    for name, x in ({"input": input} | others).items():
        if not isinstance(x, Variable) and (x is not None or name == "input"):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    dtype = dtypes.of(input.array)
    if not dtype.is_floating_point:
        raise DtypeError(f"{op}: not for {dtype}; use input.to(gpunn.float32)")


def check_dtypes(op: str, input: Any, others: dict[str, Any]) -> None:
    """DtypeError unless each of `others` has the dtype of `input`, or is float32 beside an input of a half type."""
    for name, x in others.items():
        if x is None or x.array.dtype == input.array.dtype:
            continue
        if not (is_half(input.array) and dtypes.of(x.array) is dtypes.float32):
            raise DtypeError(
                f"{op}: mixed dtype: {name} is {dtypes.of(x.array)}, input {dtypes.of(input.array)}; they should be "
                "the same, or float32 beside an input of half precision"
            )


def check_vectors(op: str, shape: tuple[int, ...], channels: int, vectors: dict[str, Any]) -> None:
    """ShapeError unless each of `vectors` has an element for each of the channels of an input of `shape`."""
    for name, x in vectors.items():
        if x is not None and x.array.shape != (channels,):
            raise ShapeError(
                f"{op}: {name} should contain {channels} elements, one for each channel of input {shape}, "
                f"not {x.array.shape}"
            )


def normalized_axes(op: str, shape: tuple[int, ...], normalized_shape: Any, parameters: dict[str, Any]) -> int:
    """How many elements are normalised together: those of the last dimensions, which are `normalized_shape`."""
    if not isinstance(normalized_shape, (tuple, list)):
        raise ArgumentTypeError(
            f"{op}: argument 'normalized_shape' must be tuple of ints, not {type(normalized_shape).__name__}"
        )
    wanted = ints(op, "normalized_shape", normalized_shape)
    if not wanted:
        raise ArgumentError(f"{op}: Expected normalized_shape to be at least 1-dimensional, got normalized_shape = ()")
    for name, x in parameters.items():
        if x is not None and x.array.shape != wanted:
            raise ShapeError(
                f"{op}: Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{x.array.shape} and normalized_shape = {wanted}"
            )
    if shape[-len(wanted) :] != wanted:
        stars = ", ".join(["*", *map(str, wanted)])
        raise ShapeError(
            f"{op}: Given normalized_shape={list(wanted)}, expected input with shape [{stars}], but got input of "
            f"size {list(shape)}"
        )
    return math.prod(wanted)


def made_alike(weight: Any, bias: Any) -> Any:
    """Both without gaps, and in float32 if their dtypes differ, as half types may."""
    if weight is not None and bias is not None and weight.array.dtype != bias.array.dtype:
        weight, bias = cast(weight, dtypes.float32), cast(bias, dtypes.float32)
    return without_gaps(weight), without_gaps(bias)


def without_gaps(x: Any) -> Any:
    """The tensor `x`, or a contiguous copy of it; None stays None."""
    return x if x is None or x.array.flags.c_contiguous else contiguous(x)
