"""Running results that are no plain sums: combined in log2(n) steps of doubling length, on either module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def along(axis: int, start: int | None, stop: int | None = None, step: int | None = None) -> tuple[slice, ...]:
    """The index of a range of `axis`."""
    return (*(slice(None),) * axis, slice(start, stop, step))


def running(combine: Callable[..., tuple[Array, ...]], axis: int, *arrays: Array) -> tuple[Array, ...]:
    """What combining all elements up to each position gives, in the memory of `arrays`.

    Source: Hillis and Steele, Data parallel algorithms, CACM 29 (1986) 1170-1183.

    `combine(*earlier, *later)` is associative; it takes elements of all `arrays` twice and returns one of
    each.
    """
    step = 1
    while step < arrays[0].shape[axis]:
        earlier, later = along(axis, None, -step), along(axis, step)
        combined = combine(*[a[earlier] for a in arrays], *[a[later] for a in arrays])
        for array, result in zip(arrays, combined, strict=True):
            array[later] = result
        step *= 2
    return arrays


class Recurrence(Function):
    """y_i = a_i y_(i-1) + b_i along `axis`; in reverse y_i = a_(i+1) y_(i+1) + b_i. Outside, y is 0.

    With G the gradient of b, that of a_i is G_i y_(i-1), in reverse G_(i-1) y_i; and G is the recurrence of
    the incoming gradient in the other direction. So all derivatives are made of the same two recurrences.
    """

    saves: ClassVar = {0: (0, 1)}
    saves_output = True

    def __init__(self, axis: int, reverse: bool) -> None:
        self.axis, self.reverse = axis, reverse

    def forward(self, a: Array, b: Array) -> Array:
        order = along(self.axis, None, None, -1 if self.reverse else 1)
        values = widened(b)[order].copy()
        factors = array_module(b).ones_like(values)
        factors[along(self.axis, 1)] = a[along(self.axis, 1)][order]
        return running(_two_steps, self.axis, factors, values)[1][order].astype(b.dtype)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor]:
        a, y = self.saved(0), self.saved_output()
        of_b = Recurrence(self.axis, not self.reverse)(a, grad)
        if not self.needs[0]:
            return None, of_b
        shift = Shift(self.axis)
        return (shift(of_b) * y if self.reverse else of_b * shift(y)), of_b


def _two_steps(a0: Array, b0: Array, a1: Array, b1: Array) -> tuple[Array, Array]:
    """y -> a1 (a0 y + b0) + b1 as one step."""
    return a0 * a1, a1 * b0 + b1


class Shift(Function):
    """Each element one place further along `axis`, `fill` in front; `back`: the other way round."""

    def __init__(self, axis: int, fill: float = 0.0, back: bool = False) -> None:
        self.axis, self.fill, self.back = axis, fill, back

    def forward(self, x: Array) -> Array:
        front, rear = along(self.axis, None, -1), along(self.axis, 1)
        result = array_module(x).full_like(x, self.fill)
        result[front if self.back else rear] = x[rear if self.back else front]
        return result

    def backward(self, grad: Tensor) -> Tensor:
        return Shift(self.axis, back=not self.back)(grad)
