"""What the losses check and share: reductions, equal shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.arithmetic.promotion import promoted
from gpunn.ops.reduction.sums import mean, sum

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def reduction_name(op: str, reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction; the two flags are PyTorch's old way to say it."""
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{op}: {reduction} is not a valid value for reduction; use one of {REDUCTIONS}")
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses of all elements as they are, their mean, or their sum."""
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


def must_be_tensors(op: str, arguments: dict[str, Any]) -> None:
    """Raise unless all `arguments` are tensors."""
    for name, value in arguments.items():
        if not isinstance(value, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(value).__name__}")


def same_shape(op: str, input: Any, target: Any) -> None:
    """Raise unless both are tensors of one shape: broadcasting in a loss is a mistake nearly always."""
    must_be_tensors(op, {"input": input, "target": target})
    a, b = input.array.shape, target.array.shape
    if a != b:
        equal = input.array.size == target.array.size
        fix = "target.reshape(input.shape)" if equal else "a target for each element"
        raise ShapeError(
            f"{op}: input and target must have the same shape, got {a} and {b}; broadcasting them would compare "
            f"every element with every other. Use {fix}"
        )


def floating_pair(op: str, input: Any, target: Any, to_float: bool = False) -> tuple[Any, Any]:
    """Both in their common dtype, which must be floating, or with `to_float` is made so; of one shape."""
    same_shape(op, input, target)
    a, b = promoted(op, input, target, to_float=to_float)
    if a.array.dtype.kind not in "fV":
        raise DtypeError(f"{op}: not implemented for {a.dtype}; use input.float()")
    return a, b


def must_be_floating(op: str, **arguments: Any) -> None:
    """Raise unless these arguments are tensors of a floating dtype."""
    must_be_tensors(op, arguments)
    for name, value in arguments.items():
        if not value.is_floating_point():
            raise DtypeError(f"{op}: {name} must have a floating dtype, got {value.dtype}; use {name}.float()")


def must_be_numbers(op: str, **arguments: Any) -> None:
    """Raise if one of these arguments is no tensor, or of booleans, which have no differences."""
    must_be_tensors(op, arguments)
    for name, value in arguments.items():
        if value.dtype is dtypes.bool_:
            raise DtypeError(f"{op}: {name} must be of numbers, got gpunn.bool; use {name}.float()")
