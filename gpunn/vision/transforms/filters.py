"""Images blurred and normalised."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.nn import functional
from gpunn.ops import tensor as new_tensor
from gpunn.ops.resize.pad import Edge, PadBackward
from gpunn.tensor import Tensor
from gpunn.vision.transforms.batch import apply, brightest, compute_type, each, for_channels, images, rounded, table

FILE: Final = "image/filter"  # of the kernels


class _Blur(Function):
    """Weighted sums along rows, then along columns; weights (N, taps) of each."""

    def __init__(self, across: np.ndarray[Any, Any], down: np.ndarray[Any, Any]) -> None:
        self.across, self.down = across, down

    def forward_numpy(self, x: Array) -> Array:
        number, y = compute_type(x), np.empty_like(x)
        for image, found, across, down in zip(x, y, self.across.astype(number), self.down.astype(number), strict=True):
            found[...] = rounded(_sums(_sums(image.astype(number), across, 2), down, 1), x.dtype)
        return y

    def forward_cuda(self, x: Array) -> Array:
        xp, number, (n, c, h, w) = array_module(x), compute_type(x), x.shape
        middle, y = xp.empty(x.shape, number), xp.empty(x.shape, x.dtype)
        across, down = (table(x, weights, number) for weights in (self.across, self.down))
        args = (middle, xp.ascontiguousarray(x), across, n, c * h, w, across.shape[1])
        kernels.launch(FILE, "blur_rows", x.size, args)
        kernels.launch(FILE, "blur_columns", x.size, (y, middle, down, n, c, h, w, down.shape[1]))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return _spread(_spread(grad, self.down, 2), self.across, 3)


class _Normalize(Function):
    """(x / brightest - mean) / std for each channel; bytes become float32."""

    def __init__(self, mean: np.ndarray[Any, Any], std: np.ndarray[Any, Any]) -> None:
        self.mean, self.std = mean, std

    def forward_numpy(self, x: Array) -> Array:
        number = compute_type(x)
        mean, std = (numbers.astype(number)[:, None, None] for numbers in (self.mean, self.std))
        y = (x.astype(number) / number(brightest(x)) - mean) / std
        return y if x.dtype == np.uint8 else y.astype(x.dtype, copy=False)

    def backward(self, grad: Tensor) -> Tensor:
        return grad / new_tensor(self.std[:, None, None], dtype=grad.dtype, device=grad.device)

    def forward_cuda(self, x: Array) -> Array:
        xp, number, (n, c, *size) = array_module(x), compute_type(x), x.shape
        y = xp.empty(x.shape, np.float32 if x.dtype == np.uint8 else x.dtype)
        tables = (table(x, self.mean, number), table(x, self.std, number))
        kernels.launch(FILE, "normalize", x.size, (y, xp.ascontiguousarray(x), *tables, n, c, math.prod(size)))
        return y


def _sums(image: Array, weights: Array, axis: int) -> Array:
    """Weighted sums of neighbours along an axis of one image (C, H, W), small enough for the cache."""
    reach, size = len(weights) // 2, image.shape[axis]
    wide = np.pad(image, [(reach, reach) if at == axis else (0, 0) for at in range(3)], "reflect")
    y = np.zeros_like(image)
    for k, weight in enumerate(weights):
        y += weight * wide[(slice(None),) * axis + (slice(k, k + size),)]
    return y


def _spread(grad: Tensor, weights: np.ndarray[Any, Any], axis: int) -> Tensor:
    """The transpose of `_sums` of images (N, C, H, W): each element to its neighbours, mirrored at the edges."""
    taps, size = weights.shape[1], grad.array.shape[axis]
    shares = new_tensor(weights.reshape(-1, taps, 1, 1, 1), dtype=grad.dtype, device=grad.device)
    around = [(k, taps - 1 - k) if axis == 3 else (0, 0, k, taps - 1 - k) for k in range(taps)]
    parts = [shares[:, k] * functional.pad(grad, amounts) for k, amounts in enumerate(around)]
    wide = functools.reduce(operator.add, parts)
    edges = [Edge(n, n, 0) for n in grad.array.shape]
    edges[axis] = Edge(size, size + taps - 1, taps // 2)
    result: Tensor = PadBackward(tuple(edges), "reflect")(wide)
    return result


def gaussian_blur(img: Tensor, kernel_size: int | Sequence[int], sigma: Any = None) -> Tensor:
    """The images blurred: means weighted by exp(-d² / 2 sigma²) over `kernel_size` (width, height) pixels, both odd.

    `sigma` is (x, y) or one number for both, or a tensor or array (N,): one for each image; None: 0.15 kernel_size +
    0.35. Images go on with their mirror images at the edges.
    """
    count, _, height, width = images("gaussian_blur", img)
    if not isinstance(kernel_size, (int, tuple, list)):
        raise ArgumentTypeError(
            f"gaussian_blur: kernel_size should be int or a sequence of integers, got {kernel_size!r}"
        )
    sizes = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    if len(sizes) != 2 or min(sizes) <= 0 or any([k % 2 == 0 for k in sizes]):
        raise ArgumentError(f"gaussian_blur: kernel_size must be one or two positive odd numbers, got {kernel_size!r}")
    if sizes[0] // 2 >= max(width, 1) or sizes[1] // 2 >= max(height, 1):
        raise ShapeError(f"gaussian_blur: images of {height} x {width} are too small for kernel_size={kernel_size!r}")
    if sigma is None:
        sigmas: tuple[Any, ...] = tuple([k * 0.15 + 0.35 for k in sizes])
    else:
        sigmas = (
            tuple(sigma) * (2 // len(sigma)) if isinstance(sigma, (tuple, list)) and len(sigma) < 3 else (sigma,) * 2
        )
    weights = []
    for k, given in zip(sizes, sigmas, strict=True):
        spread = each("gaussian_blur", "sigma", given, count)[:, None]
        if not (spread > 0).all():
            raise ArgumentError(f"gaussian_blur: sigma must be positive, got {sigma!r}")
        bell = np.exp(-0.5 * ((np.arange(k) - k // 2) / spread) ** 2)
        weights.append(bell / bell.sum(1, keepdims=True))
    return apply(_Blur(*weights), img)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(x - mean) / std for each channel, also for gradients.

    Bytes are divided by 255 first, and become float32 in the same step, so that they cannot change `inplace`.
    """
    _, channels, _, _ = images("normalize", tensor)
    if inplace and tensor.array.dtype == np.uint8:
        raise DtypeError("normalize: bytes become float32, which inplace=True cannot; use inplace=False")
    numbers = [for_channels("normalize", name, given, channels) for name, given in (("mean", mean), ("std", std))]
    if (numbers[1].astype(compute_type(tensor.array)) == 0).any():
        raise ArgumentError(f"normalize: std must not be zero as {np.dtype(compute_type(tensor.array))}, got {std!r}")
    transform = _Normalize(*numbers)
    result: Tensor = transform(tensor) if tensor.dim() == 4 else transform(tensor[None])[0]
    return tensor.copy_(result) if inplace else result
