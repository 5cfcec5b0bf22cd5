"""How far vectors are from each other: cosine_similarity, pairwise_distance, cdist, pdist."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, is_grad_enabled, no_grad
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops import euclidean
from gpunn.ops.arithmetic.elementwise import masked, zeros_like
from gpunn.ops.arithmetic.promotion import broadcast_shape, only_tensors
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.norms import (
    DifferenceNorm,
    VectorNorm,
    are_floating,
    in_one_shape,
    norm,
    power_slope,
)
from gpunn.ops.reduction.subgradient import ratio
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim
from gpunn.ops.shape.expand import expand
from gpunn.ops.shape.joining import cat
from gpunn.ops.similarity import Cosine

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "distance"
PRODUCT_FROM: Final = 25  # more rows than these, on either side, are multiplied: as in PyTorch
DIRECT: Final = 64  # numbers of a row, up to which gradients are not made of products on a GPU
BLOCK: Final = 1 << 20  # differences at a time
MODES: Final = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


class Distances(Function):
    """(Σ_k |a_ik - b_jk|^p)^(1/p), of a block of rows i at a time: (*, n, d), (*, m, d) -> (*, n, m)."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}
    saves_output = True

    def __init__(self, p: float) -> None:
        self.p = p

    def forward_numpy(self, a: Array, b: Array) -> Array:
        shape = (*a.shape[:-1], b.shape[-2])
        out = array_module(a).zeros(shape, a.dtype)
        if a.shape[-1]:
            measure = VectorNorm(self.p, (len(shape),), False)
            for rows in blocks(shape, a.shape[-1]):
                out[..., rows, :] = measure.reduce(a[..., rows, None, :] - b[..., None, :, :])
        return out

    def forward_cuda(self, a: Array, b: Array) -> Array:
        cupy = array_module(a)
        if not a.shape[-1]:
            return self.forward_numpy(a, b)
        a, b = cupy.ascontiguousarray(a), cupy.ascontiguousarray(b)
        out = cupy.empty((*a.shape[:-1], b.shape[-2]), a.dtype)
        args = (out, a, b, math.prod(a.shape[:-2]), a.shape[-2], b.shape[-2], a.shape[-1], self.p)
        kernels.launch(FILE, "distances_forward", out.size, args)
        return out

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The slope of |x|^p: sgn(x) |x|^(p-1) distance^(1-p), and 0 where the distance is 0."""
        a, b, out = self.saved(0), self.saved(1), self.saved_output()
        if self.p == 0:
            return zeros_like(a), zeros_like(b)
        if not is_grad_enabled():
            found = iter(DistancesBackward(self, self.p)(grad, a, b, out))
            return tuple([next(found) if needed else None for needed in self.needs])
        return self.composed(grad, a, b, out)

    def composed(self, grad: Tensor, a: Tensor, b: Tensor, out: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by differentiable operations."""
        parts, to_b = [], None
        for rows in blocks(out.array.shape, a.array.shape[-1]):
            change = a[..., rows, :].unsqueeze(-2) - b.unsqueeze(-3)
            slope = self.slope(change, out[..., rows, :].unsqueeze(-1), grad[..., rows, :].unsqueeze(-1))
            parts.append(slope.sum(-2))
            if self.needs[1]:
                part = slope.sum(-3)
                to_b = part if to_b is None else to_b + part
        return cat(parts, dim=-2) if parts else None, None if to_b is None else -to_b

    def slope(self, x: Tensor, distance: Tensor, grad: Tensor) -> Tensor:
        """The gradient of the differences `x`. With p = inf all that are as large as the distance get all of it."""
        p = self.p
        if p == 1:
            return grad * x.sgn()
        if p == 2:
            return x * ratio(grad, distance)
        if math.isinf(p):
            return masked(grad * x.sgn(), Variable.result_type(abs(x.array) == distance.array))
        if p > 2:
            return grad * power_slope(ratio(x, distance), p)
        zero = x.array == 0
        slope = x.sgn() * (abs(x) + Variable.result_type(zero)) ** (p - 1)
        nearest: Tensor = distance + Variable.result_type(distance.array == 0)
        return masked(slope, Variable.result_type(~zero)) * grad * nearest ** (1 - p)


class DistancesBackward(Function):
    """The gradients that `of` needs, on a GPU by one kernel if rows have at most `longest` numbers, else by products.

    Its own derivative is never asked for: where the graph goes on, `of` composes them, too.
    """

    def __init__(self, of: Distances | ProductDistances, p: float, longest: float = math.inf) -> None:
        self.of, self.p, self.longest = of, p, longest

    def forward_numpy(self, *arrays: Array) -> tuple[Array, ...]:
        with no_grad():
            found = self.of.composed(*[Variable.result_type(array) for array in arrays])
        return tuple([x.array for x, needed in zip(found, self.of.needs, strict=True) if needed and x is not None])

    def forward_cuda(self, grad: Array, a: Array, b: Array, out: Array) -> tuple[Array, ...]:
        cupy = array_module(a)
        if a.shape[-1] > self.longest:
            return euclidean.gradients(grad, a, b, out, self.of.needs)
        a, b, grad, out = (cupy.ascontiguousarray(x) for x in (a, b, grad, out))
        n, m = out.shape[-2:]
        found = []
        ways = ((a, b, (n, m), (m, 1)), (b, a, (m, n), (1, m)))
        for (x, other, sizes, steps), needed in zip(ways, self.of.needs, strict=True):
            if needed:
                dx = cupy.empty(x.shape, x.dtype)
                args = (dx, x, other, out, grad, math.prod(x.shape[:-2]), *sizes, x.shape[-1], *steps, self.p)
                kernels.launch(FILE, "distances_backward", dx.size, args)
                found.append(dx)
        return tuple(found)


class ProductDistances(Function):
    """Euclidean distances √(|a|² - 2 a·b + |b|²) by one product of matrices: nothing of n · m · d elements.

    Where vectors are close, the sum cancels: it is taken around the middle of b, on a GPU about that, and on the CPU in
    float64.
    """

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}
    saves_output = True
    p = 2.0

    def forward_numpy(self, a: Array, b: Array) -> Array:
        center = middle(b)
        wide, other = (x.astype(np.float64) - center for x in (a, b))
        squares = wide @ other.mT
        squares *= -2
        squares += (wide * wide).sum(axis=-1)[..., :, None]
        squares += (other * other).sum(axis=-1)[..., None, :]
        return np.sqrt(np.maximum(squares, 0)).astype(a.dtype)

    def forward_cuda(self, a: Array, b: Array) -> Array:
        return euclidean.distances(a, b)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With g = grad / distance: the sum over j of g_ij (a_i - b_j), and over i of g_ij (b_j - a_i)."""
        a, b = self.saved(0), self.saved(1)
        if not is_grad_enabled():
            found = iter(DistancesBackward(self, self.p, DIRECT)(grad, a, b, self.saved_output()))
            return tuple([next(found) if needed else None for needed in self.needs])
        return self.composed(grad, a, b, self.saved_output())

    def composed(self, grad: Tensor, a: Tensor, b: Tensor, out: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by differentiable operations."""
        share = ratio(grad, out)
        center = Variable.result_type(middle(widened(b.array)).astype(b.array.dtype))
        a, b = a - center, b - center
        to_a = a * share.sum(-1).unsqueeze(-1) - matmul(share, b) if self.needs[0] else None
        to_b = b * share.sum(-2).unsqueeze(-1) - matmul(share.mT, a) if self.needs[1] else None
        return to_a, to_b


def middle(rows: Array) -> Array:
    """The mean of the rows, (*, 1, d), of numbers that are finite: an infinite one makes no other row infinite."""
    xp = array_module(rows)
    return xp.where(xp.isfinite(rows), rows, 0).mean(axis=-2, keepdims=True, dtype=rows.dtype)


def blocks(shape: tuple[int, ...], length: int) -> Iterator[slice]:
    """Slices of the second to last dimension of `shape`, so that a slice has about BLOCK vectors' elements."""
    rows = max(1, shape[-2])  # of none, too, one block, which keeps the graph
    step = max(1, BLOCK * rows // max(1, math.prod(shape) * length))
    for start in range(0, rows, step):
        yield slice(start, start + step)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = MODES[0]) -> Tensor:
    """The `p`-norm of the difference of each row of `x1` and each of `x2`: (*, n, d), (*, m, d) -> (*, n, m).

    The dimensions in front broadcast. p >= 0; 0 counts the elements that differ, inf is the largest difference.
    `compute_mode`: Euclidean distances come from a product of matrices, if n or m is above 25 (the default), always
    ("use_mm_for_euclid_dist") or never ("donot_use_mm_for_euclid_dist"). The gradient is 0 where the distance is.
    """
    only_tensors("cdist", x1, x2)
    for name, x in (("X1", x1), ("X2", x2)):
        array = x.array
        if not dtypes.of(array).is_floating_point:
            raise DtypeError(
                f"cdist only supports floating-point dtypes, {name} got: {dtypes.of(array)}; convert it: x.float()"
            )
        if array.ndim < 2:
            raise ShapeError(f"cdist: {name} must have at least two dimensions, got shape {array.shape}")
    check_operands("cdist", x1, x2)
    a, b = x1.array.shape, x2.array.shape
    if a[-1] != b[-1]:
        raise ShapeError(f"cdist: X1 and X2 must have the same number of columns; the shapes are {a} and {b}")
    _check_power("cdist", p)
    if compute_mode is not None and compute_mode not in MODES:
        raise ArgumentError(f"cdist: {compute_mode} is not a valid value for compute_mode; give one of {MODES}")
    try:
        front = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise ShapeError(f"cdist: the dimensions in front of the rows of {a} and {b} do not broadcast") from None
    left, right = expand(x1, (*front, *a[-2:])), expand(x2, (*front, *b[-2:]))
    many = max(a[-2], b[-2]) > PRODUCT_FROM and compute_mode != MODES[2]
    by_product = p == 2 and (many or compute_mode == MODES[1]) and min(*a[-2:], b[-2]) > 0
    result: Tensor = ProductDistances()(left, right) if by_product else Distances(float(p))(left, right)
    return result


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The `p`-norm of the difference of each pair of rows i < j: (n, d) -> (n (n - 1) / 2,), row by row.

    The upper triangle of `cdist(input, input, p)`, whose gradient it has.
    """
    array = array_of("pdist", input)
    if array.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {array.ndim}D of shape {array.shape}")
    if not dtypes.of(array).is_floating_point:
        raise DtypeError(f"pdist only supports floating-point dtypes, got {dtypes.of(array)}; convert it: x.float()")
    _check_power("pdist", p)
    xp, n = array_module(array), array.shape[0]
    above: Tensor = Variable.result_type(xp.flatnonzero(~xp.tri(n, dtype=bool)))
    distances: Tensor = Distances(float(p))(input, input)
    return distances.reshape(-1)[above]


def _check_power(op: str, p: float) -> None:
    if not isinstance(p, (int, float, np.number)):
        raise ArgumentTypeError(f"{op}: p must be a number, got {type(p).__name__}")
    if not p >= 0:
        raise ArgumentError(f"{op} only supports non-negative p values, got {p}")


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The `p`-norm of x1 - x2 + eps along the last dimension; shapes broadcast: (*, d), (*, d) -> (*)."""
    for x in (x1, x2):
        array_of("pairwise_distance", x)
    if not are_floating(x1, x2) or not math.isfinite(p):
        return norm(x1 - x2 + eps, p, -1, keepdim)
    result: Tensor = DifferenceNorm(float(p), keepdim, float(eps))(*in_one_shape("pairwise_distance", x1, x2))
    return result


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim` of the broadcast shape, which is dropped.

    No product leaves the range of the type.
    """
    op = "cosine_similarity"
    arrays = array_of(op, x1), array_of(op, x2)
    common = dtypes.promote_types(*map(dtypes.of, arrays))
    if not common.is_floating_point:
        raise DtypeError(f"{op}: expected common dtype to be floating point, yet common dtype is {common}")
    if not eps >= 0:
        raise ArgumentError(f"{op}: eps must be non-negative, got: {eps}")
    shape = broadcast_shape(op, x1, x2)
    axis = one_dim(op, dim, len(shape))
    a, b = (expand(cast(x, common), shape) for x in (x1, x2))
    if not shape:
        a, b = a.unsqueeze(0), b.unsqueeze(0)
    result: Tensor = Cosine(axis, float(eps))(a, b)
    return result
