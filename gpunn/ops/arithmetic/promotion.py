"""Operands of elementwise operations: PyTorch's type promotion, and shapes that broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gpunn import dtypes
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.shape.conversion import cast

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Number: TypeAlias = bool | int | float
Operand: TypeAlias = "Tensor | Number"

NUMBERS = frozenset({float, int, bool})


def promoted(op: str, *operands: Any, to_float: bool = False) -> tuple[Any, ...]:
    """`operands` (tensors and numbers, at least one tensor) in their common dtype, shapes checked.

    Numbers stay numbers, since both array modules let them take the type of the array; a number that the
    common type cannot hold (300 in uint8) wraps around as in PyTorch. `to_float`: integers become the default
    float type.
    """
    if _fit(op, operands, to_float):
        return operands
    tensors = [x for x in operands if isinstance(x, Variable)]
    if not tensors:
        kinds = " and ".join(type(x).__name__ for x in operands)
        raise ArgumentTypeError(f"{op}: expected a Tensor among the arguments, got {kinds}")
    target = common_dtype(op, *operands)
    if to_float and not target.is_floating_point:
        target = dtypes.get_default_dtype()
    broadcast_shape(op, *tensors)
    return tuple([operand_as(x, target) for x in operands])


def _fit(op: str, operands: tuple[Any, ...], to_float: bool) -> bool:
    """Whether there is nothing to convert: the common cases of one dtype, decided in half a microsecond."""
    if not isinstance(operands[0], Variable):
        return False
    a = operands[0].array
    kind = a.dtype.kind
    if to_float and kind not in "fV":
        return False
    for x in operands[1:]:
        if isinstance(x, Variable):
            if x.array.dtype is not a.dtype:
                return False
            if x.array.shape != a.shape:
                broadcast_shape(op, *[t for t in operands if isinstance(t, Variable)])
        elif type(x) is int:
            if kind not in "fV" and not (kind in "iu" and 0 <= x < 128):
                return False
        elif type(x) is not float or kind not in "fV":
            return False
    return True


def floating(op: str, x: Any) -> Tensor:
    """The tensor `x`, integers and booleans cast to the default float type."""
    if not isinstance(x, Variable):
        raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(x).__name__}")
    tensor: Any = x
    return tensor if x.array.dtype.kind in "fV" else cast(tensor, dtypes.get_default_dtype())


def only_tensors(op: str, *operands: Any) -> None:
    """Raise ArgumentTypeError unless all `operands` are tensors."""
    for x in operands:
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(x).__name__}; use gpunn.tensor(...)")


def common_dtype(op: str, *operands: Any) -> dtype:
    """The dtype of the result of an elementwise operation."""
    for x in operands:
        if not isinstance(x, (Variable, bool, int, float, np.generic)):
            raise ArgumentTypeError(f"{op}: expected a Tensor or a number, got {type(x).__name__}")
    return dtypes.result_type(*operands)


def operand_as(x: Any, target: dtype) -> Any:
    """The tensor or number `x` as `target`."""
    return number_as(x, target) if isinstance(x, (bool, int, float, np.generic)) else cast(x, target)


def number_as(x: Any, target: dtype) -> Number:
    """The Python number `x` as `target` holds it."""
    if target.is_floating_point:
        return float(x)
    if target is dtypes.bool_:
        return bool(x)
    info = np.iinfo(target.numpy)
    return int((int(x) - info.min) % 2**info.bits + info.min)


def broadcast_shape(op: str, *tensors: Any) -> tuple[int, ...]:
    """The common shape of `tensors`; ShapeError names the dimension that does not fit."""
    shape: tuple[int, ...] = tensors[0].array.shape
    for other in tensors[1:]:
        if other.array.shape != shape:
            shape = broadcast_two(op, shape, other.array.shape)
    return shape


def broadcast_two(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of the shapes `a` and `b`; ShapeError names the dimension that does not fit."""
    rank = max(len(a), len(b))
    long_a, long_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for d, (m, n) in enumerate(zip(long_a, long_b, strict=True)):
        if m != n and m != 1 and n != 1:
            raise ShapeError(
                f"{op}: The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton "
                f"dimension {d}; the shapes are {a} and {b}"
            )
    return tuple([n if m == 1 else m for m, n in zip(long_a, long_b, strict=True)])
