"""Sizes and amounts as torchvision's transforms take them: one number, or one for each side."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from gpunn.errors import ArgumentError, ArgumentTypeError

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def pair(op: str, name: str, given: Any) -> Any:
    """(height, width) from one number, for both, or two; a sequence of two stays as it is."""
    if isinstance(given, numbers.Number):
        return int(given), int(given)  # type: ignore[call-overload]
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) == 1:
            return given[0], given[0]
        if len(given) == 2:
            return given
    raise ArgumentError(f"{op}: {name} must be one number or two, got {given!r}")


def padding_sides(op: str, padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) from one number, (left and right, top and bottom), or all four."""
    if isinstance(padding, numbers.Integral) and not isinstance(padding, bool):
        return (int(padding),) * 4
    if not isinstance(padding, (tuple, list)):
        raise ArgumentTypeError(
            f"{op}: Got inappropriate padding arg: an integer or 1, 2 or 4 of them, got {padding!r}"
        )
    if len(padding) not in (1, 2, 4):
        raise ArgumentError(
            f"{op}: Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
        )
    if not all(isinstance(n, numbers.Integral) for n in padding):
        raise ArgumentTypeError(f"{op}: Got inappropriate padding arg: amounts must be integers, got {padding!r}")
    left, top, right, bottom = [int(n) for n in padding] * (4 // len(padding))
    return left, top, right, bottom


def padding_mode_of(op: str, given: Any) -> str:
    """`given`, if it is a way to pad."""
    if not isinstance(given, str):
        raise ArgumentTypeError(f"{op}: Got inappropriate padding_mode arg: expected a string, got {given!r}")
    if given not in PADDING_MODES:
        raise ArgumentError(f"{op}: Padding mode should be either constant, edge, reflect or symmetric, got {given!r}")
    return given


def resized(height: int, width: int, size: Any, max_size: int | None) -> tuple[int, int]:
    """The new (height, width): `size` is both, or the shorter side, when `max_size` bounds the longer one."""
    sizes = (size,) if isinstance(size, int) else size
    if not isinstance(sizes, (tuple, list)) or not all(isinstance(n, numbers.Integral) for n in sizes):
        raise ArgumentTypeError(f"resize: Size should be int or sequence of them, got {size!r}")
    if len(sizes) not in (1, 2):
        raise ArgumentError(f"resize: Size must be an int or a 1 or 2 element tuple/list, got {size!r}")
    if min(sizes) <= 0:
        raise ArgumentError(f"resize: size must be positive, got {size!r}")
    if len(sizes) == 2:
        if max_size is not None:
            raise ArgumentError(
                f"resize: max_size should only be passed if size specifies the length of the smaller edge, got {size!r}"
            )
        return int(sizes[0]), int(sizes[1])
    if min(height, width) == 0:
        raise ArgumentError(f"resize: images of {height} x {width} have no shorter side to go by; give both sizes")
    short, long = int(sizes[0]), int(sizes[0] * max(height, width) / min(height, width))
    if max_size is not None:
        if max_size <= short:
            raise ArgumentError(
                f"resize: max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                f"size = {short}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (short, long) if height <= width else (long, short)
