"""The nodes of scatter and its reductions: values written where an index says along one dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn.backend import Array
from gpunn.engine import Function, is_grad_enabled
from gpunn.errors import UnsupportedError
from gpunn.ops.arithmetic.elementwise import zeros_like
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.bounds import Check
from gpunn.ops.indexing.gather import Gather
from gpunn.ops.indexing.keys import element_keys, leading_blocks
from gpunn.ops.shape.slicing import Slice, Unslice

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Along(Function):
    """A copy of x in which x[i, index[i, j, k], k] was changed `how` by src[i, j, k], for dim = 1.

    `src` may be a number, or larger than `index`; then its first elements count.
    """

    how = "assign"

    def __init__(self, dim: int, check: Check | None = None) -> None:
        self.dim, self.check = dim, check

    def forward_numpy(self, x: Array, src: Any, index: Array) -> Array:
        shape: tuple[int, ...] = x.shape or (1,)
        values: Array = np.asarray(src, x.dtype)
        if self.check is not None:
            self.check.run((index,), (shape[self.dim],))
        self.was, self.used = values.shape, index.shape
        part = values[(*self.corner, ...)] if values.ndim else values
        out = x.copy(order="C")
        whole, index = out.reshape(shape), index.reshape(index.shape or (1,))
        for block, size in leading_blocks(self.dim, index, shape):
            written = whole if self.dim == 0 else whole[block]
            source = part.reshape(index.shape)[block] if part.ndim else part
            rows_numpy.write(self.how, written, element_keys(size, self.dim, index[block]), 1, source)
        return out

    def forward_cuda(self, x: Array, src: Any, index: Array) -> Array:
        self.was, self.used = getattr(src, "shape", ()), index.shape
        part = src[(*self.corner, ...)] if self.was else src
        out = x.copy(order="C")
        rows_cuda.put_along(self.how, out, self.dim, index, part, self.check)
        return out

    @property
    def corner(self) -> tuple[slice, ...]:
        """The part of `src` that counts."""
        return tuple([slice(n) for n in self.used])

    def gathered(self, x: Tensor) -> Tensor:
        """What `x`, of the shape of the result, has at the places that were written to."""
        return Gather(self.dim)(x, self.saved(2))

    def part(self, src: Tensor) -> Tensor:
        """What counts of `src`."""
        return src if self.was == self.used else Slice(self.corner)(src)

    def whole(self, grad: Tensor) -> Tensor:
        """The gradient of `src` from that of the part that counts."""
        return grad if self.was == self.used else Unslice(self.was, self.corner)(grad)


class Scatter(Along):
    saves: ClassVar = {2: (0, 1)}

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Scatter(self.dim)(grad, 0, self.saved(2)) if self.needs[0] else None,
            self.whole(self.gathered(grad)) if self.needs[1] else None,
            None,
        )


class ScatterAdd(Along):
    how = "sum"
    saves: ClassVar = {2: (1,)}

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad, self.whole(self.gathered(grad)) if self.needs[1] else None, None


class ScatterProd(Along):
    """The gradient is a quotient; for a factor that is zero, the product without it (PyTorch's formula)."""

    how = "prod"
    saves: ClassVar = {0: (0, 1), 1: (0, 1), 2: (0, 1)}
    saves_output = True

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, src, index = self.saved(0), self.saved(1), self.saved(2)
        grad_x = None
        if self.needs[0]:
            factor = x.masked_fill(x == 0, 1)
            grad_x = grad * ScatterProd(self.dim)(factor, src, index) / factor
        return grad_x, self._grad_src(grad, x, src, index) if self.needs[1] else None, None

    def _grad_src(self, grad: Tensor, x: Tensor, src: Tensor, index: Tensor) -> Tensor:
        part = self.part(src)
        is_zero = part == 0
        zeros = self.gathered(ScatterAdd(self.dim)(zeros_like(x), is_zero.to(x.dtype), index))
        alone = is_zero & (zeros == 1)
        without = ScatterProd(self.dim)(x, part.masked_fill(alone, 1), index)
        quotient = self.gathered(grad * self.saved_output()) / part.masked_fill(is_zero, 1)
        found = where(alone, self.gathered(grad * without), quotient)
        return self.whole(TwiceDifferentiable()(found, zeros) if is_grad_enabled() else found)


class ScatterExtreme(Along):
    """The larger ("amax") or smaller ("amin"). All that are equal to the result share the gradient."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1), 2: (0, 1)}
    saves_output = True

    def __init__(self, dim: int, how: str, check: Check | None = None) -> None:
        super().__init__(dim, check)
        self.how = how

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        index, result = self.saved(2), self.saved_output()
        x_is = (self.saved(0) == result).to(grad.dtype)
        part_is = (self.part(self.saved(1)) == self.gathered(result)).to(grad.dtype)
        share = grad / ScatterAdd(self.dim)(x_is, part_is, index)
        return (
            x_is * share if self.needs[0] else None,
            self.whole(part_is * self.gathered(share)) if self.needs[1] else None,
            None,
        )


class TwiceDifferentiable(Function):
    """The input as it is; differentiating it once more is an error if one of `zeros`, those at its place, is above 1.

    The host looks at them when the second derivative is asked for, and so waits for a GPU then and not before.
    """

    def forward(self, x: Array, zeros: Array) -> Array:
        self.kept = zeros
        return x.copy()

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        if bool((self.kept > 1).any()):
            raise UnsupportedError(
                "scatter_reduce with two zeros at one place: the second derivative is not supported; it would need the "
                "product of all other factors of each pair"
            )
        return grad, None
