"""Euclidean distances of many rows on a GPU, and their gradients: kernels around products of matrices."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module

FILE: Final = "euclidean"
WARP: Final = 32


def distances(a: Array, b: Array) -> Array:
    """√(|a|² - 2 a·b + |b|²) around about the middle of b: (*, n, d), (*, m, d) -> (*, n, m)."""
    (left, left_squares), (right, right_squares) = _around_middle(a, b)
    products = left @ right.mT
    y = array_module(a).empty(products.shape, a.dtype)
    sizes = (math.prod(a.shape[:-2]), a.shape[-2], b.shape[-2])
    kernels.launch(FILE, "euclidean_distances", y.size, (y, products, left_squares, right_squares, *sizes))
    return y


def gradients(grad: Array, a: Array, b: Array, y: Array, needs: tuple[bool, ...]) -> tuple[Array, ...]:
    """Those of a and b that are needed: with g = grad / y, or 0 where y is 0, Σ_j g_ij (a_i - b_j) and the like."""
    cupy = array_module(a)
    (left, _), (right, _) = _around_middle(a, b)
    shares, sums = cupy.empty(y.shape, left.dtype), cupy.empty(y.shape[:-1], left.dtype)
    args = (shares, sums, cupy.ascontiguousarray(grad), cupy.ascontiguousarray(y), sums.size, y.shape[-1])
    kernels.launch(FILE, "euclidean_shares", sums.size * WARP, args)
    found = []
    if needs[0]:
        found.append(_gradient(left, shares @ right, sums, a))
    if needs[1]:
        batches, (n, m) = math.prod(y.shape[:-2]), y.shape[-2:]
        sums = cupy.empty((*y.shape[:-2], m), left.dtype)
        threads = batches * -(-m // WARP) * 8 * WARP
        kernels.launch(FILE, "euclidean_column_sums", threads, (sums, shares, batches, n, m))
        found.append(_gradient(right, shares.mT @ left, sums, b))
    return tuple(found)


def _around_middle(a: Array, b: Array) -> list[tuple[Array, Array]]:
    """The rows of both less about the mean of the rows of b, and their squared lengths, to compute in."""
    cupy = array_module(a)
    dtype = np.float64 if a.dtype.itemsize == 8 else np.float32
    a, b = cupy.ascontiguousarray(a), cupy.ascontiguousarray(b)
    batches, d = math.prod(b.shape[:-2]), b.shape[-1]
    center = cupy.empty((batches, d), dtype)
    kernels.launch(FILE, "euclidean_center", center.size * WARP, (center, b, batches, b.shape[-2], d))
    found = []
    for x in (a, b):
        moved, squares = cupy.empty(x.shape, dtype), cupy.empty(x.shape[:-1], dtype)
        args = (moved, squares, x, center, batches, x.shape[-2], d)
        kernels.launch(FILE, "euclidean_rows", squares.size * WARP, args)
        found.append((moved, squares))
    return found


def _gradient(x: Array, products: Array, sums: Array, like: Array) -> Array:
    dx = array_module(x).empty(like.shape, like.dtype)
    products = array_module(x).ascontiguousarray(products)
    kernels.launch(FILE, "euclidean_gradient", dx.size, (dx, x, products, sums, sums.size, x.shape[-1]))
    return dx
