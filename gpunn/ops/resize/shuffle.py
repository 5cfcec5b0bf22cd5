"""Pixel and channel shuffling: other orders of the same elements, one copy each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Images (*, C r², H, W) as (*, C, H r, W r) with r = upscale_factor.

    y[c, h r + i, w r + j] = x[(c r + i) r + j, h, w].

    Sub-pixel convolution ends with it (Shi et al. 2016).
    """
    shape = _images("pixel_shuffle", input)
    r = _factor("pixel_shuffle", "upscale_factor", upscale_factor)
    *batch, channels, height, width = shape
    if r == 1:
        return input.clone()
    if channels % (r * r):
        raise ShapeError(
            "pixel_shuffle: expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    parts = input.reshape(*batch, channels // (r * r), r, r, height, width)
    n = len(batch)
    turned = parts.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return turned.reshape(*batch, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Images (*, C, H r, W r) as (*, C r², H, W), r = downscale_factor: undoes `pixel_shuffle`."""
    shape = _images("pixel_unshuffle", input)
    r = _factor("pixel_unshuffle", "downscale_factor", downscale_factor)
    *batch, channels, height, width = shape
    if r == 1:
        return input.clone()
    for name, number, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise ShapeError(
                f"pixel_unshuffle: expects {name} to be divisible by downscale_factor, but input.size({number})="
                f"{size} is not divisible by {r}"
            )
    parts = input.reshape(*batch, channels, height // r, r, width // r, r)
    n = len(batch)
    turned = parts.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return turned.reshape(*batch, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of (N, C, *) in another order: y[:, c · groups + g] = x[:, g · C / groups + c]."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"channel_shuffle: input must be a Tensor, got {type(input).__name__}")
    groups, shape = one_int("channel_shuffle", "groups", groups), input.array.shape
    if len(shape) < 3:
        raise ShapeError(
            f"channel_shuffle: expects input with > 2 dims, but got input with sizes {shape}; it has format (N, C, *)"
        )
    if groups <= 0:
        raise ArgumentError(f"channel_shuffle: Number of groups to divide channels in must be positive, got {groups}")
    if shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: Number of channels must be divisible by groups, got {shape[1]} channels and {groups} "
            "groups"
        )
    turned = input.reshape(shape[0], groups, shape[1] // groups, *shape[2:]).transpose(1, 2)
    result: Tensor = turned.reshape(shape)
    return result


def _images(op: str, input: Any) -> tuple[int, ...]:
    """The shape of `input`, if it has channels and pixels."""
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: input must be a Tensor, got {type(input).__name__}")
    shape = input.array.shape
    if len(shape) < 3:
        raise ShapeError(f"{op}: expects input to have at least 3 dimensions, but got input with {len(shape)}: {shape}")
    return shape


def _factor(op: str, name: str, given: Any) -> int:
    factor = one_int(op, name, given)
    if factor <= 0:
        raise ArgumentError(f"{op}: expects a positive {name}, but got {factor}")
    return factor
