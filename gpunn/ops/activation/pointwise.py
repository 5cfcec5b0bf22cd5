"""The frame of activations: one kernel forward, one backward, second derivatives composed of tensor operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import PIECE
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Activation(Function):
    """y = f(x), elementwise, by the kernels `<kernel>_forward` and `<kernel>_backward` of `file`.

    Subclasses give f, its derivative times a gradient, and its second derivative. Their numbers are the parameters of
    the kernels, in this order. Half types are computed in float32, and rounded once.
    """

    saves: ClassVar = {0: (0,)}
    file: ClassVar[str]
    kernel: ClassVar[str]

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers

    def forward_numpy(self, x: Array) -> Array:
        y = array_module(x).empty_like(x)
        for piece, result in backend.cache_pieces(x, y, size=PIECE):
            result[...] = self.value(widened(piece), *self.numbers)
        return y

    def forward_cuda(self, x: Array) -> Array:
        if x.dtype.kind in "iu":  # rare: no kernel
            return self.forward_numpy(x)
        return elementwise.apply(self.file, f"{self.kernel}_forward", (x,), self.numbers)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = ActivationBackward(type(self), self.numbers)(grad, self.saved(0))
        return result

    @staticmethod
    def value(x: Array, *numbers: Any) -> Array:
        """f(x)."""
        raise NotImplementedError

    @staticmethod
    def pull(grad: Array, x: Array, *numbers: Any) -> Array:
        """grad · f'(x)."""
        raise NotImplementedError

    @staticmethod
    def curvature(x: Tensor, *numbers: Any) -> Tensor | None:
        """f''(x); None where it is 0 everywhere."""
        return None


class ActivationBackward(Function):
    """grad · f'(x) of the activation f."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, of: type[Activation], numbers: tuple[float, ...]) -> None:
        self.of, self.numbers = of, numbers

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        dx = array_module(grad).empty_like(grad)
        for piece, at, result in backend.cache_pieces(grad, x, dx, size=PIECE):
            result[...] = self.of.pull(widened(piece), widened(at), *self.numbers)
        return dx

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return elementwise.apply(self.of.file, f"{self.of.kernel}_backward", (grad, x), self.numbers)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = self.saved(1)
        to_grad = ActivationBackward(self.of, self.numbers)(grad, x) if self.needs[0] else None
        bend = self.of.curvature(x, *self.numbers) if self.needs[1] else None
        return to_grad, None if bend is None else grad * self.saved(0) * bend


def activated(op: str, function: Activation, input: Any) -> Tensor:
    """`function` of `input`, which must be a floating tensor."""
    tensor = checked(op, input)
    if tensor.array.dtype.kind not in "fV":
        raise DtypeError(f"{op}: expected a floating dtype, got {tensor.dtype}; use x.to(gpunn.float32)")
    result: Tensor = function(tensor)
    return result


def checked(op: str, input: Any) -> Tensor:
    """`input`, if it is a tensor."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(input).__name__}")
    tensor: Any = input
    return tensor


def not_bool(op: str, input: Any) -> Tensor:
    """`input`, if it is a tensor that has differences."""
    tensor = checked(op, input)
    if tensor.array.dtype.kind == "b":
        raise DtypeError(f"{op}: not implemented for gpunn.bool; use x.to(gpunn.float32)")
    return tensor


def number(op: str, name: str, value: Any) -> float:
    """The argument `name` of `op` as a Python number."""
    if isinstance(value, Variable) and value.array.size == 1:
        return float(value.array.item())
    if not isinstance(value, bool | int | float):
        raise ArgumentTypeError(f"{op}: argument '{name}' must be a number, got {type(value).__name__}")
    return float(value)
