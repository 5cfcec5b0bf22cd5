"""Rounding to integers, kept as floats. Integer tensors come back as copies; gradients are 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.backend import Array
from gpunn.errors import DtypeError
from gpunn.ops.arithmetic.elementwise import Unary, zeros_like
from gpunn.ops.arithmetic.promotion import only_tensors
from gpunn.ops.shape.conversion import clone

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Step(Unary):
    def backward(self, grad: Tensor) -> Tensor:
        return zeros_like(grad)


class Floor(Step):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.floor(x)


class Ceil(Step):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.ceil(x)


class Trunc(Step):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.trunc(x)


class Round(Step):
    wide = True

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals

    def compute(self, xp: Any, x: Array) -> Array:
        if self.decimals == 0:
            return xp.rint(x)
        scale = float(f"1e{abs(self.decimals)}")  # inf where 10.0**n would raise
        return xp.rint(x * scale) / scale if self.decimals > 0 else xp.rint(x / scale) * scale


class Frac(Unary):
    wide = True

    def compute(self, xp: Any, x: Array) -> Array:
        return x - xp.trunc(x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad


def floor(input: Tensor) -> Tensor:
    """The largest integers that are not greater, elementwise."""
    return _stepped("floor", Floor(), input)


def ceil(input: Tensor) -> Tensor:
    """The smallest integers that are not less, elementwise."""
    return _stepped("ceil", Ceil(), input)


def trunc(input: Tensor) -> Tensor:
    """The integers next to input towards 0, elementwise."""
    return _stepped("trunc", Trunc(), input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integers, halves to even; or `decimals` digits after the point (before it, if negative)."""
    if decimals != 0:
        _float_only("round with decimals", input)
    return _stepped("round", Round(decimals), input)


def frac(input: Tensor) -> Tensor:
    """input - trunc(input), elementwise."""
    _float_only("frac", input)
    return Frac()(input)


fix = trunc


def _stepped(op: str, step: Step, x: Tensor) -> Tensor:
    only_tensors(op, x)
    kind = x.array.dtype.kind
    if kind == "b":
        raise DtypeError(f"{op}: not implemented for bool")
    return step(x) if kind in "fV" else clone(x)


def _float_only(op: str, x: Tensor) -> None:
    only_tensors(op, x)
    if x.array.dtype.kind not in "fV":
        raise DtypeError(f"{op}: not implemented for {x.dtype}; convert with x.to(gpunn.float32)")
