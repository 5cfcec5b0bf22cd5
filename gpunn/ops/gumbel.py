"""Samples of softmax: the softmax of scores with noise of Gumbel's distribution."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn import kernels, random
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.kernels import lines
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.softmax import Softmax, applied, prepared

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "gumbel"


class GumbelScores(Function):
    """(x + G) / tau, G = -log(-log u) with u, uniform in (0, 1), from the default generator."""

    def __init__(self, tau: float) -> None:
        self.tau = tau

    def forward_numpy(self, x: Array) -> Array:
        wide: Any = np.dtype(np.float64 if x.dtype.itemsize == 8 else np.float32)
        step = 2.0 ** -(53 if wide.itemsize == 8 else 24)  # of u
        u = random.uniform(np, random.default_generator, x.shape, wide)
        u = np.minimum(u + wide.type(step / 2), wide.type(1 - step))
        return ((widened(x) - np.log(-np.log(u))) / wide.type(self.tau)).astype(x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        cupy = array_module(x)
        x = cupy.ascontiguousarray(x)
        y = cupy.empty(x.shape, x.dtype)
        blocks = -(-x.size // (2 if x.dtype.itemsize == 8 else 4))
        place = random.default_generator.place(blocks).on(y)
        kernels.launch(FILE, "gumbel_scores", blocks, (y, x, float(self.tau), *place, x.size), {"BLOCK": lines.BLOCK})
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return grad if self.tau == 1 else grad / self.tau


class LargestAsOne(Function):
    """1 at the first largest element along `axis`, else 0, with the gradient of its input as if it were that."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, x: Array) -> Array:
        y = np.zeros_like(x)
        if x.size:
            np.put_along_axis(y, np.expand_dims(widened(x).argmax(axis=self.axis), self.axis), 1, axis=self.axis)
        return y

    def forward_cuda(self, x: Array) -> Array:
        along = lines.along(x, self.axis)
        y = array_module(x).empty(along.array.shape, x.dtype)
        args = (y, along.array, *along.sizes, along.team)
        kernels.launch(FILE, "largest_as_one", along.threads, args, {"BLOCK": along.block})
        return along.back(y)

    def backward(self, grad: Tensor) -> Tensor:
        return grad


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + G) / tau) along `dim`, G drawn from the Gumbel distribution: samples of the softmax of logits.

    With `hard` the result is the one-hot vector of the largest, with the gradient of the soft one. The noise, of the
    default generator, is -log(-log u), u uniform in (0, 1). `eps` is without effect, as in PyTorch. Jang et al. 2017.
    """
    x, axis = prepared("gumbel_softmax", logits, dim, None)
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    soft: Any = applied(Softmax(axis), GumbelScores(tau)(x))
    return applied(LargestAsOne(axis), soft) if hard else soft
