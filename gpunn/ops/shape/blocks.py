"""A matrix of several along its diagonal."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ShapeError
from gpunn.ops.shape.joining import in_common_dtype
from gpunn.ops.shape.squeezing import atleast_2d

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class BlockDiagonal(Function):
    """Matrices along the diagonal of zeros, each one's first element below and right of the one before."""

    def forward(self, *blocks: Array) -> Array:
        rows, columns = (list(accumulate([b.shape[d] for b in blocks], initial=0)) for d in (0, 1))
        self.places = [(slice(rows[i], rows[i + 1]), slice(columns[i], columns[i + 1])) for i in range(len(blocks))]
        out = array_module(blocks[0]).zeros((rows[-1], columns[-1]), blocks[0].dtype)
        for place, block in zip(self.places, blocks, strict=True):
            out[place] = block
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return tuple([grad[place] if needed else None for place, needed in zip(self.places, self.needs, strict=True)])


def block_diag(*tensors: Any) -> Tensor:
    """The tensors along the diagonal of a matrix of zeros, each below and right of the one before.

    Each has at most two dimensions, a vector counts as a row, a number as a matrix of one element. (m₁, n₁), (m₂, n₂),
    … -> (Σ m, Σ n) in their common dtype; of nothing, (1, 0).
    """
    if not tensors:
        xp = backend.module_of(backend.get_default_device())
        return Variable.result_type(xp.zeros((1, 0), dtypes.get_default_dtype().numpy))
    parts = in_common_dtype("block_diag", tensors)
    for i, x in enumerate(parts):
        if x.array.ndim > 2:
            raise ShapeError(
                f"block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.array.ndim} dimensions: "
                f"{x.array.shape}"
            )
    result: Tensor = BlockDiagonal()(*atleast_2d(parts))
    return result
