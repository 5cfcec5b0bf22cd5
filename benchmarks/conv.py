"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .case import Case, Place


class Shape(NamedTuple):
    """Of a convolution: `size` are the positions of the input, `kernel` the side of the filters."""

    function: str
    batch: int
    channels: int
    size: tuple[int, ...]
    filters: int
    kernel: int
    padding: int = 1
    groups: int = 1
    large: bool = False  # too large for a CPU

    @property
    def out(self) -> tuple[int, ...]:
        """The positions of the output."""
        change = 2 * self.padding - self.kernel + 1
        return tuple(n - change if "transpose" in self.function else n + change for n in self.size)

    @property
    def weight(self) -> tuple[int, ...]:
        """The shape of the filters."""
        ends = (self.channels, self.filters) if "transpose" in self.function else (self.filters, self.channels)
        return (ends[0], ends[1] // self.groups, *[self.kernel] * len(self.size))

    @property
    def flops(self) -> int:
        """Multiplications and additions of the forward pass; a filter lies at each position of `seen`."""
        seen = self.size if "transpose" in self.function else self.out
        return 2 * self.batch * math.prod(self.weight) * math.prod(seen)

    @property
    def moved(self) -> int:
        """Bytes of input, filters and output."""
        x, y = self.channels * math.prod(self.size), self.filters * math.prod(self.out)
        return 4 * (self.batch * (x + y) + math.prod(self.weight))


CONV2D = (
    Shape("conv2d", 64, 1, (28, 28), 6, 5, 2),
    Shape("conv2d", 64, 6, (14, 14), 16, 5, 0),
    Shape("conv2d", 64, 16, (32, 32), 16, 3),
    Shape("conv2d", 8, 64, (56, 56), 64, 3),
    Shape("conv2d", 8, 256, (56, 56), 64, 1, 0),
    Shape("conv2d", 8, 3, (112, 112), 64, 7, 3),
    Shape("conv2d", 8, 64, (56, 56), 64, 3, groups=64),
    Shape("conv2d", 128, 64, (56, 56), 64, 3, large=True),
    Shape("conv2d", 128, 256, (14, 14), 256, 3, large=True),
)
OTHERS = (
    Shape("conv1d", 16, 64, (1024,), 64, 3),
    Shape("conv3d", 2, 16, (16, 32, 32), 32, 3),
    Shape("conv_transpose2d", 8, 64, (28, 28), 32, 4),
)


def cases() -> Iterator[Case]:
    """conv2d of LeNet-5, of a CIFAR ResNet, of ResNet-50 and depthwise, and other ranks; forward and backward."""
    for shape in CONV2D:
        yield _case(shape, is_forward=True)
        yield _case(shape, is_forward=False)
    for shape in OTHERS:
        yield _case(shape, is_forward=False)


def _case(s: Shape, is_forward: bool) -> Case:
    def at(batch: int) -> Case:
        return _case(s._replace(batch=batch), is_forward)

    sides = "x".join(map(str, (s.batch, s.channels, *s.size)))
    kernel = "x".join([str(s.kernel)] * (2 if s.function == "conv2d" else 1))
    label = f"{sides}-{s.filters}x{kernel}" + (f"-groups{s.groups}" if s.groups > 1 else "")
    phase, times = ("forward", 1) if is_forward else ("forward+backward", 3)
    return Case(
        f"{s.function}/{phase}/{label}",
        _make(s, is_forward),
        moved=times * s.moved,
        flops=times * s.flops,
        quick=s.channels == 16 and is_forward and not s.large,
        batch=s.batch,
        sweep=at,
        large=s.large,
        tf32=True,
        planar=len(s.size) == 2,
    )


def _make(s: Shape, is_forward: bool) -> Callable[[Place], Any]:
    options = {"padding": s.padding, "groups": s.groups}

    def make(place: Place) -> Any:
        convolve = getattr(place.lib.nn.functional, s.function)
        images = place.random(s.batch, s.channels, *s.size, requires_grad=not is_forward)
        weight = place.random(*s.weight, requires_grad=not is_forward)
        bias = place.random(s.filters, requires_grad=not is_forward)
        if is_forward:
            return lambda: convolve(images, weight, bias, **options)
        g = place.random(*convolve(images, weight, bias, **options).shape)
        inputs = images, weight, bias
        return lambda: place.lib.autograd.grad(convolve(*inputs, **options), inputs, g)

    return make
