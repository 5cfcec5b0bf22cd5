"""Products of matrices by our own kernels, where cuBLAS cannot be: CuPy refuses it while a CUDA graph is recorded.

A product of matrices is a convolution with filters of one element, a @ b = filters (m, k) on k channels of n positions,
and a batch of products is one in groups. float16 and bfloat16 go to tensor cores, float32 and float64 are computed in
their own precision. Slower than cuBLAS for large matrices; how much is not measured. With
`settings.library_products` cuBLASLt computes what it can.
"""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from gpunn import blas, capture
from gpunn.backend import Array, array_module
from gpunn.kernels import elementwise
from gpunn.kernels.settings import settings
from gpunn.ops.conv import full_precision, pointwise, tensor_cores
from gpunn.ops.conv.geometry import Geometry
from gpunn.ops.reduction.accumulate import is_half


def is_wanted(a: Array) -> bool:
    """Whether a product with the CUDA array `a` is to be of a kind that a graph can record."""
    return capture.has_own_products() and a.dtype.kind in "fV"


def product(a: Array, b: Array) -> Array:
    """a @ b, with NumPy's rules for vectors and batches; half types are summed in float32 and rounded once."""
    rows = a if a.ndim > 1 else a[None]
    columns = b if b.ndim > 1 else b[:, None]
    result = _matrices(rows, columns)
    if a.ndim == 1:
        result = result[..., 0, :]
    return result[..., 0] if b.ndim == 1 else result


def linear(x: Array, weight: Array, bias: Array | None, relu: bool = False) -> Array:
    """x Wᵀ + bias for x (n, in), W (out, in) and bias (out,) or None, in one launch: (n, out).

    With `relu`, max(x Wᵀ + bias, 0): by cuBLASLt and on tensor cores in the same launch. Rows of x are positions whose
    channels lie side by side, and W is the filter, both as they lie in memory.
    """
    if not x.size or not weight.size:
        out = _matrices(x, weight.T)
        out = out if bias is None else out + bias
        return _relu(out) if relu else out
    if settings.library_products:
        with suppress(blas.BlasError):
            return blas.library().matmul(x, weight.T, bias, blas.RELU if relu else blas.NONE)
    (n, k), rows = x.shape, len(weight)
    positions, filters = x.T[None, :, :, None], weight[:, :, None, None]  # an image (1, in, n, 1), channels last
    geo = Geometry(1, (1, 1), (1, 1), (1, 1), (0, 0), (n, 1), (n, 1))
    on_tensor_cores = is_half(x) and tensor_cores.can_take(positions, geo, rows, k, n * k * rows)
    if on_tensor_cores:
        out = pointwise.output(positions, filters, bias, geo, relu)
    else:
        out = full_precision.output(positions, filters, bias, geo)
        out = _relu(out) if relu else out
    return array_module(x).ascontiguousarray(out[0, :, :, 0].T)


def _relu(x: Array) -> Array:
    return elementwise.apply("activation/piecewise", "relu_forward", (x,))


def _matrices(a: Array, b: Array) -> Array:
    xp, (m, k), n = array_module(a), a.shape[-2:], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count, shape = math.prod(batch), (*batch, m, n)
    if not k or not math.prod(shape):
        return xp.zeros(shape, a.dtype)
    if settings.library_products:
        with suppress(blas.BlasError):
            both = xp.broadcast_to(a, (*batch, m, k)), xp.broadcast_to(b, (*batch, k, n))
            return blas.library().matmul(*both)
    filters = xp.ascontiguousarray(xp.broadcast_to(a, (*batch, m, k))).reshape(count * m, k, 1)
    channels = xp.ascontiguousarray(xp.broadcast_to(b, (*batch, k, n))).reshape(1, count * k, n)
    geo = Geometry(count, (1,), (1,), (1,), (0,), (n,), (n,))
    on_tensor_cores = is_half(a) and count == 1 and tensor_cores.can_take(channels, geo, m, k, m * k * n)
    family = pointwise if on_tensor_cores else full_precision
    return family.output(channels, filters, None, geo).reshape(shape)
