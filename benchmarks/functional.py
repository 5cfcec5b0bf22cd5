"""Cases of one function of nn.functional, forward and forward with backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .case import Case, Place

Call = Callable[[Any, Any], Any]


def pair(
    name: str, call: Call, shape: tuple[int, ...], out: float = 1, flops: int = 0, random: bool = False, note: str = ""
) -> Iterator[Case]:
    """`call(place, x)` with x of `shape`: forward, and forward+backward.

    `out`: elements of the result for each one of x. `flops`: of the forward pass.
    """
    for is_forward in (True, False):
        yield _case(_Call(name, call, out, random, note), shape, flops, is_forward)


class _Call(NamedTuple):
    name: str
    call: Call
    out: float
    random: bool
    note: str


def _case(f: _Call, shape: tuple[int, ...], flops: int, is_forward: bool) -> Case:
    def at(batch: int) -> Case:
        return _case(f, (batch, *shape[1:]), flops * batch // shape[0], is_forward)

    if is_forward:  # x → y
        phase, make, touched, times = "forward", _forward, 1 + f.out, 1
    else:  # x → y; x, dy → dx
        phase, make, touched, times = "forward+backward", _backward, 3 + 2 * f.out, 3
    return Case(
        f"{f.name}/{phase}/{'x'.join(map(str, shape))}",
        make(f.call, shape),
        moved=round(touched * 4 * math.prod(shape)),
        flops=times * flops,
        batch=shape[0],
        sweep=at,
        random=f.random,
        planar=len(shape) == 4,
        note=f.note,
    )


def _forward(call: Call, shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x = place.random(*shape)
        return lambda: call(place, x)

    return make


def _backward(call: Call, shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        x = place.random(*shape, requires_grad=True)
        g = place.random(*call(place, x).shape)
        return lambda: place.lib.autograd.grad(call(place, x), x, g)

    return make
