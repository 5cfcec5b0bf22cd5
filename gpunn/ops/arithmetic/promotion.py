"""Operands of elementwise operations: PyTorch's type promotion, and shapes that broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.expand import sum_to_size

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Number: TypeAlias = bool | int | float
Operand: TypeAlias = "Tensor | Number"


def promoted(op: str, *operands: Any, to_float: bool = False) -> tuple[Any, ...]:
    """`operands` (tensors and numbers, at least one tensor) in their common dtype, shapes checked.

    Numbers stay numbers, since both array modules let them take the type of the array; a number that the common
    type cannot hold (300 in uint8) wraps around as in PyTorch. `to_float`: integers become the default float type.
    """
    tensors = [x for x in operands if isinstance(x, Variable)]
    if not tensors:
        raise ArgumentTypeError(f"{op}: expected a Tensor among the arguments, got {operands}")
    first = tensors[0]
    if len(tensors) == len(operands) and all(t.array.dtype == first.array.dtype for t in tensors):
        target = dtypes.of(first.array)
    else:
        target = common_dtype(op, *operands)
    if to_float and not target.is_floating_point:
        target = dtypes.get_default_dtype()
    broadcast_shape(op, *tensors)
    return tuple([cast(x, target) if isinstance(x, Variable) else _number_as(x, target) for x in operands])


def common_dtype(op: str, *operands: Any) -> dtype:
    """The dtype of the result of an elementwise operation."""
    for x in operands:
        if not isinstance(x, (Variable, bool, int, float, np.generic)):
            raise ArgumentTypeError(f"{op}: expected a Tensor or a number, got {type(x).__name__}")
    return dtypes.result_type(*operands)


def _number_as(x: Any, target: dtype) -> Number:
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
            shape = _broadcast_two(op, shape, other.array.shape)
    return shape


def _broadcast_two(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    rank = max(len(a), len(b))
    long_a, long_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for d, (m, n) in enumerate(zip(long_a, long_b, strict=True)):
        if m != n and m != 1 and n != 1:
            raise ShapeError(
                f"{op}: The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension "
                f"{d}; the shapes are {a} and {b}"
            )
    return tuple(n if m == 1 else m for m, n in zip(long_a, long_b, strict=True))


class Binary(Function):
    """An elementwise function of two operands that broadcast. Subclasses give `compute`, `grad_a` and `grad_b`."""

    def forward(self, a: Array, b: Array) -> Array:
        self.shapes = np.shape(a), np.shape(b)
        return in_float32(self.compute, a, b)

    def compute(self, a: Array, b: Array) -> Array:
        """The values."""
        raise NotImplementedError

    def grad_a(self, grad: Tensor) -> Tensor:
        """The gradient of a, before it is summed to a's shape."""
        raise NotImplementedError

    def grad_b(self, grad: Tensor) -> Tensor:
        """The gradient of b, before it is summed to b's shape."""
        raise NotImplementedError

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            sum_to_size(self.grad_a(grad), self.shapes[0]) if self.needs[0] else None,
            sum_to_size(self.grad_b(grad), self.shapes[1]) if self.needs[1] else None,
        )


def in_float32(compute: Any, *operands: Any) -> Array:
    """compute(*operands), where half-precision arrays with Python floats are computed in float32 and rounded once."""
    numbers = [x for x in operands if isinstance(x, (bool, int, float))]
    if not numbers:
        return compute(*operands)
    like = next(x for x in operands if not isinstance(x, (bool, int, float)))
    if like.dtype.itemsize != 2 or like.dtype.kind not in "fV":
        return compute(*operands)
    wide = [np.float32(x) if isinstance(x, (bool, int, float)) else x.astype(np.float32) for x in operands]
    result = compute(*wide)
    return result.astype(like.dtype) if result.dtype == np.float32 else result
