"""Where the windows of a convolution lie, from the arguments that users give; all checks, in Python's own integers."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from gpunn.errors import ArgumentError, IndexRangeError, ShapeError
from gpunn.ops.shape.dims import ints

LARGEST = 2**31 - 1  # kernels count in 32 bits along one axis
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


class Geometry(NamedTuple):
    """A convolution; the tuples have one number for each spatial axis.

    Output position p sees the input positions p · stride - before + r · dilation, r < kernel; outside `size` are zeros.
    """

    groups: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]  # zeros in front of the input; below 0: elements left out
    size: tuple[int, ...]  # of the input
    out: tuple[int, ...]  # of the output


def mirrored(geo: Geometry) -> Geometry:
    """The convolution that takes the output's gradient to the input's, for stride 1; its weight is flipped."""
    before = [d * (k - 1) - b for b, d, k in zip(geo.before, geo.dilation, geo.kernel, strict=True)]
    return geo._replace(before=tuple(before), size=geo.out, out=geo.size)


def is_pointwise(geo: Geometry) -> bool:
    """Whether each position sees itself alone, and all channels: a filter of one element, stride 1, no zeros around."""
    return max(*geo.kernel, *geo.stride, geo.groups) == 1 and not any(geo.before) and geo.size == geo.out


def flattened(geo: Geometry, images: int, joined: bool) -> tuple[Geometry, int]:
    """A pointwise convolution as one along one axis, and how many images it has: one, if they are `joined`."""
    length = math.prod(geo.size) * (images if joined else 1)
    flat = Geometry(1, (1,), (1,), (1,), (0,), (length,), (length,))
    return flat, min(images, 1) if joined else images


def convolution(op: str, x: Any, weight: Any, bias: Any, settings: tuple[Any, ...], rank: int) -> Geometry:
    """The geometry of a convolution of `rank` spatial axes, all shapes checked.

    `x` (N, C, *size) or (C, *size), `weight` (K, C / groups, *kernel) and `bias` (K,) or None are arrays; `settings`
    are stride, padding, dilation and groups as the user gave them.
    """
    given, padding, dilation, groups = settings
    if type(groups) is not int:
        (groups,) = ints(op, "groups", groups)
    _check_channels(op, x.shape, weight.shape, None if bias is None else tuple(bias.shape), groups, rank)
    stride, dilation = per_axis(op, "stride", given, rank), per_axis(op, "dilation", dilation, rank)
    if not isinstance(padding, str):
        padding = per_axis(op, "padding", padding, rank)
    return _placed(op, x.shape[-rank:], weight.shape[2:], stride, padding, dilation, groups)


def transposed_convolution(op: str, x: Any, weight: Any, bias: Any, settings: tuple[Any, ...], rank: int) -> Geometry:
    """The geometry of the convolution whose input is as large as the output of this transposed one, shapes checked.

    `x` (N, C, *out) or (C, *out), `weight` (C, K / groups, *kernel) and `bias` (K,) or None are arrays; `settings` are
    stride, padding, output_padding, groups and dilation as the user gave them.
    """
    given, padding, more, groups, dilation = settings
    if type(groups) is not int:
        (groups,) = ints(op, "groups", groups)
    _check_transposed(op, x.shape, weight.shape, None if bias is None else tuple(bias.shape), groups, rank)
    names = ("stride", "padding", "output_padding", "dilation")
    numbers = [per_axis(op, n, v, rank) for n, v in zip(names, (given, padding, more, dilation), strict=True)]
    return _enlarged(op, x.shape[-rank:], weight.shape[2:], *numbers, groups)


def per_axis(op: str, name: str, given: Any, rank: int) -> tuple[int, ...]:
    """The argument `name`, an int or one for each of `rank` axes, as a tuple."""
    if type(given) is int:
        return (given,) * rank
    if type(given) is tuple and len(given) == rank and set(map(type, given)) == {int}:
        return given
    numbers = ints(op, name, given)
    if len(numbers) not in (1, rank):
        raise ArgumentError(
            f"{op}: expected {name} to be a single integer value or a list of {rank} values to match the convolution "
            f"dimensions, but got {name}={list(numbers)}"
        )
    return numbers if len(numbers) == rank else numbers * rank


@functools.lru_cache(maxsize=1024)
def _placed(
    op: str,
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    groups: int,
) -> Geometry:
    _check_range(op, "stride", stride, 1, "non-positive stride is not supported")
    _check_range(op, "dilation", dilation, 1, "dilation should be greater than zero")
    reach = tuple([d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)])
    before, after = _zeros(op, padding, stride, reach)
    padded = tuple([b + n + a for b, n, a in zip(before, size, after, strict=True)])
    if max(*reach, *padded) > LARGEST:
        raise IndexRangeError(
            f"{op}: windows of {_by(reach)} elements on a padded input of {_by(padded)}; no axis may be longer than "
            f"{LARGEST}. Input {size}, kernel {kernel}, padding={padding}, dilation={dilation}"
        )
    if any([n < k for n, k in zip(padded, reach, strict=True)]):
        raise ShapeError(
            f"{op}: Calculated padded input size per channel: ({_by(padded)}). Kernel size: ({_by(reach)}). Kernel "
            f"size can't be greater than actual input size; the input is {_by(size)}, the kernel {_by(kernel)}, "
            f"padding={padding}, dilation={dilation}"
        )
    out = tuple([(n - k) // s + 1 for n, k, s in zip(padded, reach, stride, strict=True)])
    return Geometry(groups, kernel, stride, dilation, before, size, out)


@functools.lru_cache(maxsize=1024)
def _enlarged(
    op: str,
    out: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    more: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Geometry:
    _check_range(op, "stride", stride, 1, "non-positive stride is not supported")
    _check_range(op, "dilation", dilation, 1, "dilation should be greater than zero")
    _check_range(op, "padding", padding, 0, "negative padding is not supported")
    _check_range(op, "output_padding", more, 0, "negative output_padding is not supported")
    if any([m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)]):
        raise ArgumentError(
            f"{op}: output padding must be smaller than either stride or dilation, but got output_padding={more}, "
            f"stride={stride}, dilation={dilation}"
        )
    axes = zip(out, kernel, stride, dilation, more, strict=True)
    padded = tuple([(n - 1) * s + d * (k - 1) + 1 + m for n, k, s, d, m in axes])
    if max(padded) > LARGEST:
        raise IndexRangeError(
            f"{op}: an output of {_by(padded)} with its padding; no axis may be longer than {LARGEST}"
        )
    size = tuple([n - 2 * p for n, p in zip(padded, padding, strict=True)])
    if min(size) < 0:
        raise ShapeError(
            f"{op}: Given input size per channel: ({_by(out)}). Calculated output size per channel: ({_by(size)}). "
            f"Output size is too small; kernel {kernel}, padding={padding}"
        )
    return Geometry(groups, kernel, stride, dilation, padding, size, out)


def _zeros(
    op: str, padding: tuple[int, ...] | str, stride: tuple[int, ...], reach: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many zeros go in front of and behind each axis."""
    if isinstance(padding, tuple):
        _check_range(op, "padding", padding, 0, "negative padding is not supported")
        return padding, padding
    if padding == "valid":
        return (0,) * len(reach), (0,) * len(reach)
    if padding == "full":
        return tuple([k - 1 for k in reach]), tuple([k - 1 for k in reach])
    if padding != "same":
        raise ArgumentError(
            f"{op}: Invalid padding string: {padding!r}; use 'valid', 'same', 'full', or a number for each axis"
        )
    if max(stride) > 1:
        raise ArgumentError(f"{op}: padding='same' is not supported for strided convolutions, got stride={stride}")
    return tuple([(k - 1) // 2 for k in reach]), tuple([k // 2 for k in reach])


def _check_range(op: str, name: str, given: tuple[int, ...], least: int, problem: str) -> None:
    if min(given) < least:
        raise ArgumentError(f"{op}: {problem}, got {name}={given}")
    if max(given) > LARGEST:
        raise IndexRangeError(f"{op}: {name} may be {LARGEST} at most, got {name}={given}")


def _check_channels(
    op: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    groups: int,
    rank: int,
) -> None:
    """Ranks and numbers of channels."""
    _check_groups(op, x, weight, groups, rank, "(K, C / groups, ")
    channels = x[-rank - 1]
    if channels != weight[1] * groups:
        raise ShapeError(
            f"{op}: weight {weight} with groups={groups} takes {weight[1] * groups} input channels, "
            f"x {x} has {channels}"
        )
    if bias is not None and bias != weight[:1]:
        raise ShapeError(f"{op}: weight {weight} gives {weight[0]} channels, expected bias {weight[:1]}, got {bias}")


def _check_transposed(
    op: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    groups: int,
    rank: int,
) -> None:
    """Ranks and numbers of channels of a transposed convolution."""
    _check_groups(op, x, weight, groups, rank, "(C, K / groups, ")
    if x[-rank - 1] != weight[0]:
        raise ShapeError(f"{op}: weight {weight} takes {weight[0]} input channels, x {x} has {x[-rank - 1]}")
    if bias is not None and bias != (weight[1] * groups,):
        raise ShapeError(
            f"{op}: weight {weight} with groups={groups} gives {weight[1] * groups} channels, expected bias "
            f"({weight[1] * groups},), got {bias}"
        )


def _check_groups(op: str, x: tuple[int, ...], weight: tuple[int, ...], groups: int, rank: int, channels: str) -> None:
    """Ranks, groups, and that no axis is empty but those of images and channels."""
    if len(weight) != rank + 2 or len(x) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{op}: Expected {rank + 2}-dimensional weight {channels}{AXES[rank]}) and input "
            f"(N, C, {AXES[rank]}) or (C, {AXES[rank]}), got weight {weight} and input {x}"
        )
    if groups <= 0:
        raise ArgumentError(f"{op}: non-positive groups is not supported, got groups={groups}")
    if weight[0] < groups or weight[0] % groups:
        raise ShapeError(
            f"{op}: Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by it, "
            f"but got weight of size {weight}"
        )
    if 0 in weight[2:] or 0 in x[-rank:]:
        raise ShapeError(
            f"{op}: Only zero batch or zero channel inputs are supported, but got input shape: {x}, weight {weight}"
        )


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
