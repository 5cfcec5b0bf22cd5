"""Matrix products: matmul, mm, bmm, mv, dot, vecdot, inner, outer.

All of them are one GEMM of BLAS or cuBLAS, or a batch of them. Transposed operands go there as views; half
types are multiplied in float32 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, as_array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError, UnsupportedError
from gpunn.ops.arithmetic.promotion import only_tensors
from gpunn.ops.linalg import gemm
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.expand import sum_to_size
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Product = Callable[[Array, Array], Array]


def product_numpy(a: Array, b: Array) -> Array:
    """a @ b; NumPy has no BLAS for half types."""
    return _rounded_once(a, b) if is_half(a) else a @ b


def product_cuda(a: Array, b: Array) -> Array:
    """a @ b; cuBLAS multiplies half types in float32 itself.

    CuPy 14 does not know batches of bfloat16 matrices, makes those of float16 in float32, and rounds the products of a
    single sum before it adds them. In a captured step it is a kernel of our own.
    """
    if gemm.is_wanted(a):
        return gemm.product(a, b)
    is_batch, is_one_sum = max(a.ndim, b.ndim) > 2, a.size == b.size == a.shape[-1]
    return _rounded_once(a, b) if (is_batch or is_one_sum) and is_half(a) else a @ b


def _rounded_once(a: Array, b: Array) -> Array:
    """a @ b in float32, rounded to the type of `a`."""
    return as_array(a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype)


class MatMul(Function):
    """a @ b of matrices or of batches, which broadcast. `a_t` and `b_t`: of the transposed matrices."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def __init__(self, a_t: bool = False, b_t: bool = False) -> None:
        self.a_t, self.b_t = a_t, b_t

    def forward_numpy(self, a: Array, b: Array) -> Array:
        return self.multiply(product_numpy, a, b)

    def forward_cuda(self, a: Array, b: Array) -> Array:
        return self.multiply(product_cuda, a, b)

    def multiply(self, product: Product, a: Array, b: Array) -> Array:
        """The product, by the device's own function."""
        self.shapes = a.shape, b.shape
        return product(a.mT if self.a_t else a, b.mT if self.b_t else b)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        grad_a = grad_b = None
        if self.needs[0]:
            b = self.saved(1)
            grad_a = MatMul(self.b_t, True)(b, grad) if self.a_t else MatMul(False, not self.b_t)(grad, b)
            grad_a = sum_to_size(grad_a, self.shapes[0])
        if self.needs[1]:
            a = self.saved(0)
            grad_b = MatMul(True, self.a_t)(grad, a) if self.b_t else MatMul(not self.a_t, False)(a, grad)
            grad_b = sum_to_size(grad_b, self.shapes[1])
        return grad_a, grad_b


class Dot(Function):
    """The sum of the products of two vectors."""

    saves: ClassVar = {0: (1,), 1: (0,)}

    def forward_numpy(self, a: Array, b: Array) -> Array:
        return product_numpy(a, b)

    def forward_cuda(self, a: Array, b: Array) -> Array:
        return product_cuda(a, b)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad * self.saved(1) if self.needs[0] else None, grad * self.saved(0) if self.needs[1] else None


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product of `input` and `other`, with NumPy's rules for vectors and batches.

    (n, k) @ (k, m) -> (n, m). A vector counts as a row on the left, as a column on the right, and that
    dimension is dropped again: (k,) @ (k,) is the dot product. The dimensions in front of the last two are
    batches and broadcast.
    """
    check_operands("matmul", input, other)
    a, b = input.array.shape, other.array.shape
    if not a or not b:
        raise ShapeError(
            f"matmul: both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )
    if len(a) == len(b) == 1:
        return dot(input, other)
    if a[-1] != (b[0] if len(b) == 1 else b[-2]):
        raise ShapeError(
            f"matmul: mat1 and mat2 shapes cannot be multiplied: {a} @ {b}; the last dimension of the first, {a[-1]}, "
            f"must be equal to the {'' if len(b) == 1 else 'second to '}last of the second"
        )
    if len(b) <= 2:
        return _with_matrix(input, other)
    left = View((1, *a))(input) if len(a) == 1 else input
    _check_broadcast(left.array.shape, b)
    result: Tensor = MatMul()(left, other)
    return result if len(a) > 1 else View((*result.array.shape[:-2], b[-1]))(result)


def _with_matrix(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for a matrix or vector b: all rows of a in one GEMM, also if it is a batch."""
    *batch, k = a.array.shape
    right = b if b.array.ndim == 2 else View((k, 1))(b)
    rows = a if len(batch) == 1 else View((math.prod(batch), k))(a)
    result: Tensor = MatMul()(rows, right)
    columns = b.array.shape[1:]
    return result if len(batch) == 1 and columns else View((*batch, *columns))(result)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices; no broadcasting."""
    check_operands("mm", input, mat2)
    check_matrices("mm", input, mat2)
    return MatMul()(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of the matrices of two batches: (b, n, k) @ (b, k, m) -> (b, n, m); no broadcasting."""
    check_operands("bmm", input, mat2)
    check_batches("bmm", input, mat2)
    return MatMul()(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix (n, m) and a vector (m,)."""
    check_operands("mv", input, vec)
    a, b = input.array.shape, vec.array.shape
    if (len(a), len(b)) != (2, 1):
        raise ShapeError(f"mv: matrix @ vector expected, got shapes {a} and {b}")
    if a[1] != b[0]:
        raise ShapeError(f"mv: size mismatch, got mat {a}, vec {b}; a vector of {a[1]} is needed")
    return _with_matrix(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of the elements of two vectors."""
    check_operands("dot", input, tensor)
    a, b = input.array.shape, tensor.array.shape
    if len(a) != 1 or len(b) != 1:
        raise ShapeError(f"dot: 1D tensors expected, but got shapes {a} and {b}")
    if a != b:
        raise ShapeError(f"dot: inconsistent tensor size, expected as many elements in both, but got {a} and {b}")
    return Dot()(input, tensor)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot`; real numbers need no conjugation."""
    return dot(input, other)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The dot products of the vectors along `dim`; shapes broadcast. `linalg.vecdot`."""
    op = "linalg.vecdot"
    check_operands(op, x, y)
    if not dtypes.of(x.array).is_floating_point:
        raise DtypeError(f"{op}: Expected a floating point tensor as input. Got {dtypes.of(x.array)}; use x.float()")
    return (x * y).sum(dim)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The dot products along the last dimensions: (..., k), (+++, k) -> (..., +++). 0-d tensors are factors."""
    a, b = array_of("inner", input).shape, array_of("inner", other).shape
    if not a or not b:
        return input * other
    check_operands("inner", input, other)
    if a[-1] != b[-1]:
        raise ShapeError(f"inner() the last dimension must match on both input tensors but got shapes {a} and {b}")
    left, right = (View((math.prod(s[:-1]), s[-1]))(t) for s, t in ((a, input), (b, other)))
    return View((*a[:-1], *b[:-1]))(MatMul(b_t=True)(left, right))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of all pairs of elements of two vectors: (n,), (m,) -> (n, m)."""
    only_tensors("outer", input, vec2)
    for name, t in (("self", input), ("vec2", vec2)):
        if t.array.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {name}, but got shape {t.array.shape}")
    return View((input.array.size, 1))(input) * vec2


def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """`outer` by an older name."""
    return outer(input, vec2)


def check_operands(op: str, *operands: Any) -> None:
    """Raise unless all operands are tensors of one dtype that can be multiplied."""
    for x in operands:
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: expected Tensors, got {type(x).__name__}; use gpunn.tensor(...)")
    first = operands[0].array.dtype
    for x in operands:
        if x.array.dtype is not first or first.kind == "b":
            break
    else:  # the common case, in a third of the time
        return
    types = [dtypes.of(x.array) for x in operands]
    if any(t is not types[0] for t in types):
        wanted = next((t for t in reversed(types) if t.is_floating_point), types[0])
        raise DtypeError(
            f"{op}: expected all operands to have the same dtype, but got: {', '.join(map(str, types))}; use "
            f"x.to({wanted})"
        )
    if types[0] is dtypes.bool_:
        raise UnsupportedError(f"{op}: not implemented for bool; use x.long() or x.float()")


def check_matrices(op: str, a: Tensor, b: Tensor) -> None:
    """Raise unless a @ b is a product of two matrices."""
    for name, t in (("mat1", a), ("mat2", b)):
        if t.array.ndim != 2:
            raise ShapeError(f"{op}: {name} must be a matrix, got shape {t.array.shape}")
    if a.array.shape[1] != b.array.shape[0]:
        raise ShapeError(f"{op}: mat1 and mat2 shapes cannot be multiplied ({_times(a)} and {_times(b)})")


def check_batches(op: str, a: Tensor, b: Tensor) -> None:
    """Raise unless a @ b is a product of two equally long batches of matrices."""
    for name, t in (("batch1", a), ("batch2", b)):
        if t.array.ndim != 3:
            raise ShapeError(f"{op}: {name} must be a 3D tensor, got shape {t.array.shape}")
    (count, _, k), other = a.array.shape, b.array.shape
    if other[:2] != (count, k):
        raise ShapeError(
            f"{op}: Expected size for first two dimensions of batch2 tensor to be: {[count, k]} but got: "
            f"{list(other[:2])} (shapes {a.array.shape} and {other})"
        )


def broadcasts_to(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be stretched to the shape `to`."""
    added = len(to) - len(shape)
    return added >= 0 and all(n in (1, m) for n, m in zip(shape, to[added:], strict=True))


def _check_broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Raise ShapeError unless the dimensions in front of the matrices broadcast."""
    try:
        np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul: the batch dimensions {a[:-2]} and {b[:-2]} do not broadcast; the shapes are {a} and {b}"
        ) from None


def _times(x: Tensor) -> str:
    """A shape as "2x3"."""
    return "x".join(map(str, x.array.shape))
