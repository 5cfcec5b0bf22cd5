"""Convolutions of sequences, images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.conv.differentiable import Convolution, ConvolutionReLU
from gpunn.ops.conv.geometry import convolution
from gpunn.ops.shape.squeezing import squeeze, unsqueeze

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Sizes = int | tuple[int, ...]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of sequences (N, C, L) with `weight` (K, C / groups, R), plus `bias` (K,): (N, K, P).

    As `conv2d`, with one axis.
    """
    return _convolve("conv1d", 1, input, weight, bias, (stride, padding, dilation, groups))


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images (N, C, H, W) with `weight` (K, C / groups, R, S), plus `bias` (K,): (N, K, P, Q).

    y[n, k, p, q] = bias[k] + Σ_{c,r,s} weight[k, c, r, s] · x[n, c, p · stride - padding + r · dilation, …], with zeros
    outside the image, P = (H + 2 padding - dilation (R - 1) - 1) // stride + 1, and Q likewise. Images may come without
    N. Channels and weights are split into `groups`, which see nothing of each other.

    `stride`, `padding` and `dilation` are numbers or pairs (height, width). `padding` may be "valid" (none), "same"
    (P = H; an odd zero goes behind) or "full" (all windows with an element of the image; gpunn's own).

    Memory format follows the data: with input or weight in channels_last, the output is. float16 and bfloat16 are
    computed in float32 and rounded once.
    """
    return _convolve("conv2d", 2, input, weight, bias, (stride, padding, dilation, groups))


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of volumes (N, C, D, H, W) with `weight` (K, C / groups, Q, R, S), plus `bias` (K,).

    As `conv2d`, with three axes (depth, height, width).
    """
    return _convolve("conv3d", 3, input, weight, bias, (stride, padding, dilation, groups))


def conv_relu(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """relu(conv(input, …)) of as many axes as `weight` (K, C / groups, *kernel) has, with the same numbers.

    For layers that fuse: on tensor cores ReLU costs neither a launch nor a pass over memory. Floating dtypes only.
    """
    rank = max(1, min(3, weight.ndim - 2))
    return _convolve(
        f"conv{rank}d", rank, input, weight, bias, (stride, padding, dilation, groups), kind=ConvolutionReLU
    )


def _convolve(
    op: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    settings: Any,
    kind: type[Convolution] = Convolution,
) -> Tensor:
    check_tensors(op, input, weight, bias)
    geo = convolution(op, input.array, weight.array, bias, settings, rank)
    if input.array.ndim == rank + 2:
        result: Tensor = kind(geo)(input, weight, bias)
        return result
    return squeeze(kind(geo)(unsqueeze(input, 0), weight, bias), 0)


def check_tensors(op: str, input: Any, weight: Any, bias: Any) -> None:
    """Raise unless these are tensors (bias: or None) of one dtype, which is not bool."""
    if isinstance(input, Variable) and isinstance(weight, Variable) and (bias is None or isinstance(bias, Variable)):
        kind = input.array.dtype
        if weight.array.dtype is kind and (bias is None or bias.array.dtype is kind) and kind.kind != "b":
            return  # the common case, in a third of the time
    given = {"input": input, "weight": weight, "bias": bias}
    if bias is None:
        del given["bias"]
    for name, x in given.items():
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
        if x.array.dtype != input.array.dtype:
            raise DtypeError(
                f"{op}: Input type ({dtypes.of(input.array)}) and {name} type ({dtypes.of(x.array)}) should be the same"
            )
    if dtypes.of(input.array) is dtypes.bool_:
        raise DtypeError(f"{op}: not for bool; use input.to(gpunn.float32)")
