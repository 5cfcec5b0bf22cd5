"""Vandermonde matrices: the powers of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.creation import ones_like
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.products import cumprod
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_int
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.flipping import flip
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.squeezing import unsqueeze

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803 - PyTorch's name
    """The matrix (n, N) of x_i^(N-1), …, x_i, 1, or 1, x_i, … if `increasing`; N is n unless given."""
    shape = array_of("vander", x, "x").shape
    if len(shape) != 1:
        raise ShapeError(f"vander: x must be a one-dimensional tensor, got shape {shape}")
    count = shape[0] if N is None else one_int("vander", "N", N)
    if count < 0:
        raise ArgumentError("vander: N must be non-negative.")
    powers = _powers(x, count)
    return powers if increasing else flip(powers, (-1,))


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:  # noqa: N803
    """The matrices of 1, x_i, …, x_i^(N-1) of the vectors in the last dimension: (…, n) -> (…, n, N). N is n unless
    given, and at least 2. `linalg.vander`."""
    array = array_of("linalg.vander", x, "x")
    have = dtypes.of(array)
    if have is dtypes.bool_ or (have.is_floating_point and have.itemsize < 4):
        raise DtypeError(f"linalg.vander: supports floating point and integer tensors, but got {have}; use x.float()")
    x = x if array.ndim else unsqueeze(x, 0)
    count = x.array.shape[-1] if N is None else one_int("linalg.vander", "N", N)
    if count < 2:
        raise ArgumentError(f"linalg.vander: N must be greater than 1, got {count}")
    return _powers(x, count)


def _powers(x: Tensor, count: int) -> Tensor:
    """1, x, …, x^(count - 1) along a new last dimension."""
    if not dtypes.of(x.array).is_floating_point:
        x = cast(x, dtypes.int64)
    column = unsqueeze(x, -1)
    one = ones_like(column)
    if count < 2:
        return one[..., :count]
    return cat([one, cumprod(expand(column, (*x.array.shape, count - 1)), -1)], -1)
