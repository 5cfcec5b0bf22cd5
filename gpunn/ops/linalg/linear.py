"""Linear layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.activation.piecewise import ReLU, ReLUBackward, relu, relu_cuda, relu_in_place
from gpunn.ops.linalg import gemm
from gpunn.ops.linalg.products import (
    MatMul,
    Product,
    broadcasts_to,
    check_operands,
    product_cuda,
    product_numpy,
)
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.expand import Expand
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

BLOCK = 64  # rows that GEMV may add up in float32
# OpenBLAS takes (W xᵀ)ᵀ faster than x Wᵀ for a few rows that are long, and adding the bias turns it back for nothing.
# (64, 784) and (512, 784) float32 with AVX-512: 451 µs for 531, with AVX2 546 for 546; (64, 400) and (120, 400): 64 for
# 69, 71 for 68; (8, 784): 138 for 258, 68 for 84; but (256, 784) 2217 for 2173, and 78 for 53 with two matrices
# (128, 120) (NumPy 2.4, one core, 2026-11). Its rows must not lie a power of two apart, or they share a part of the
# cache: 478 for 451 (64, 784).
FEW_ROWS = range(8, 65)
LONG = 384  # elements of a row
MANY = 64  # columns
APART = 16  # elements between its rows


class Linear(Function):
    """x Wᵀ + b for x (..., in), W (out, in), b (out,) or None: one GEMM, the bias added into its result."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def forward_numpy(self, x: Array, weight: Array, bias: Array | None) -> Array:
        if is_half(x):  # in float32, rounded once
            wide = None if bias is None else bias.astype(np.float32)
            given = x.astype(np.float32), weight.astype(np.float32)
            return self.compute(product_numpy, *given, wide).astype(x.dtype)
        if x.ndim == 2 and bias is not None and len(x) in FEW_ROWS and x.shape[1] >= LONG and len(weight) >= MANY:
            self.was = x.shape
            turned = np.empty((len(weight), len(x) + APART), x.dtype)[:, : len(x)]
            np.matmul(weight, x.T, out=turned)
            return np.add(turned.T, bias, out=np.empty((len(x), len(weight)), x.dtype))
        return self.compute(product_numpy, x, weight, bias)

    def forward_cuda(self, x: Array, weight: Array, bias: Array | None) -> Array:
        if not gemm.is_wanted(x):
            return self.compute(product_cuda, x, weight, bias)
        *batch, features = self.was = x.shape
        return gemm.linear(x.reshape(math.prod(batch), features), weight, bias).reshape(*batch, len(weight))

    def compute(self, product: Product, x: Array, weight: Array, bias: Array | None) -> Array:
        """x Wᵀ + b, by a GEMM of the arrays' own type."""
        *batch, features = self.was = x.shape
        rows = x if x.ndim == 2 else x.reshape(math.prod(batch), features)
        out = product(rows, weight.T)
        if bias is not None:
            out += bias
        return out if x.ndim == 2 else out.reshape(*batch, len(weight))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        *batch, features = self.was
        rows = len(batch) != 1
        if rows:
            grad = View((math.prod(batch), grad.array.shape[-1]))(grad)
        grad_x = grad_weight = None
        if self.needs[0]:
            grad_x = MatMul()(grad, self.saved(1))
            grad_x = View(self.was)(grad_x) if rows else grad_x
        if self.needs[1]:
            x = self.saved(0)
            x = View((math.prod(batch), features))(x) if rows else x
            grad_weight = MatMul(a_t=True)(grad, x)
        return grad_x, grad_weight, ColumnSum()(grad) if self.needs[2] else None


class LinearReLU(Linear):
    """max(x Wᵀ + b, 0). Backward needs the result only."""

    saves_output = True

    def forward_numpy(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return relu_in_place(super().forward_numpy(x, weight, bias))

    def forward_cuda(self, x: Array, weight: Array, bias: Array | None) -> Array:
        if not gemm.is_wanted(x):
            return relu_cuda(super().forward_cuda(x, weight, bias))
        *batch, features = self.was = x.shape
        rows = x.reshape(math.prod(batch), features)
        return gemm.linear(rows, weight, bias, relu=True).reshape(*batch, len(weight))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return super().backward(ReLUBackward()(grad, self.saved_output()))


LinearReLU.__name__ = ReLU.__name__  # what programs print of the result of a ReLU


class ColumnSum(Function):
    """The sums of the columns of a matrix: the gradient of a bias."""

    def forward_numpy(self, x: Array) -> Array:
        return self.compute(product_numpy, x)

    def forward_cuda(self, x: Array) -> Array:
        return self.compute(product_cuda, x)

    def compute(self, product: Product, x: Array) -> Array:
        """The sums; those of half types in float32."""
        self.was = x.shape
        return column_sums(product, x.astype(np.float32)).astype(x.dtype) if is_half(x) else column_sums(product, x)

    def backward(self, grad: Tensor) -> Tensor:
        return Expand(self.was)(grad)


def column_sums(product: Product, x: Array) -> Array:
    """Σᵢ x[i, :], by GEMV with a vector of ones in blocks of rows, whose sums are added in float64.

    (64, 512) float32: 3 µs, (10000, 64): 70 µs, with relative errors of 1e-7; x.sum(axis=0): 4 µs and 180 µs, 4e-6
    (NumPy 2.4, one core of an AMD EPYC, November 2026).
    """
    xp = array_module(x)
    n, m = x.shape
    ones = xp.ones(min(n, BLOCK), x.dtype)
    if n <= BLOCK:
        return product(ones, x)
    blocks = n // BLOCK
    total = product(ones, x[: blocks * BLOCK].reshape(blocks, BLOCK, m)).sum(axis=0, dtype=np.float64)
    if rest := n - blocks * BLOCK:
        total += product(ones[:rest], x[blocks * BLOCK :])
    return total.astype(x.dtype)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input Wᵀ + bias, for input (..., in), weight (out, in) and bias (out,): shape (..., out)."""
    check_operands("linear", input, weight, *([] if bias is None else [bias]))
    x, w = input.array.shape, weight.array.shape
    if len(w) != 2 or not x or x[-1] != w[-1]:
        raise ShapeError(_mismatch(x, w))
    if bias is None or bias.array.shape == w[:1]:
        return Linear()(input, weight, bias)
    result: Tensor = Linear()(input, weight, None)
    if not broadcasts_to(bias.array.shape, result.array.shape):
        raise ShapeError(
            f"linear: expected a bias of {w[0]} output features; bias is {bias.array.shape}, weight is {w}, x is {x}"
        )
    return result + bias


def linear_relu(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """relu(linear(input, weight, bias)) with the same numbers, for layers that fuse.

    On a GPU the product is that of captured steps. Floating dtypes only.
    """
    check_operands("linear", input, weight, *([] if bias is None else [bias]))
    x, w = input.array.shape, weight.array.shape
    if len(w) != 2 or not x or x[-1] != w[-1] or (bias is not None and bias.array.shape != w[:1]):
        return relu(linear(input, weight, bias))
    result: Tensor = LinearReLU()(input, weight, bias)
    return result


def _mismatch(x: tuple[int, ...], w: tuple[int, ...]) -> str:
    if len(w) != 2:
        return f"linear: expected a weight of shape (out_features, in_features); weight is {w}, x is {x}"
    return f"linear: expected {w[1]} input features, the last dimension of x; weight is {w}, x is {x}"
