"""Element types and PyTorch's rules for mixing them.

A tensor takes part in type promotion by category (bool < integer < floating) and by whether it has dimensions:
a 0-d tensor or a Python number only matters if its category is higher than that of the tensors with dimensions.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import ml_dtypes
import numpy as np

from gpunn.errors import ArgumentTypeError, DtypeError

BOOL, INTEGER, FLOATING = 0, 1, 2  # categories, lowest first


_root = "gpunn"


def public_name(name: str) -> str:
    """`name` as programs write it: "gpunn.float32", or "torch.float32" where gpunn is installed as torch."""
    return f"{_root}.{name}"


def show_under(root: str) -> None:
    """Let `public_name` begin with `root` from here on."""
    global _root
    _root = root


class dtype:  # noqa: N801 - PyTorch's name
    """The type of a tensor's elements, such as `gpunn.float32`. There is one object per type."""

    __slots__ = ("category", "is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, numpy: Any, category: int, is_signed: bool) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.category = category
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = category == FLOATING
        self.is_complex = False
        self.is_signed = is_signed

    def __repr__(self) -> str:
        return public_name(self.name)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return _by_name, (self.name,)

    def to_complex(self) -> dtype:
        raise DtypeError(f"{self.name}.to_complex: gpunn has no complex types")


bool_: Final = dtype("bool", np.bool_, BOOL, False)
uint8: Final = dtype("uint8", np.uint8, INTEGER, False)
int8: Final = dtype("int8", np.int8, INTEGER, True)
int16: Final = dtype("int16", np.int16, INTEGER, True)
int32: Final = dtype("int32", np.int32, INTEGER, True)
int64: Final = dtype("int64", np.int64, INTEGER, True)
float16: Final = dtype("float16", np.float16, FLOATING, True)
bfloat16: Final = dtype("bfloat16", ml_dtypes.bfloat16, FLOATING, True)
float32: Final = dtype("float32", np.float32, FLOATING, True)
float64: Final = dtype("float64", np.float64, FLOATING, True)

ALL: Final = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
_FROM_NUMPY: Final[dict[Any, dtype]] = {d.numpy: d for d in ALL}
_FROM_PYTHON: Final[dict[Any, dtype]] = {bool: bool_, int: int64, float: float64}
_BY_NAME: Final = {d.name: d for d in ALL}

_default = float32


def _by_name(name: str) -> dtype:
    return _BY_NAME[name]


def get_default_dtype() -> dtype:
    """The type of tensors made from Python floats; float32 unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d`, a floating type, the type of tensors made from Python floats."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise ArgumentTypeError(f"set_default_dtype: expected a floating dtype, got {d!r}")
    _default = d


def of(array: Any) -> dtype:
    """The gpunn dtype of a NumPy or CuPy array."""
    try:
        return _FROM_NUMPY[array.dtype]
    except KeyError:
        raise DtypeError(f"gpunn has no dtype for arrays of {array.dtype}; it has {', '.join(_BY_NAME)}") from None


def given_or_default(given: Any) -> dtype:
    """`given` as a gpunn dtype; the default type of floating numbers for None."""
    return get_default_dtype() if given is None else as_dtype(given)


def as_dtype(given: Any) -> dtype:
    """`given` (a gpunn dtype, a NumPy dtype, or Python's bool, int, float) as a gpunn dtype."""
    if isinstance(given, dtype):
        return given
    found = _FROM_PYTHON.get(given) if isinstance(given, type) else None
    if found is None and given is not None and not isinstance(given, str):  # float64 to NumPy: None and "float"
        try:
            found = _FROM_NUMPY.get(np.dtype(given))
        except TypeError:
            found = None
    if found is None:
        raise ArgumentTypeError(f"expected a dtype such as gpunn.float32, got {given!r}")
    return found


def of_number(value: bool | int | float) -> dtype:
    """The type of a tensor made from the Python number `value`."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    return int64 if isinstance(value, (int, np.integer)) else _default


@cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that holds both, of equal rank in promotion. float16 with bfloat16 gives float32."""
    if not (isinstance(a, dtype) and isinstance(b, dtype)):
        raise _no_dtypes("promote_types", a, b)
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda d: d.category)
    if low.category != high.category:
        return high
    if {a, b} == {float16, bfloat16}:
        return float32
    if a.is_floating_point:
        return a if a.itemsize > b.itemsize else b
    return _FROM_NUMPY[np.promote_types(a.numpy, b.numpy)]


def result_type(*operands: Any) -> dtype:
    """The type of an operation on `operands`: arrays or tensors (anything with shape and dtype) and numbers."""
    with_dims = zero_dim = number = None
    for x in operands:
        if isinstance(x, (bool, int, float, np.generic)):
            mine = of_number(x)  # type: ignore[arg-type]
            number = mine if number is None else promote_types(number, mine)
        else:
            mine = as_dtype(x.dtype)
            if len(x.shape) > 0:
                with_dims = mine if with_dims is None else promote_types(with_dims, mine)
            else:
                zero_dim = mine if zero_dim is None else promote_types(zero_dim, mine)
    return _combine(_combine(with_dims, zero_dim), number) or _default


def _combine(first: dtype | None, second: dtype | None) -> dtype | None:
    """Promotion of two ranks: `second` counts only if its category is higher."""
    if first is None or second is None:
        return second if first is None else first
    return promote_types(first, second) if second.category > first.category else first


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether an in-place operation may write a result of `from_` into a tensor of `to`."""
    try:
        return from_.category <= to.category
    except AttributeError:
        raise _no_dtypes("can_cast", from_, to) from None


def _no_dtypes(op: str, *given: Any) -> ArgumentTypeError:
    return ArgumentTypeError(f"{op}: expected two dtypes such as gpunn.float32, got {given[0]!r} and {given[1]!r}")


class finfo:  # noqa: N801 - PyTorch's name
    """Limits of a floating type: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: dtype | None = None) -> None:
        d = _default if type is None else as_dtype(type)
        if not d.is_floating_point:
            raise ArgumentTypeError(f"finfo: expected a floating dtype, got {d!r}; use iinfo")
        info: Any = ml_dtypes.finfo(d.numpy)  # type: ignore[no-untyped-call]
        self.dtype = d.name
        self.bits = int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(f"{float(info.resolution):.0e}")  # a power of ten, which float16 does not hold

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


class iinfo:  # noqa: N801 - PyTorch's name
    """Limits of an integer type: bits, min, max."""

    def __init__(self, type: dtype) -> None:
        d = as_dtype(type)
        if d.category != INTEGER:
            raise ArgumentTypeError(f"iinfo: expected an integer dtype, got {d!r}; use finfo")
        info = np.iinfo(d.numpy)
        self.dtype = d.name
        self.bits, self.min, self.max = int(info.bits), int(info.min), int(info.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
