"""Elements chosen by a mask of bools: masked_select, masked_fill, masked_scatter, nonzero, argwhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError
from gpunn.kernels.elementwise import memory_order
from gpunn.ops.arithmetic.promotion import broadcast_shape
from gpunn.ops.indexing.element import filling
from gpunn.ops.indexing.getitem import Mask
from gpunn.ops.indexing.rows_cuda import as_bits, bits_of, contiguous
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.slicing import Unslice
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class MaskedFill(Function):
    """x where the mask is False, the value (a number or a 0-d array) where it is True."""

    saves: ClassVar = {1: (0, 2)}

    def forward_numpy(self, x: Array, mask: Array, value: Any) -> Array:
        # Bits times 0 or 1 (as in arithmetic's Masked): np.where is slow on masks without pattern.
        bits = f"i{x.dtype.itemsize}"
        kept = x.view(bits) * ~mask
        filled = np.asarray(value, x.dtype).view(bits) * mask
        return (kept | filled).view(x.dtype)

    def forward_cuda(self, x: Array, mask: Array, value: Any) -> Array:
        axes = memory_order(x)
        turned, chosen = (contiguous(a.transpose(axes)) for a in (x, mask))
        y, given = array_module(x).empty_like(turned), hasattr(value, "shape")
        source, number = (as_bits(value), 0) if given else (as_bits(turned), bits_of(value, x.dtype))
        args = (as_bits(y), as_bits(turned), chosen, source, number, given, y.size)
        kernels.launch("indexing/choose", "masked_fill", kernels.vector_threads(y), args)
        return y.transpose(sorted(range(x.ndim), key=axes.__getitem__))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        mask = self.saved(1)
        return (
            MaskedFill()(grad, mask, 0) if self.needs[0] else None,
            None,
            MaskedFill()(grad, ~mask, 0).sum() if self.needs[2] else None,
        )


class MaskedScatter(Function):
    """x where the mask is False, the first elements of `source`, one after the other, where it is True."""

    saves: ClassVar = {1: (0, 2)}

    def forward(self, x: Array, mask: Array, source: Array) -> Array:
        self.was = source.shape
        out = x.copy()
        count = int(mask.sum())
        if count > source.size:
            raise ShapeError(
                f"masked_scatter: Number of elements of source < number of ones in mask: {source.size} in shape "
                f"{source.shape}, {count} in the mask"
            )
        out[mask] = source.reshape(-1)[:count]
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        mask = self.saved(1)
        grad_source = None
        if self.needs[2]:
            used = Mask(0)(grad, mask)
            size = 1
            for n in self.was:
                size *= n
            grad_source = View(self.was)(Unslice((size,), (slice(used.array.size),))(used))
        return MaskedFill()(grad, mask, 0) if self.needs[0] else None, None, grad_source


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of `input` where `mask` is True, in one row. The two broadcast."""
    x, chosen = _together("masked_select", input, mask)
    if x.array.ndim == 0:
        x, chosen = View((1,))(x), View((1,))(chosen)
    return Mask(0)(x, chosen)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or a 0-d tensor, where `mask` is True. The two broadcast."""
    x, chosen = _together("masked_fill", input, mask)
    return MaskedFill()(x, chosen, filling("masked_fill_", input, value))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with the elements of `source`, in order, where `mask` is True. The two broadcast."""
    if not isinstance(source, Variable):
        raise ArgumentTypeError(f"masked_scatter: source must be a Tensor, got {type(source).__name__}")
    if source.array.dtype != array_of("masked_scatter", input).dtype:
        raise DtypeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.array.dtype} and "
            f"{source.array.dtype}"
        )
    x, chosen = _together("masked_scatter", input, mask)
    return MaskedScatter()(x, chosen, source)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of all elements that are not zero: (n, ndim); with `as_tuple` a vector per dimension."""
    x = array_of("nonzero", input)
    xp = array_module(x)
    if not as_tuple:
        return Variable.result_type(xp.argwhere(x != 0))
    found = xp.nonzero(x.reshape(-1) != 0 if x.ndim == 0 else x != 0)
    return tuple([Variable.result_type(i) for i in found])


def argwhere(input: Tensor) -> Tensor:
    """The indices of all elements that are not zero, one row each: shape (n, ndim)."""
    found: Tensor = nonzero(input)
    return found


def _together(op: str, input: Tensor, mask: Any) -> tuple[Tensor, Tensor]:
    """Both in their common shape; `mask` must be of bools."""
    array_of(op, input)
    if not isinstance(mask, Variable):
        raise ArgumentTypeError(f"{op}: mask must be a Tensor, got {type(mask).__name__}")
    if mask.array.dtype.kind != "b":
        raise DtypeError(f"{op} only supports boolean masks, but got mask with dtype {mask.array.dtype}")
    shape = broadcast_shape(op, input, mask)
    x = input if input.array.shape == shape else Expand(shape)(input)
    chosen: Any = mask if mask.array.shape == shape else Expand(shape)(mask)
    return x, chosen
