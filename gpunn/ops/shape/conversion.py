"""Copies of a tensor with another dtype, device or layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.ops.reduction.accumulate import is_half

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

CHANNELS_LAST_ORDER = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}  # axes from the slowest to the fastest


class memory_format:  # noqa: N801 - PyTorch's name
    """How the elements of an image tensor lie in memory: contiguous (NCHW) or channels last (NHWC)."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return dtypes.public_name(self.name)

    def __reduce__(self) -> str:
        return self.name


contiguous_format = memory_format("contiguous_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
preserve_format = memory_format("preserve_format")


class Cast(Function):
    def __init__(self, to: dtype) -> None:
        self.to = to

    def forward(self, x: Array) -> Array:
        self.was = dtypes.of(x)
        return x.astype(self.to.numpy)

    def backward(self, grad: Tensor) -> Tensor:
        return cast(grad, self.was)


class ToDevice(Function):
    def __init__(self, to: backend.device) -> None:
        self.to = to

    def forward(self, x: Array) -> Array:
        self.was = backend.device_of(x)
        return backend.to_device(x, self.to)

    def backward(self, grad: Tensor) -> Tensor:
        return to_device(grad, self.was)


class Clone(Function):
    """A copy; with a memory format, in that layout."""

    def __init__(self, layout: memory_format = preserve_format) -> None:
        self.layout = layout

    def forward(self, x: Array) -> Array:
        return copied(x, self.layout)

    def backward(self, grad: Tensor) -> Tensor:
        return grad


def copied(x: Array, layout: memory_format) -> Array:
    """A copy of the array `x` in `layout`."""
    if layout is preserve_format:
        return x.copy(order="C" if is_stretched(x) else "K")
    if layout is contiguous_format:
        return x.copy(order="C")
    order = CHANNELS_LAST_ORDER.get(x.ndim)
    if order is None or (layout is channels_last) != (x.ndim == 4):
        raise ArgumentError(f"{layout!r} needs a tensor of 4 dimensions (5 for channels_last_3d), got {x.ndim}")
    back = tuple(sorted(range(x.ndim), key=order.__getitem__))
    return x.transpose(order).copy(order="C").transpose(back)


def is_laid_out(x: Array, layout: memory_format) -> bool:
    """Whether the array `x` lies in memory as `layout` says, without gaps."""
    if layout is preserve_format:
        return True
    if layout is contiguous_format:
        return bool(x.flags.c_contiguous)
    order = CHANNELS_LAST_ORDER.get(x.ndim)
    return order is not None and bool(x.transpose(order).flags.c_contiguous)


def memory_order(x: Array) -> tuple[int, ...] | None:
    """The axes of the array `x`, the slowest in memory first; None: in order, as new arrays have them."""
    if x.flags.c_contiguous or is_stretched(x):
        return None
    return tuple(sorted(range(x.ndim), key=[-abs(s) for s in x.strides].__getitem__))


def is_stretched(x: Array) -> bool:
    """Whether one element of memory is several of the array `x`, as after `expand`."""
    return 0 in x.strides and any([s == 0 and n > 1 for s, n in zip(x.strides, x.shape, strict=True)])


def layout(x: Array) -> memory_format:
    """How the array `x` lies in memory: channels last, or for anything else `contiguous_format`."""
    if x.flags.c_contiguous or x.ndim not in CHANNELS_LAST_ORDER:
        return contiguous_format
    last = channels_last if x.ndim == 4 else channels_last_3d
    return last if is_laid_out(x, last) else contiguous_format


def is_channels_last(x: Array) -> bool:
    """Whether the channels of the array `x` (N, C, *) are its fastest axis, and there are no gaps."""
    return layout(x) is not contiguous_format


def cast(x: Tensor, to: dtype) -> Tensor:
    """`x` with elements of dtype `to`; `x` itself if it has that dtype already."""
    return x if x.array.dtype == to.numpy else Cast(to)(x)


def widened_tensor(x: Any) -> Any:
    """A tensor of a half type in float32, so that what is composed of several operations is rounded once, at the end;
    anything else as it is."""
    return cast(x, dtypes.float32) if isinstance(x, Variable) and is_half(x.array) else x  # type: ignore[arg-type]


def to_device(x: Tensor, where: DeviceLike) -> Tensor:
    """`x` on the device `where`; `x` itself if it is there already."""
    target = backend.device(where) if where is not None else backend.CPU
    here = backend.device_of(x.array)
    if target.type == here.type and target.index in (None, here.index):
        return x
    return ToDevice(target)(x)


def to(
    input: Tensor,
    *args: Any,
    device: DeviceLike = None,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """`input` with another dtype, on another device, or both; itself if nothing changes, unless `copy`.

    Called as to(dtype), to(device), to(device, dtype) or to(other), where non_blocking and copy may follow,
    or with names. Transfers always wait, so `non_blocking` has no effect.
    """
    _check_tensor("to", input)
    rest = list(args)
    if rest and isinstance(rest[0], Variable):
        other: Any = rest.pop(0)
        device, dtype = _only(device, other.device), _only(dtype, other.dtype)
    elif rest and isinstance(rest[0], (dtypes.dtype, type)):
        dtype = _only(dtype, rest.pop(0))
    elif rest:
        device = _only(device, rest.pop(0))
        if rest and not isinstance(rest[0], bool):
            dtype = _only(dtype, rest.pop(0))
    if len(rest) > 2 or not all([isinstance(flag, bool) for flag in rest]):
        raise ArgumentTypeError(f"to: expected a dtype, a device or a Tensor, then non_blocking and copy; got {args}")
    copy = rest[1] if len(rest) == 2 else copy
    result = input if dtype is None else cast(input, dtypes.as_dtype(dtype))
    result = result if device is None else to_device(result, device)
    if memory_format is not preserve_format and (result is not input or layout(input.array) is not memory_format):
        result = contiguous(result, memory_format)
    return Clone(memory_format)(input) if copy and result is input else result


def _check_tensor(op: str, input: object) -> None:
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: argument 'input' must be a Tensor, not {type(input).__name__}")


def _only(named: Any, positional: Any) -> Any:
    if named is not None:
        raise ArgumentTypeError(f"to: got {positional} and {named} for the same argument")
    return positional


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` with the dtype of `other`, on its device."""
    return to(input, other)


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy of `input` with memory of its own, through which gradients flow."""
    _check_tensor("clone", input)
    return Clone(memory_format)(input)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """`input` laid out in memory as asked: itself if it is already, else a copy."""
    _check_tensor("contiguous", input)
    return input if is_laid_out(input.array, memory_format) else Clone(memory_format)(input)


def detach(input: Any) -> Tensor:
    """A tensor on the same memory that requires no gradient and has no history."""
    _check_tensor("detach", input)
    tensor = Variable.result_type(input.array)
    tensor._version = input._version
    return tensor
