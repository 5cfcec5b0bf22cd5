"""Norms of vectors: (Σ |x|^p)^(1/p)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable, is_grad_enabled
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError
from gpunn.kernels.pieces import Pieces, Reduced, divided
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.arithmetic.promotion import only_tensors, promoted
from gpunn.ops.reduction.accumulate import accumulated, reduced_size, widened
from gpunn.ops.reduction.arguments import Dims, array_of
from gpunn.ops.reduction.extrema import ties
from gpunn.ops.reduction.nuclear import nuclear_norm
from gpunn.ops.reduction.subgradient import ratio
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import several_dims
from gpunn.ops.shape.expand import expand

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "reduction/norms"


class VectorNorm(Reduction):
    """(Σ |x|^p)^(1/p); for p = 0 how many elements are not 0, for ±inf the largest or smallest |x|."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def __init__(self, p: float, axes: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(axes, keepdim)
        self.p = p

    def forward_cuda(self, x: Array) -> Array:
        self.shape = x.shape
        if not x.size:
            return self.reduce(x)
        return norm_launched(x, None, self.axes, self.keepdim, self.p, 0.0)

    def reduce(self, x: Array) -> Array:
        xp, axes, keepdim, p = array_module(x), self.axes, self.keepdim, self.p
        size = xp.abs(widened(x))
        if math.isinf(p):
            extreme = xp.amax if p > 0 else xp.amin
            return extreme(size, axis=axes, keepdims=keepdim).astype(x.dtype)
        if p == 0:
            return (size != 0).sum(axis=axes, keepdims=keepdim).astype(x.dtype)
        if p == 1 or reduced_size(x.shape, axes) == 0:
            return accumulated(size, axes, keepdim).astype(x.dtype)
        return self.root_of_powers(size).astype(x.dtype)

    def root_of_powers(self, size: Array) -> Array:
        """s (Σ (|x| / s)^p)^(1/p) with s = max |x|, or min |x| if p < 0: |x|^p soon leaves the range of float32."""
        xp, p = array_module(size), self.p
        extreme = (xp.amax if p > 0 else xp.amin)(size, axis=self.axes, keepdims=True)
        scale = xp.where((extreme > 0) & (extreme < math.inf), extreme, 1)
        size /= scale  # in place: the caller gave its only copy away
        if p == 2:
            size *= size
        else:
            size **= p
        added = accumulated(size, self.axes, self.keepdim)
        return (xp.sqrt(added) if p == 2 else added ** (1 / p)) * scale.reshape(added.shape)

    def backward(self, grad: Tensor) -> Tensor | None:
        """sgn(x) |x|^(p-1) norm^(1-p), and 0 where that is not defined, as in PyTorch.

        For p > 1 the power is that of |x| / norm, as |x|^(p-1) soon leaves the range of float32.
        """
        if self.p == 0:
            return None
        x, norm = self.saved(0), self.saved_output()
        if not is_grad_enabled() and math.isfinite(self.p):
            found: Tensor = NormBackward(self.p, self.axes, 0.0)(grad, norm, x, None)
            return found
        return self.slope(self.spread(grad), x, self.spread(norm))

    def slope(self, grad: Tensor, x: Tensor, norm: Tensor) -> Tensor:
        """The gradient of `x`, by differentiable operations on tensors of one shape."""
        if self.p == 1:
            return grad * x.sgn()
        if self.p == 2:
            return grad * ratio(x, norm)
        if math.isinf(self.p):
            share = ties(abs(x.array), norm.array, self.axes)
            return grad * x.sgn() * Variable.result_type(share)
        if self.p > 1:
            return grad * power_slope(ratio(x, norm), self.p)
        slope = x.sgn() * abs(x) ** (self.p - 1)
        return masked(slope, Variable.result_type(x.array != 0)) * grad * norm ** (1 - self.p)


class DifferenceNorm(Function):
    """|x - other + shift| in the p-norm over the last axis, of two arrays of one shape and floating dtype."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}
    saves_output = True

    def __init__(self, p: float, keepdim: bool, shift: float) -> None:
        self.p, self.keepdim, self.shift = p, keepdim, shift

    def forward_numpy(self, x: Array, other: Array) -> Array:
        self.axes = (x.ndim - 1,) if x.ndim else ()
        z = widened(x) - widened(other)
        if self.shift:
            z += z.dtype.type(self.shift)
        return VectorNorm(self.p, self.axes, self.keepdim).reduce(z).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array, other: Array) -> Array:
        if not x.size:
            return self.forward_numpy(x, other)
        self.axes = (x.ndim - 1,) if x.ndim else ()
        return norm_launched(x, other, self.axes, self.keepdim, self.p, self.shift)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, other, norm = self.saved(0), self.saved(1), self.saved_output()
        if not is_grad_enabled() and math.isfinite(self.p) and self.p != 0:
            dx, d_other = NormBackward(self.p, self.axes, self.shift, True)(grad, norm, x, other)
            return dx, d_other
        if self.p == 0:
            return None, None
        measure = VectorNorm(self.p, self.axes, self.keepdim)
        measure.shape = x.array.shape
        slope = measure.slope(measure.spread(grad), x - other + self.shift, measure.spread(norm))
        return slope, -slope


class NormBackward(Function):
    """The gradient of z = x - other + shift, given that of its norm; with `other`, its own, which is the negative, too.

    Its own derivative is never asked for: where the graph goes on, differentiable operations take its place.
    """

    def __init__(self, p: float, axes: tuple[int, ...], shift: float, needs_other: bool = False) -> None:
        self.p, self.axes, self.shift, self.needs_other = p, axes, shift, needs_other

    def forward_numpy(self, grad: Array, norm: Array, x: Array, other: Array | None) -> Any:
        kept = tuple([1 if axis in self.axes else n for axis, n in enumerate(x.shape)])
        z = widened(x) if other is None else widened(x) - widened(other) + x.dtype.type(self.shift)
        dx = norm_slope(z, widened(norm).reshape(kept), self.p)
        dx *= widened(grad).reshape(kept)
        dx = dx.astype(x.dtype, copy=False)
        return (dx, -dx) if self.needs_other else dx

    def forward_cuda(self, grad: Array, norm: Array, x: Array, other: Array | None) -> Any:
        lines = Reduced(x, self.axes)
        array, pieces = lines.lines.array, divided(lines.lines)
        dx = array_module(x).empty(array.shape, x.dtype)
        d_other = array_module(x).empty(array.shape, x.dtype) if self.needs_other else dx
        inputs = (array, array if other is None else lines.like(other), lines.of_lines(norm), lines.of_lines(grad))
        numbers = (other is not None, self.needs_other, self.shift, self.p)
        args = (dx, d_other, *inputs, *pieces.sizes, *numbers)
        kernels.launch(FILE, "norm_backward", pieces.lines.threads, args)
        return (lines.back(dx), lines.back(d_other)) if self.needs_other else lines.back(dx)


def norm_slope(z: Array, norm: Array, p: float) -> Array:
    """sgn(z) |z|^(p-1) norm^(1-p), for finite p other than 0; 0 where the norm or, for p < 1, the number is 0."""
    xp = array_module(z)
    if p == 1:
        return xp.sign(z)
    zero = norm == 0
    if p > 1:
        z = z / xp.where(zero, 1, norm)
        return xp.where(zero, 0, z if p == 2 else xp.sign(z) * xp.abs(z) ** (p - 1))
    size = xp.abs(z)
    return xp.where(z == 0, 0, xp.sign(z) * xp.where(z == 0, 1, size) ** (p - 1) * norm ** (1 - p))


def norm_launched(x: Array, other: Array | None, axes: tuple[int, ...], keepdim: bool, p: float, shift: float) -> Array:
    """The p-norm of x - other + shift over `axes` (of x, without `other`), by kernels/reduction/norms.cu."""
    lines = Reduced(x, axes)
    arrays = [lines.lines.array, *([] if other is None else [lines.like(other)])]
    if lines.is_long:  # the norms of pieces are not rounded
        arrays = [widened(array) for array in arrays]

    def launch(y: Array, array: Array, pieces: Pieces, is_first: bool) -> None:
        with_other = is_first and other is not None
        power = p if is_first or p != 0 else 1.0  # counts of pieces are added up
        args = (y, array, arrays[-1] if with_other else array, *pieces.sizes, with_other, shift, power)
        kernels.launch(FILE, "norm_forward", pieces.lines.threads, args)

    y = lines.reduce(arrays[0], launch).astype(x.dtype, copy=False)
    return lines.results_back(y, keepdim, axes)


def power_slope(x: Tensor, p: float) -> Tensor:
    """sgn(x) |x|^(p-1), for p > 1. Its derivative at 0 is 0 for p > 2, and infinite below 2."""
    return x * abs(x) ** (p - 2) if p > 2 else x.sgn() * abs(x) ** (p - 1)


def vector_norm(
    op: str, input: Tensor, p: float, axes: tuple[int, ...], keepdim: bool = False, dtype: dtype | None = None
) -> Tensor:
    """The `p`-norm over `axes`, computed in `dtype` if given. Errors speak of `op`."""
    array = array_of(op, input)
    input = as_floating(op, input, dtype)
    if (p < 0 or math.isinf(p)) and any(array.shape[axis] == 0 for axis in axes):
        raise IndexRangeError(
            f"{op}: cannot compute the {p} norm over dimensions {axes} of shape {array.shape}: an empty "
            "dimension has none, because the operation does not have an identity"
        )
    return VectorNorm(float(p), axes, keepdim)(input)


def as_floating(op: str, input: Tensor, dtype: dtype | None) -> Tensor:
    """`input`, which must be of a floating type, in `dtype` if given, which must be no narrower."""
    have = dtypes.of(input.array)
    if not have.is_floating_point:
        raise DtypeError(f"{op}: Expected a floating point tensor as input. Got {have}; convert it: x.float()")
    wanted = have if dtype is None else dtypes.as_dtype(dtype)
    if dtypes.promote_types(have, wanted) is not wanted:
        raise DtypeError(
            f"{op}: the dtype of the input ({have}) should be convertible without narrowing to the specified dtype "
            f"({wanted})"
        )
    return cast(input, wanted)


def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
) -> Tensor:
    """The norm of all elements as one vector, or over `dim`: (Σ |x|^p)^(1/p).

    `p` is a number; 0 counts the elements that are not 0, ±inf is the largest or smallest |x|; "fro" or None
    is 2; "nuc" is the sum of the singular values of the matrices in two dimensions. The gradient is 0 where
    there is none; that of "nuc" is U Vᵀ everywhere.
    """
    array = array_of("norm", input)
    if p == "nuc":
        return nuclear_norm(as_floating("norm", input, dtype), dim, keepdim)
    if p is None or p == "fro":
        p = 2.0
    if isinstance(p, str):
        raise ArgumentError(f'norm: Order {p} not supported; give a number, "fro" or "nuc"')
    if not isinstance(p, (int, float)):
        raise ArgumentTypeError(f'norm: p must be a number, "fro" or "nuc", got {type(p).__name__}')
    return vector_norm("norm", input, p, several_dims("norm", dim, array.ndim), keepdim, dtype)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The `p`-norm of input - other, which broadcast."""
    only_tensors("dist", input, other)
    if not are_floating(input, other) or not math.isfinite(p):
        difference = input - other
        return vector_norm("dist", difference, p, tuple(range(difference.array.ndim)))
    a, b = in_one_shape("dist", input, other)
    return DifferenceNorm(float(p), False, 0.0)(a.reshape(-1), b.reshape(-1))


def are_floating(*operands: Any) -> bool:
    """Whether all are tensors of floating types."""
    return all([isinstance(x, Variable) and dtypes.of(x.array).is_floating_point for x in operands])


def in_one_shape(op: str, *operands: Tensor) -> list[Tensor]:
    """Tensors in their common dtype, each expanded to the shape to which they broadcast."""
    given = promoted(op, *operands)
    shape = np.broadcast_shapes(*[x.array.shape for x in given])
    return [x if x.array.shape == shape else expand(x, shape) for x in given]
