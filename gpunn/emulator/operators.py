"""The operators of emulated arrays: computed by CuPy's rules, left to other types by NumPy's (NEP 13)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gpunn.emulator.calls import call_ufunc, function
from gpunn.emulator.manners import Call
from gpunn.emulator.storage import Storage, wrap

Operator = Callable[[Any, Any], Any]
SCALARS = frozenset({bool, int, float, complex})

matmul = function("matmul", np.matmul)


def _defers(array: Any, other: Any) -> bool:
    """Whether `other` is to compute `array + other`: `__array_ufunc__ = None` or a higher priority say so."""
    missing = object()
    protocol = getattr(other, "__array_ufunc__", missing)
    if protocol is not missing:
        return protocol is None
    return bool(getattr(other, "__array_priority__", 0) > array.__array_priority__)


def binary(ufunc: np.ufunc, compute: Call | None = None) -> tuple[Operator, Operator, Operator]:
    """The methods for `x + y`, `y + x` and `x += y`; `compute`, or `ufunc` itself, adds emulated arrays."""

    apply = compute or partial(call_ufunc, ufunc)

    def forward(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is Storage.array_type or kind in SCALARS:
            return apply(self, other)
        return NotImplemented if _defers(self, other) else ufunc(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return apply(other, self)

    def in_place(self: Any, other: Any) -> Any:
        return apply(self, other, out=self)

    return forward, reflected, in_place


def comparison(ufunc: np.ufunc, otherwise: bool | None = None) -> Operator:
    """The method for `x < y`; against None and plain objects, `==` and `!=` answer `otherwise` everywhere."""

    def compare(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is Storage.array_type or kind in SCALARS:
            return call_ufunc(ufunc, self, other)
        if _defers(self, other):
            return NotImplemented
        if otherwise is not None and (other is None or getattr(kind, "__eq__", None) is object.__eq__):
            return wrap(np.full(self.shape, otherwise))
        return ufunc(self, other)

    return compare


def unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    """The method for `-x`."""

    def apply(self: Any) -> Any:
        return call_ufunc(ufunc, self)

    return apply


_forward_power, _reflected_power, _in_place_power = binary(np.power)


def power(self: Any, other: Any, modulo: None = None) -> Any:
    """`self ** other`, by square, sqrt and reciprocal where they do it, as in CuPy."""
    kind = self.dtype.kind
    if (type(other) is int and other == 2 and kind in "ifc") or (
        type(other) is float and other == 2.0 and kind in "fc"
    ):
        return call_ufunc(np.square, self)
    if type(other) is float and kind in "fc":
        if other == 0.5:
            return call_ufunc(np.sqrt, self)
        if other == -1.0:
            return call_ufunc(np.reciprocal, self)
    return _forward_power(self, other)


class Operators(Storage):
    """All operators that CuPy's arrays have. There is no `@=`, so Python computes `a = a @ b`."""

    __slots__ = ()
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    __add__, __radd__, __iadd__ = binary(np.add)
    __sub__, __rsub__, __isub__ = binary(np.subtract)
    __mul__, __rmul__, __imul__ = binary(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = binary(np.true_divide)
    __floordiv__, __rfloordiv__, __ifloordiv__ = binary(np.floor_divide)
    __mod__, __rmod__, __imod__ = binary(np.remainder)
    __pow__, __rpow__, __ipow__ = power, _reflected_power, _in_place_power
    __lshift__, __rlshift__, __ilshift__ = binary(np.left_shift)
    __rshift__, __rrshift__, __irshift__ = binary(np.right_shift)
    __and__, __rand__, __iand__ = binary(np.bitwise_and)
    __or__, __ror__, __ior__ = binary(np.bitwise_or)
    __xor__, __rxor__, __ixor__ = binary(np.bitwise_xor)
    __divmod__, __rdivmod__ = binary(np.divmod)[:2]
    __matmul__, __rmatmul__ = binary(np.matmul, matmul)[:2]

    __lt__ = comparison(np.less)
    __le__ = comparison(np.less_equal)
    __gt__ = comparison(np.greater)
    __ge__ = comparison(np.greater_equal)
    __eq__ = comparison(np.equal, False)
    __ne__ = comparison(np.not_equal, True)

    __neg__ = unary(np.negative)
    __pos__ = unary(np.positive)
    __abs__ = unary(np.absolute)
    __invert__ = unary(np.invert)
