"""Operations of two tensors whose gradients, and some of whose values, are one kernel each on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, is_grad_enabled
from gpunn.kernels import elementwise
from gpunn.ops.arithmetic.elementwise import Elementwise
from gpunn.ops.arithmetic.promotion import NUMBERS
from gpunn.ops.shape.expand import sum_to_size

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "arithmetic/binary"


class Fused(Elementwise):
    """Subclasses name their `operation` in kernels/arithmetic/binary.cu; without one, gradients are composed.

    That of half types is computed in float32 and rounded once.
    """

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}
    operation: ClassVar[str]
    is_whole: ClassVar[bool] = False  # the value, too, is a chain of functions of CuPy
    is_fused = False

    def forward_cuda(self, *operands: Any) -> Array:
        a, b = operands
        is_pair = type(a) not in NUMBERS and type(b) not in NUMBERS and a.dtype.kind in "fV"
        self.is_fused = is_pair
        if not (is_pair and self.is_whole):
            return self.forward(a, b)
        self.shapes = a.shape, b.shape
        cupy = array_module(a)
        return elementwise.apply(FILE, "binary_forward", cupy.broadcast_arrays(a, b), (), {"OP": self.operation})

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        is_saved = self.needs[1] or 0 in self.saves[0]
        if not self.is_fused or not is_saved or is_grad_enabled():
            return super().backward(grad)
        each = iter(FusedBackward(self)(grad, self.saved(0), self.saved(1)))
        return tuple(
            [sum_to_size(next(each), shape) if n else None for shape, n in zip(self.shapes, self.needs, strict=True)]
        )


class FusedBackward(Function):
    """The gradients of both operands, those that are needed, before they are summed to the operands' shapes.

    Its own derivative is never asked for.
    """

    def __init__(self, of: Fused) -> None:
        self.of = of

    def forward_cuda(self, grad: Array, a: Array, b: Array) -> tuple[Array, ...]:
        cupy, needs = array_module(grad), self.of.needs
        grad, a, b = (cupy.ascontiguousarray(cupy.broadcast_to(x, grad.shape)) for x in (grad, a, b))
        outs = [cupy.empty(grad.shape, grad.dtype) if needed else grad for needed in needs]
        args = (*outs, grad, a, b, grad.size, *needs)
        kernels.launch(FILE, "binary_backward", grad.size, args, {"OP": self.of.operation})
        return tuple([out for out, needed in zip(outs, needs, strict=True) if needed])
