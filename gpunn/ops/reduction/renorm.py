"""Slices of a tensor, each scaled down to a largest norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.norms import as_floating, vector_norm
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """`input` with each slice along `dim` whose `p`-norm is above `maxnorm` scaled down to it.

    The factor is maxnorm / (norm + 1e-7). `input` has at least two dimensions; p > 0.
    """
    rank = array_of("renorm", input).ndim
    if rank < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {rank} dimensions")
    for name, value in (("p", p), ("maxnorm", maxnorm)):
        if not isinstance(value, (int, float)):
            raise ArgumentTypeError(f"renorm: {name} must be a number, got {type(value).__name__}")
    if not p > 0:
        raise ArgumentError(f"renorm: non-positive-norm not supported, got {p}")
    if not maxnorm >= 0:
        raise ArgumentError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    axis = one_dim("renorm", dim, rank)
    axes = tuple([d for d in range(rank) if d != axis])
    wide = cast(as_floating("renorm", input, None), dtypes.promote_types(dtypes.of(input.array), dtypes.float32))
    lengths = vector_norm("renorm", wide, p, axes, True)
    is_long: Tensor = Variable.result_type(lengths.array > maxnorm)
    return cast(wide * where(is_long, maxnorm / (lengths + 1e-7), 1.0), dtypes.of(input.array))
