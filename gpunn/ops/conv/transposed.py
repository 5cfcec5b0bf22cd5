"""Transposed convolutions: the gradient of a convolution with respect to its input, as an operation of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.ops.conv.convolve import Sizes, check_tensors
from gpunn.ops.conv.differentiable import ConvolutionTransposed
from gpunn.ops.conv.geometry import transposed_convolution
from gpunn.ops.shape.squeezing import squeeze, unsqueeze

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of sequences (N, C, L) with `weight` (C, K / groups, R), plus `bias` (K,): (N, K, P).

    As `conv_transpose2d`, with one axis.
    """
    return _transpose("conv_transpose1d", 1, input, weight, bias, (stride, padding, output_padding, groups, dilation))


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Each element of images (N, C, H, W) as a weight of `weight` (C, K / groups, R, S), summed where it lies.

    y[n, k, p · stride - padding + r · dilation, …] = bias[k] + Σ_{c,p,r,…} x[n, c, p, …] · weight[c, k, r, …]: the
    gradient of the input of `conv2d`, of size (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1, and
    so on. Images may come without N. `output_padding` elements that the convolution would leave out follow at the end;
    it is less than stride or dilation. Memory format and dtypes as in `conv2d`.
    """
    return _transpose("conv_transpose2d", 2, input, weight, bias, (stride, padding, output_padding, groups, dilation))


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transposed convolution of volumes (N, C, D, H, W) with `weight` (C, K / groups, Q, R, S), plus `bias` (K,).

    As `conv_transpose2d`, with three axes (depth, height, width).
    """
    return _transpose("conv_transpose3d", 3, input, weight, bias, (stride, padding, output_padding, groups, dilation))


def _transpose(op: str, rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, settings: Any) -> Tensor:
    check_tensors(op, input, weight, bias)
    geo = transposed_convolution(op, input.array, weight.array, bias, settings, rank)
    if input.array.ndim == rank + 2:
        result: Tensor = ConvolutionTransposed(geo)(input, weight, bias)
        return result
    return squeeze(ConvolutionTransposed(geo)(unsqueeze(input, 0), weight, bias), 0)
