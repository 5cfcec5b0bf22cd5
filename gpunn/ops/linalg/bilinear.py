"""Bilinear maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.errors import ShapeError
from gpunn.ops.linalg.products import MatMul, check_operands
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import cast, contiguous
from gpunn.ops.shape.permutation import Permute
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ W_k x2 + b_k: (*, in1), (*, in2) -> (*, out), with weight (out, in1, in2) and bias (out,) or None.

    Two products of matrices: x1 with all of W, then each row's (out, in2) with x2. Half types are multiplied in float32
    and rounded once.
    """
    op = "bilinear"
    check_operands(op, input1, input2, weight, *([] if bias is None else [bias]))
    _check_shapes(op, input1, input2, weight, bias)
    if is_half(input1.array):
        wide = [None if x is None else cast(x, dtypes.float32) for x in (input1, input2, weight, bias)]
        return cast(bilinear(*wide), dtypes.of(input1.array))  # type: ignore[arg-type]
    (*batch, first), second, outs = input1.array.shape, input2.array.shape[-1], weight.array.shape[0]
    rows = math.prod(batch)
    filters = View((first, outs * second))(contiguous(Permute((1, 0, 2))(weight)))
    half = View((rows, outs, second))(MatMul()(View((rows, first))(input1), filters))
    found: Tensor = View((*batch, outs))(MatMul()(half, View((rows, second, 1))(input2)))
    return found if bias is None else found + bias


def _check_shapes(op: str, input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    a, b, w = input1.array.shape, input2.array.shape, weight.array.shape
    if not a or not b or a[:-1] != b[:-1]:
        raise ShapeError(f"{op}(): input batch dimensions do not match: got {a} and {b}; only the last may differ")
    if len(w) != 3 or w[1:] != (a[-1], b[-1]):
        raise ShapeError(
            f"{op}(): expected a weight (out, {a[-1]}, {b[-1]}) for inputs of shape {a} and {b}, got weight {w}"
        )
    if bias is not None and bias.array.shape != w[:1]:
        raise ShapeError(f"{op}(): bias size does not match weight size: got bias {bias.array.shape} and weight {w}")
