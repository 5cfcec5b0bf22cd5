"""Products of the elements of two tensors in patterns: kron, cross."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.arithmetic.promotion import only_tensors
from gpunn.ops.linalg.products import check_operands
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Cross(Function):
    """a × b along `dim`, for arrays of one shape."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, a: Array, b: Array) -> Array:
        xp = array_module(a)
        out = xp.empty(a.shape, a.dtype)
        a, b, lines = (xp.moveaxis(x, self.dim, 0) for x in (a, b, out))
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            lines[i, ...] = a[j] * b[k] - a[k] * b[j]
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (
            Cross(self.dim)(self.saved(1), grad) if self.needs[0] else None,
            Cross(self.dim)(grad, self.saved(0)) if self.needs[1] else None,
        )


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector products input × other of vectors of length 3 along `dim`; shapes broadcast.

    Without `dim` it is the first dimension of length 3, which PyTorch is about to give up: pass it.
    """
    only_tensors("cross", input, other)
    if dim is None:
        dim = next((d for d, n in enumerate(input.array.shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"cross: no dimension of size 3 in input of shape {input.array.shape}")
        warnings.warn(f"cross: using dim={dim}; not to name it is deprecated, the default becomes -1", stacklevel=2)
    return linalg_cross(input, other, dim=dim)


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector products input × other along `dim`, of length 3; shapes broadcast. `linalg.cross`."""
    check_operands("cross", input, other)
    a, b = input.array.shape, other.array.shape
    if len(a) != len(b):
        raise ShapeError(f"cross: inputs must have the same number of dimensions, got {a} and {b}")
    d = one_dim("cross", dim, len(a))
    if not a or a[d] != 3 or b[d] != 3:
        raise ShapeError(f"cross: inputs dimension {dim} must have length 3. Got shapes {a} and {b}")
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        raise ShapeError(f"cross: shapes {a} and {b} do not broadcast")
    shape = tuple([n if m == 1 else m for m, n in zip(a, b, strict=True)])
    return Cross(d)(expand(input, shape), expand(other, shape))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of `input` times the whole of `other`, in blocks."""
    rank = max(array_of("kron", input).ndim, array_of("kron", other).ndim)
    a, b = ((1,) * (rank - x.array.ndim) + x.array.shape for x in (input, other))
    left = View(tuple([n for m in a for n in (m, 1)]))(input)
    right = View(tuple([n for m in b for n in (1, m)]))(other)
    return View(tuple([m * n for m, n in zip(a, b, strict=True)]))(left * right)
