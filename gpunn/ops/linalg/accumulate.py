"""Matrix products added to a tensor: addmm, addmv, addr, addbmm, baddbmm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.arithmetic.logical import bitwise_and, bitwise_or
from gpunn.ops.indexing.element import element
from gpunn.ops.linalg.products import bmm, broadcasts_to, check_batches, check_operands, mm, mv, outer
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.permutation import Permute
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2); `input` broadcasts. With beta = 0 it is not read at all."""
    check_operands("addmm", input, mat1, mat2)
    return _sum("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec); `input` broadcasts. With beta = 0 it is not read at all."""
    check_operands("addmv", input, mat, vec)
    return _sum("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (vec1 vec2ᵀ); `input` broadcasts. With beta = 0 it is not read at all.

    Of booleans + is or, and a factor that is not 0 is True.
    """
    kinds = {array_of("addr", x).dtype.kind for x in (input, vec1, vec2)}
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if kinds <= set("biu") and isinstance(factor, float):
            raise ArgumentError(
                f"addr: For integral input tensors, argument {name} must not be a floating point number"
            )
    if kinds == {"b"}:
        beta, alpha = (element("addr", factor, input.array) for factor in (beta, alpha))
        product = bitwise_and(outer(vec1, vec2), alpha)
        return bitwise_or(product, input) if beta else product
    return _sum("addr", input, outer(vec1, vec2), beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * the sum of all batch1[i] @ batch2[i]: one GEMM, (n, b k) @ (b k, m)."""
    check_operands("addbmm", input, batch1, batch2)
    check_batches("addbmm", batch1, batch2)
    count, n, k = batch1.array.shape
    left = View((n, count * k))(Permute((1, 0, 2))(batch1))
    right = View((count * k, batch2.array.shape[2]))(batch2)
    return _sum("addbmm", input, mm(left, right), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), for batches of matrices; `input` broadcasts."""
    check_operands("baddbmm", input, batch1, batch2)
    return _sum("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def _sum(op: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta * input + alpha * product, in the shape of `product`."""
    shape, given = product.array.shape, input.array.shape
    if not broadcasts_to(given, shape):
        raise ShapeError(f"{op}: input of shape {given} does not broadcast to {shape}, the shape of the product")
    if product.array.dtype.kind in "iu":
        beta, alpha = (element(op, factor, product.array) for factor in (beta, alpha))
    if alpha != 1:
        product = product * alpha
    if beta != 0:
        return product.add(input, alpha=beta)
    if not input.requires_grad:
        return product
    never: Tensor = Variable.result_type(array_module(input.array).zeros((), bool))
    return product.add(masked(input, never))  # its gradient is 0, as in PyTorch, and not None
