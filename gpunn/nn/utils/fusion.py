"""Layers and the batch norm behind them as one layer, for evaluation: the norm's factors go into the weights."""

from __future__ import annotations

import copy
from typing import TypeVar

from gpunn.errors import ArgumentError
from gpunn.nn.conv.layer import ConvLayer
from gpunn.nn.linear import Linear
from gpunn.nn.norm.batch import BatchNorm
from gpunn.nn.parameter import Parameter
from gpunn.ops.creation import ones_like, zeros_like
from gpunn.tensor import Tensor

C = TypeVar("C", bound=ConvLayer)
L = TypeVar("L", bound=Linear)


class FusionError(ArgumentError, AssertionError):
    """Layers that cannot be one. PyTorch raises AssertionError for them."""


def fuse_conv_bn_eval(conv: C, bn: BatchNorm, transpose: bool = False) -> C:
    """A copy of `conv` that computes bn(conv(x)); both in evaluation mode, `bn` with running averages.

    `transpose`: the weight is that of a transposed convolution, whose outputs lie in dimension 1.
    """
    mean, variance = _averages(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution with a batch norm behind it, from those of both: w s and (b - mean) s + shift,
    where s is the norm's weight / √(variance + eps) of each channel."""
    scale = (bn_rv + bn_eps).rsqrt() * (ones_like(bn_rm) if bn_w is None else bn_w)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return _scaled(conv_w, conv_b, scale.reshape(shape), scale, bn_rm, bn_b)


def fuse_linear_bn_eval(linear: L, bn: BatchNorm) -> L:
    """A copy of `linear` that computes bn(linear(x)); both in evaluation mode, `bn` with running averages.

    `bn` has as many features as `linear` gives, or one. Raises FusionError otherwise.
    """
    mean, variance = _averages(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise FusionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, variance, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer with a batch norm behind it, from those of both."""
    scale = (bn_rv + bn_eps).rsqrt() * (ones_like(bn_rm) if bn_w is None else bn_w)
    return _scaled(linear_w, linear_b, scale.unsqueeze(-1), scale, bn_rm, bn_b)


def _averages(layer: ConvLayer | Linear, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """The running mean and variance of `bn`."""
    if layer.training or bn.training:
        raise FusionError("Fusion only for eval! Call eval() of both first")
    if bn.running_mean is None or bn.running_var is None:
        raise FusionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var


def _scaled(
    weight: Tensor, bias: Tensor | None, of_weight: Tensor, scale: Tensor, mean: Tensor, shift: Tensor | None
) -> tuple[Parameter, Parameter]:
    """weight · of_weight and (bias - mean) · scale + shift, in the dtypes of weight and bias."""
    first = zeros_like(mean) if bias is None else bias
    new_bias = (first - mean) * scale
    new_bias = new_bias if shift is None else new_bias + shift
    dtype = weight.dtype if bias is None else bias.dtype
    return (
        Parameter((weight * of_weight).to(weight.dtype).detach(), weight.requires_grad),
        Parameter(new_bias.to(dtype).detach(), first.requires_grad),
    )
