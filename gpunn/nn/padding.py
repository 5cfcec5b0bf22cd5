"""Padding as layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.tensor import Tensor

Amounts = int | tuple[int, ...]


class _Pad(Module):
    mode: ClassVar[str] = "constant"
    rank: ClassVar[int]

    def __init__(self, padding: Amounts) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, Iterable) else (padding,) * (2 * self.rank)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *size) or (C, *size) → the same with a size that has the padding on both sides."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Amounts, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *size) or (C, *size) → the same with a size that has the padding on both sides."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` on both sides of signals; `padding` is (left, right), or one number for both."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """`value` around images; `padding` is (left, right, top, bottom), or one number for all."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """`value` around volumes; `padding` is (left, right, top, bottom, front, back), or one number for all."""

    rank = 3


class ZeroPad1d(_ConstantPad):
    """Zeros on both sides of signals; `padding` is (left, right), or one number for both."""

    rank = 1

    def __init__(self, padding: Amounts) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad2d(_ConstantPad):
    """Zeros around images; `padding` is (left, right, top, bottom), or one number for all."""

    rank = 2

    def __init__(self, padding: Amounts) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad3d(_ConstantPad):
    """Zeros around volumes; `padding` is (left, right, top, bottom, front, back), or one number for all."""

    rank = 3

    def __init__(self, padding: Amounts) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ReflectionPad1d(_Pad):
    """Signals with their mirror images on both sides; the elements at the ends stand there once."""

    mode, rank = "reflect", 1


class ReflectionPad2d(_Pad):
    """Images with their mirror images around them; the elements at the edges stand there once."""

    mode, rank = "reflect", 2


class ReflectionPad3d(_Pad):
    """Volumes with their mirror images around them; the elements at the faces stand there once."""

    mode, rank = "reflect", 3


class ReplicationPad1d(_Pad):
    """Signals with their first and last elements repeated on both sides."""

    mode, rank = "replicate", 1


class ReplicationPad2d(_Pad):
    """Images with the nearest of their elements around them."""

    mode, rank = "replicate", 2


class ReplicationPad3d(_Pad):
    """Volumes with the nearest of their elements around them."""

    mode, rank = "replicate", 3


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *size) or (C, *size) → the same with a size that has the padding on both sides."""
        if input.dim() not in (self.rank + 1, self.rank + 2):
            raise ShapeError(f"expected {self.rank + 1}D or {self.rank + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """Signals that start anew at their ends."""

    rank = 1


class CircularPad2d(_CircularPad):
    """Images that start anew at their edges."""

    rank = 2


class CircularPad3d(_CircularPad):
    """Volumes that start anew at their faces."""

    rank = 3
