"""Norms of vectors: (Σ |x|^p)^(1/p)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.reduction.accumulate import accumulated, reduced_size, widened
from gpunn.ops.reduction.arguments import Dims, array_of
from gpunn.ops.reduction.extrema import ties
from gpunn.ops.reduction.nuclear import nuclear_norm
from gpunn.ops.reduction.subgradient import ratio
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class VectorNorm(Reduction):
    """(Σ |x|^p)^(1/p); for p = 0 how many elements are not 0, for ±inf the largest or smallest |x|."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def __init__(self, p: float, axes: tuple[int, ...], keepdim: bool) -> None:
        super().__init__(axes, keepdim)
        self.p = p

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
        x, grad, norm = self.saved(0), self.spread(grad), self.spread(self.saved_output())
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
    difference = input - other
    return vector_norm("dist", difference, p, tuple(range(difference.array.ndim)))
