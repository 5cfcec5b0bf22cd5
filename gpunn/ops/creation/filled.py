"""Tensors of a given shape, or of the shape of another one, filled with one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.arithmetic.promotion import Number
from gpunn.ops.indexing.element import element
from gpunn.ops.shape.conversion import (
    CHANNELS_LAST_ORDER,
    contiguous_format,
    memory_format,
    memory_order,
    preserve_format,
)
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.dims import ints, new_shape
from gpunn.ops.shape.permutation import inverse

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def new_array(
    shape: Sequence[int],
    to: dtype,
    where: backend.device,
    fill: Number | None = None,
    order: Sequence[int] | None = None,
) -> Array:
    """An array full of `fill` (None: not initialised). `order`: its axes, the slowest in memory first."""
    xp = backend.module_of(where)
    stored = shape if order is None else [shape[axis] for axis in order]
    with backend.placed_on(where):
        if fill is None:
            array = xp.empty(stored, dtype=to.numpy)
        elif fill == 0 and math.copysign(1, fill) > 0:  # not -0.0
            array = xp.zeros(stored, dtype=to.numpy)  # memory that the system zeroes when it is touched
        else:
            array = xp.full(stored, fill, dtype=to.numpy)
    return array if order is None else array.transpose(inverse(order))


def layout_order(op: str, rank: int, layout: memory_format) -> tuple[int, ...] | None:
    """The axes of a new array of `rank` dimensions in `layout`; None for the usual order."""
    if layout in (contiguous_format, preserve_format):
        return None
    order = CHANNELS_LAST_ORDER.get(rank)
    if order is None:
        raise ArgumentError(f"{op}: {layout!r} needs 4 dimensions (5 for channels_last_3d), got {rank}")
    return order


@dense
def empty(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = contiguous_format,
) -> Tensor:
    """A tensor of the given size, whose elements are whatever was in that memory."""
    shape = new_shape("empty", sizes, size)
    order = layout_order("empty", len(shape), memory_format)
    array = new_array(shape, dtypes.given_or_default(dtype), backend.as_device(device), order=order)
    return Variable.result_type(array, requires_grad)


@dense
def zeros(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given size, full of zeros."""
    array = new_array(new_shape("zeros", sizes, size), dtypes.given_or_default(dtype), backend.as_device(device), 0)
    return Variable.result_type(array, requires_grad)


@dense
def ones(
    *sizes: Any,
    size: Sequence[int] | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given size, full of ones."""
    array = new_array(new_shape("ones", sizes, size), dtypes.given_or_default(dtype), backend.as_device(device), 1)
    return Variable.result_type(array, requires_grad)


@dense
def full(
    size: Sequence[int],
    fill_value: Number | Tensor,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of the given size, full of `fill_value`, whose type is also its dtype if none is given."""
    shape, value = new_shape("full", (size,)), scalar("full", fill_value)
    if dtype is not None:
        to = dtypes.as_dtype(dtype)
    else:
        to = dtypes.of(fill_value.array) if isinstance(fill_value, Variable) else dtypes.of_number(value)
    array = new_array(shape, to, backend.as_device(device), _held("full", value, to))
    return Variable.result_type(array, requires_grad)


@dense
def empty_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """A tensor of the shape, dtype, device and layout of `input` unless told otherwise, not initialised."""
    return like("empty_like", input, None, dtype, device, requires_grad, memory_format)


@dense
def zeros_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Zeros of the shape, dtype, device and layout of `input` unless told otherwise."""
    return like("zeros_like", input, 0, dtype, device, requires_grad, memory_format)


@dense
def ones_like(
    input: Tensor,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """Ones of the shape, dtype, device and layout of `input` unless told otherwise."""
    return like("ones_like", input, 1, dtype, device, requires_grad, memory_format)


@dense
def full_like(
    input: Tensor,
    fill_value: Number | Tensor,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """`fill_value` in the shape, dtype, device and layout of `input` unless told otherwise."""
    value = scalar("full_like", fill_value)
    return like("full_like", input, value, dtype, device, requires_grad, memory_format)


def like(
    op: str,
    input: Any,
    fill: Number | None,
    dtype: dtype | None,
    device: DeviceLike,
    requires_grad: bool,
    layout: memory_format,
) -> Tensor:
    """What the functions named `…_like` have in common."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: argument 'input' must be a Tensor, not {type(input).__name__}")
    x = input.array
    to = dtypes.of(x) if dtype is None else dtypes.as_dtype(dtype)
    where = backend.device_of(x) if device is None else backend.device(device)
    order = memory_order(x) if layout is preserve_format else layout_order(op, x.ndim, layout)
    value = fill if fill in (None, 0, 1) else _held(op, fill, to)
    return Variable.result_type(new_array(x.shape, to, where, value, order), requires_grad)


@dense
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """The matrix of n rows and m columns (n if not given) with ones on the diagonal and zeros elsewhere."""
    rows, columns = (*ints("eye", "n", n), *ints("eye", "m", n if m is None else m))
    for name, length in (("n", rows), ("m", columns)):
        if length < 0:
            raise ArgumentError(f"eye: {name} must be greater or equal to 0, got {length}")
    where = backend.as_device(device)
    with backend.placed_on(where):
        array = backend.module_of(where).eye(rows, columns, dtype=dtypes.given_or_default(dtype).numpy)
    return Variable.result_type(array, requires_grad)


def scalar(op: str, value: Any) -> Any:
    """The Python number `value`, which may also be a NumPy number or a 0-d tensor."""
    if isinstance(value, Variable) and value.array.ndim > 0:
        raise ShapeError(f"{op}: only supports 0-dimensional tensors here, got one of shape {value.array.shape}")
    if isinstance(value, (Variable, np.generic)):
        return value.item()  # type: ignore[union-attr]
    if not isinstance(value, (bool, int, float)):
        raise ArgumentTypeError(f"{op}: expected a number, got {type(value).__name__}")
    return value


def _held(op: str, value: Any, to: dtype) -> Number:
    """`value` as `to` holds it."""
    return element(op, value, np.empty(0, to.numpy))
