"""Numbers at equal steps. They are computed in float64 or int64 and rounded once."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gpunn.ops.arithmetic.promotion import Number
from gpunn.ops.creation.filled import scalar
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.dims import ints

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


@dense
def arange(
    start: Number | Tensor = 0,
    end: Number | Tensor | None = None,
    step: Number | Tensor = 1,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, … up to but without `end`; arange(end) counts from 0.

    Of integers int64, with a float among the arguments the default float type. For dtype=int64 the fractions of
    the arguments are cut off first.
    """
    if end is None:
        start, end = 0, start
    first, last, by = (scalar("arange", value) for value in (start, end, step))
    exact = not any([isinstance(value, float) for value in (first, last, by)])
    to = _dtype("arange", dtype, dtypes.int64 if exact else dtypes.get_default_dtype())
    count = _count("arange", first, last, by)
    if to is dtypes.int64 and not exact:
        first, last, by = (_whole("arange", value) for value in (first, last, by))
        count = _count("arange", first, last, by)
    return Variable.result_type(_steps(first, by, count, to, device), requires_grad)


@dense
def range(
    start: Number | Tensor = 0,
    end: Number | Tensor | None = None,
    step: Number | Tensor = 1,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, … up to `end`, included where it is met: of the default float type, unless `dtype` is given.

    Deprecated in PyTorch, for `arange`, which leaves `end` out as Python's own range does.
    """
    warnings.warn(
        "gpunn.range is deprecated because its behavior is inconsistent with Python's range builtin. Instead, use "
        "gpunn.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=3,
    )
    if end is None:
        raise ArgumentTypeError('range() missing 1 required positional arguments: "end"')
    first, last, by = (scalar("range", value) for value in (start, end, step))
    to = _dtype("range", dtype, dtypes.get_default_dtype())
    _count("range", first, last, by)
    array = _steps(first, by, int((last - first) / by) + 1, to, device)
    return Variable.result_type(array, requires_grad)


def _steps(first: Any, by: Any, count: int, to: dtype, device: DeviceLike) -> Array:
    """`count` numbers from `first` on, `by` apart."""
    if not to.is_floating_point:
        first, by = int(first), int(by)
    xp, where = _module_and_device(device)
    with backend.placed_on(where), np.errstate(all="ignore"):
        steps = xp.arange(count, dtype=xp.float64 if to.is_floating_point else xp.int64)
        return (first + steps * by).astype(to.numpy)


def _count(op: str, first: Any, last: Any, by: Any) -> int:
    """How many numbers from `first` on, `by` apart, come before `last`."""
    if by == 0 or by != by:
        raise ArgumentError(f"{op}: step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise ArgumentError(f"{op}: unsupported range: {first} -> {last}")
    if (last - first) * by < 0:
        raise ArgumentError(f"{op}: upper bound and lower bound inconsistent with step sign: {first} -> {last} by {by}")
    if isinstance(first, int) and isinstance(last, int) and isinstance(by, int):
        return -((first - last) // by)
    return math.ceil((last - first) / by)


@dense
def linspace(
    start: Number | Tensor,
    end: Number | Tensor,
    steps: int,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    to = _dtype("linspace", dtype, dtypes.get_default_dtype())
    first, last = _ends("linspace", start, end, to)
    xp, where = _module_and_device(device)
    with backend.placed_on(where), np.errstate(all="ignore"):
        array = _evenly_spaced(xp, "linspace", first, last, steps).astype(to.numpy)
    return Variable.result_type(array, requires_grad)


@dense
def logspace(
    start: Number | Tensor,
    end: Number | Tensor,
    steps: int,
    base: float = 10.0,
    *,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the power of `steps` numbers at equal distances from `start` to `end`."""
    to = _dtype("logspace", dtype, dtypes.get_default_dtype())
    (first, last), root = _ends("logspace", start, end, to), scalar("logspace", base)
    xp, where = _module_and_device(device)
    with backend.placed_on(where), np.errstate(all="ignore"):
        exponents = _evenly_spaced(xp, "logspace", first, last, steps)
        if not to.is_floating_point:
            _check_whole("logspace", [np.float64(root) ** float(end) for end in (first, last)][: exponents.size], to)
        powers = xp.float64(root) ** exponents
        array = powers.astype(to.numpy)
    return Variable.result_type(array, requires_grad)


def _ends(op: str, start: Any, end: Any, to: dtype) -> tuple[Any, Any]:
    """The numbers `start` and `end`; for an integer type without their fractions."""
    first, last = scalar(op, start), scalar(op, end)
    return (first, last) if to.is_floating_point else (_whole(op, first), _whole(op, last))


def _whole(op: str, value: Any) -> int:
    if not math.isfinite(value):
        raise ArgumentError(f"{op}: {value} has no integer value")
    return int(value)


def _check_whole(op: str, values: list[Any], to: dtype) -> None:
    """Raise unless the integer type `to` holds all of `values`."""
    info = np.iinfo(to.numpy)
    for value in values:
        if not info.min <= value <= info.max:
            raise ArgumentError(f"{op}: value {value} cannot be converted to type {to.name} without overflow")


def _evenly_spaced(xp: Any, op: str, first: Any, last: Any, steps: int) -> Array:
    """In float64, the first half counted from `first` and the second from `last`: both are met exactly."""
    (count,) = ints(op, "steps", steps)
    if count < 0:
        raise ArgumentError(f"{op}: number of steps must be non-negative, got {count}")
    number = xp.arange(count, dtype=xp.float64)
    step = (last - first) / max(count - 1, 1)
    from_last = last - step * (count - 1 - number)
    return xp.where(number < count // 2, first + step * number, from_last) if count > 1 else number + first


def _module_and_device(device: DeviceLike) -> tuple[Any, backend.device]:
    where = backend.as_device(device)
    return backend.module_of(where), where


def _dtype(op: str, given: dtype | None, default: dtype) -> dtype:
    to = default if given is None else dtypes.as_dtype(given)
    if to is dtypes.bool_:
        raise UnsupportedError(f"{op}: not implemented for bool")
    return to
