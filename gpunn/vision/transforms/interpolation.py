"""How images are interpolated: InterpolationMode, and what stands for one."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from gpunn.errors import ArgumentError, ArgumentTypeError


class InterpolationMode(Enum):
    """How pixels between pixels are made; tensors know the first four, images of Pillow all."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


NUMBERED: Final = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by Pillow's numbers


def mode_of(op: str, given: Any) -> InterpolationMode:
    """The mode that `given` stands for: an InterpolationMode, its value, or one of Pillow's numbers."""
    if isinstance(given, InterpolationMode):
        return given
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(NUMBERED):
        return InterpolationMode(NUMBERED[given])
    names = [mode.value for mode in InterpolationMode]
    if isinstance(given, str):
        if given in names:
            return InterpolationMode(given)
        raise ArgumentError(f"{op}: interpolation must be one of {', '.join(names)}, got {given!r}")
    raise ArgumentTypeError(
        f"{op}: interpolation must be an InterpolationMode or one of Pillow's numbers, got {given!r}"
    )


def tensor_mode(op: str, given: Any, known: tuple[str, ...]) -> str:
    """The value of the mode, which must be among those that `op` knows for tensors."""
    name = str(mode_of(op, given).value)
    if name not in known:
        raise ArgumentError(f"{op}: interpolation must be one of {', '.join(known)} for tensors, got {name!r}")
    return name


def pillow_number(op: str, given: Any) -> int:
    """Pillow's number of the mode; nearest-exact is Pillow's nearest."""
    name = str(mode_of(op, given).value)
    return NUMBERED.index("nearest" if name == "nearest-exact" else name)
