"""The product of several matrices, in the order that takes the fewest multiplications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, in the order that takes the fewest multiplications. `linalg.multi_dot`.

    The first may be a vector, which counts as a row, and the last, which counts as a column; that dimension is dropped
    again. Source: Cormen et al., Introduction to Algorithms, 15.2.
    """
    op = "multi_dot"
    if not isinstance(tensors, (tuple, list)):
        raise ArgumentTypeError(f"{op}: expected a list of Tensors, got {type(tensors).__name__}")
    shapes = [array_of(op, x, f"tensors[{i}]").shape for i, x in enumerate(tensors)]
    last = len(shapes) - 1
    if last < 1:
        raise ArgumentError(f"{op}(): expected at least 2 tensors but got {len(shapes)}")
    for i, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and i in (0, last)):
            wanted = "1D or 2D" if i in (0, last) else "2D"
            raise ShapeError(f"{op}(): tensor {i} must be {wanted} but got {len(shape)}D of shape {shape}")
    _check_types(op, tensors)
    chain: list[Any] = list(tensors)
    if len(shapes[0]) == 1:
        chain[0] = View((1, *shapes[0]))(chain[0])
    if len(shapes[last]) == 1:
        chain[last] = View((*shapes[last], 1))(chain[last])
    sizes = [chain[0].array.shape[0], *[x.array.shape[1] for x in chain]]
    for i in range(last):
        if chain[i + 1].array.shape[0] != sizes[i + 1]:
            raise ShapeError(
                f"{op}(): tensors {i} and {i + 1} with shapes {shapes[i]} and {shapes[i + 1]} cannot be multiplied"
            )
    result = _product(chain, _splits(sizes), 0, last)
    kept = (sizes[:1] if len(shapes[0]) == 2 else []) + (sizes[-1:] if len(shapes[last]) == 2 else [])
    return result if len(kept) == 2 else View(tuple(kept))(result)


def _check_types(op: str, tensors: Sequence[Any]) -> None:
    for i, x in enumerate(tensors):
        if x.array.dtype != tensors[0].array.dtype:
            raise DtypeError(
                f"{op}(): all tensors must have the same dtype but tensor 0 is {tensors[0].dtype} and tensor {i} "
                f"{x.dtype}"
            )
    for x in tensors:
        check_operands(op, tensors[0], x)


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """After which matrix to split the product of matrices i to j, (sizes[i], sizes[i + 1]) and so on, i < j."""
    n = len(sizes) - 1
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(ways, key=ways.__getitem__)
            cost[i, j] = ways[split[i, j]]
    return split


def _product(chain: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return chain[i]
    k = split[i, j]
    return matmul(_product(chain, split, i, k), _product(chain, split, k + 1, j))
