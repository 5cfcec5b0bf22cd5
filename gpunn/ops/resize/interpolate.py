"""interpolate: signals, images and volumes in another size."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError, UnsupportedError
from gpunn.ops.conv.geometry import LARGEST
from gpunn.ops.pool.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from gpunn.ops.resize.resample import Resample
from gpunn.ops.resize.taps import Axis

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

KINDS: Final = {"linear": (3, "linear"), "bilinear": (4, "linear"), "trilinear": (5, "linear"), "bicubic": (4, "cubic")}
NEAREST: Final = ("nearest", "nearest-exact")
AREA: Final = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}

Size = int | Sequence[int] | None
Factor = float | Sequence[float] | None


def interpolate(
    input: Tensor,
    size: Size = None,
    scale_factor: Factor = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input` (N, C, *size) in another size, as PyTorch's `interpolate`.

    The new size is `size`, or `scale_factor` times the old one, rounded down; each a number or one for each dimension.
    `mode` is "nearest" (as OpenCV, off by half a place), "nearest-exact", "linear" (3 dimensions), "bilinear" and
    "bicubic" (4), "trilinear" (5), or "area", the mean of the parts of the input. With `align_corners` the centers of
    the corner elements stay in the corners, else their corners do. A scale factor counts as it is given, not as the
    quotient of the sizes, unless `recompute_scale_factor`. `antialias` lets all elements count when images shrink.
    """
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"interpolate: input must be a Tensor, got {type(input).__name__}")
    given = input.array.shape
    rank = len(given) - 2
    if mode in (*NEAREST, "area") and align_corners is not None:
        raise ArgumentError(
            "interpolate: align_corners option can only be set with the interpolating modes: linear | bilinear | "
            f"bicubic | trilinear, got mode={mode!r}"
        )
    out, factors = _new_size(given, size, scale_factor, bool(recompute_scale_factor) or mode == "area")
    if recompute_scale_factor and size is not None:
        raise ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size")
    if antialias and not (mode in ("bilinear", "bicubic") and rank == 2):
        raise ArgumentError(
            "interpolate: Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as "
            f"input, got mode={mode!r} and input {given}"
        )
    _check_mode(mode, len(given))
    _check_sizes(given, out)
    if mode == "area":
        result: Tensor = AREA[len(given)](input, out)
        return result
    _check_dtype(mode, dtypes.of(input.array))
    kind = mode if mode in NEAREST else KINDS[mode][1] + ("-antialias" if antialias else "")
    axes = zip(given[2:], out, factors or (None,) * rank, strict=True)
    result = Resample(tuple([Axis(n, m, kind, bool(align_corners), f) for n, m, f in axes]))(input)
    return result


def upsample(
    input: Tensor,
    size: Size = None,
    scale_factor: Factor = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` by an older name."""
    _tell("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Size = None, scale_factor: Factor = None) -> Tensor:
    """`interpolate` with mode="nearest"."""
    _tell("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Size = None, scale_factor: Factor = None) -> Tensor:
    """`interpolate` with mode="bilinear" and align_corners=True."""
    _tell("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _tell(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning, stacklevel=3
    )


def _new_size(
    shape: tuple[int, ...], size: Any, factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """The new sizes, and the scale factors if these count."""
    rank = len(shape) - 2
    if (size is None) == (factor is None):
        both = "only one of size or scale_factor should be defined"
        raise ArgumentError(
            f"interpolate: {'either' if size is None else both}"
            + (
                " size or scale_factor should be defined"
                if size is None
                else f", got size={size} and scale_factor={factor}"
            )
        )
    name, wanted = ("scale_factor", factor) if size is None else ("size", size)
    several = tuple(wanted) if isinstance(wanted, (tuple, list)) else (wanted,) * rank
    if len(several) != rank:
        raise ShapeError(
            "interpolate: Input and output must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(shape[2:])} and {name} of {several}; the input has format (N, C, *size)"
        )
    if any([isinstance(n, bool) or not hasattr(n, "__index__" if size is not None else "__float__") for n in several]):
        raise ArgumentTypeError(f"interpolate: {name} must be a number or one for each dimension, got {wanted!r}")
    if size is not None:
        return tuple([int(n) for n in several]), None
    factors = tuple([float(f) for f in several])
    try:
        out = tuple([int(n * f) for n, f in zip(shape[2:], factors, strict=True)])
    except (ValueError, OverflowError):
        raise ArgumentError(f"interpolate: scale_factor must be finite, got {factors}") from None
    return out, None if recompute else factors


def _check_mode(mode: str, dims: int) -> None:
    if mode not in (*NEAREST, "area", *KINDS):
        raise UnsupportedError(
            f"interpolate: Input Error: Only 3D, 4D and 5D input Tensors supported (got {dims}D) for the modes: "
            f"nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if mode in KINDS and KINDS[mode][0] != dims:
        raise UnsupportedError(f"interpolate: Got {dims}D input, but {mode} mode needs {KINDS[mode][0]}D input")
    if dims not in AREA:
        raise UnsupportedError(
            f"interpolate: Input Error: Only 3D, 4D and 5D input Tensors supported (got {dims}D) for the mode {mode}"
        )


def _check_sizes(shape: tuple[int, ...], out: tuple[int, ...]) -> None:
    if min(out) <= 0 or 0 in shape[2:]:
        raise ShapeError(
            f"interpolate: Input and output sizes should be greater than 0, but got input {shape[2:]} and output {out}"
        )
    if 0 in shape[1:2]:
        raise ShapeError(f"interpolate: Non-empty data tensor expected but got a tensor with sizes {shape}")
    if max(*shape[2:], *out) > LARGEST:
        raise IndexRangeError(f"interpolate: no dimension may be larger than {LARGEST}, got {shape} to {out}")


def _check_dtype(mode: str, dtype: Any) -> None:
    if not dtype.is_floating_point and (dtype is not dtypes.uint8 or mode in ("linear", "trilinear")):
        raise DtypeError(f"interpolate: mode {mode!r} is not for {dtype}; use input.to(gpunn.float32)")
