"""NumPy functions on tensors: which operation of gpunn each one is.

Ufuncs go by name. Other functions stand in a table, with the names of their arguments where these differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes, ops
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError
from gpunn.ops.linalg.norms import norm as linalg_norm

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

_UFUNCS = {
    "power": "pow",
    "float_power": "float_power",
    "mod": "remainder",
    "invert": "bitwise_not",
    "bitwise_invert": "bitwise_not",
    "rint": "round",
    "fabs": "abs",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "equal": "eq",
    "not_equal": "ne",
    "arctan2": "atan2",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "degrees": "rad2deg",
    "radians": "deg2rad",
}
_NAMES = {
    "axis": "dim",
    "keepdims": "keepdim",
    "a_min": "min",
    "a_max": "max",
    "axis1": "dim1",
    "axis2": "dim2",
    "k": "diagonal",
}
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin", "logical_and": "all",
               "logical_or": "any"}  # fmt: skip


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of `ufunc` on tensors, numbers and NumPy arrays, as a tensor."""
    name = ufunc.__name__
    if method == "reduce":
        name = _REDUCTIONS.get(name, "")
        kwargs = _renamed(f"numpy.{ufunc.__name__}.reduce", {"axis": 0, **kwargs})
    elif method == "__call__":
        name = _UFUNCS.get(name, name)
        kwargs = _renamed(f"numpy.{ufunc.__name__}", kwargs)
    operation = getattr(ops, name, None) if method in ("__call__", "reduce") and name else None
    if operation is None:
        raise ArgumentTypeError(
            f"numpy.{ufunc.__name__}{'' if method == '__call__' else '.' + method} has no counterpart for tensors; "
            "use x.numpy()"
        )
    return operation(*_as_tensors(inputs), **kwargs)


def apply_function(func: Any, args: Any, kwargs: Any) -> Any:
    """The result of the NumPy function `func` on tensors."""
    name = func.__name__ if func.__module__ == "numpy" else f"{func.__module__.removeprefix('numpy.')}.{func.__name__}"
    if name not in _FUNCTIONS:
        raise ArgumentTypeError(f"numpy.{name} has no counterpart for tensors; use x.numpy()")
    if name in _REDUCING.split() and len(args) > 2:
        raise ArgumentTypeError(f"numpy.{name}: on tensors, give all arguments behind axis by name")
    operation, given = _FUNCTIONS[name], _renamed(f"numpy.{name}", kwargs, keeps_none=True)
    if isinstance(operation, str):
        operation, given = getattr(ops, operation), _renamed(f"numpy.{name}", kwargs)
    return operation(*_as_tensors(args), **given)


def _renamed(function: str, kwargs: dict[str, Any], keeps_none: bool = False) -> dict[str, Any]:
    """NumPy's argument names as PyTorch's, where axis=None is the same as no `dim`, unless `keeps_none`."""
    for refused in ("out", "where", "initial", "casting", "order"):
        if kwargs.get(refused) is not None:
            raise ArgumentTypeError(f"{function}: {refused}= is not supported on tensors")
    given = {_NAMES.get(k, k): v for k, v in kwargs.items() if k not in ("out", "where", "casting", "order")}
    return {k: v for k, v in given.items() if k != "dim" or v is not None or keeps_none}


def _as_tensors(values: Any) -> list[Any]:
    """NumPy arrays among `values`, also in lists, as tensors on the device of the tensors among them."""
    first = _first_tensor(values)

    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return Variable.result_type(backend.to_device(value, backend.device_of(first.array)))
        if isinstance(value, (list, tuple)) and any(isinstance(v, (np.ndarray, Variable)) for v in value):
            return [convert(v) for v in value]
        return value.item() if isinstance(value, np.generic) else value

    return [convert(v) for v in values]


def _first_tensor(values: Any) -> Any:
    for value in values:
        if isinstance(value, Variable):
            return value
        if isinstance(value, (list, tuple)):
            found = _first_tensor(value)
            if found is not None:
                return found
    return None


def _moment(name: str) -> Callable[..., Any]:
    """var and std with NumPy's divisor: n - ddof, where PyTorch has n - correction with another default."""

    def moment(a: Any, dim: Any = None, *, ddof: int = 0, correction: int | None = None, keepdim: bool = False) -> Any:
        return getattr(ops, name)(a, dim, correction=ddof if correction is None else correction, keepdim=keepdim)

    return moment


def _transpose(a: Tensor, axes: Any = None) -> Any:
    return ops.permute(a, tuple(axes) if axes is not None else tuple(range(a.ndim))[::-1])


def _concatenate(arrays: Any, dim: int | None = 0) -> Any:
    return ops.cat([ops.ravel(a) for a in arrays] if dim is None else arrays, dim or 0)


def _expand_dims(a: Tensor, dim: Any) -> Any:
    if isinstance(dim, tuple):
        for d in sorted(d % (a.ndim + len(dim)) for d in dim):
            a = ops.unsqueeze(a, d)
        return a
    return ops.unsqueeze(a, dim)


def _along(operation: Callable[..., Any], default: int | None) -> Callable[..., Any]:
    """`operation` along an axis; without one, of the flattened tensor."""

    def along(a: Tensor, dim: int | None = default, **options: Any) -> Any:
        return operation(ops.ravel(a), 0, **options) if dim is None else operation(a, dim, **options)

    return along


def _median(a: Tensor, dim: int | None = None, *, keepdim: bool = False) -> Any:
    """The mean of the middle two, of which PyTorch's median is the lower."""
    return ops.quantile(a if a.is_floating_point() else a.to(dtypes.get_default_dtype()), 0.5, dim, keepdim)


def _round(a: Tensor, decimals: int = 0) -> Any:
    return ops.round(a, decimals=decimals)


def _meshgrid(*vectors: Any, indexing: str = "xy") -> Any:
    return ops.meshgrid(*vectors, indexing=indexing)


def _einsum(subscripts: str, *operands: Tensor) -> Any:
    return ops.einsum(subscripts, *operands)


def _repeat(a: Tensor, repeats: Any, dim: int | None = None) -> Any:
    return ops.repeat_interleave(a, repeats, dim)


def _sort(a: Tensor, dim: int) -> Any:
    return ops.sort(a, dim).values


def _argsort(a: Tensor, dim: int) -> Any:
    return ops.argsort(a, dim, stable=True)


def _flip(a: Tensor, dim: Any = None) -> Any:
    return ops.flip(a, tuple(range(a.ndim)) if dim is None else dim)


def _roll(a: Tensor, shift: Any, dim: Any = None) -> Any:
    return ops.roll(a, shift, dim)


def _shape(a: Tensor) -> tuple[int, ...]:
    return tuple(a.shape)


def _ndim(a: Tensor) -> int:
    return a.ndim


def _size(a: Tensor, dim: int | None = None) -> int:
    return a.numel() if dim is None else int(a.array.shape[dim])


def _copy(a: Tensor) -> Tensor:
    return a.clone()


_SAME = (
    "sum mean prod nansum nanmean amax amin argmax argmin all any count_nonzero stack "
    "vstack hstack dstack column_stack reshape ravel squeeze moveaxis swapaxes fliplr flipud tile "
    "broadcast_to where clip dot matmul inner outer kron tensordot diagonal diag trace tril triu allclose isclose "
    "nan_to_num zeros_like ones_like full_like empty_like searchsorted diff unique"
)
_REDUCING = "sum mean prod nansum nanmean amax amin max min argmax argmin all any count_nonzero median var std"
_FUNCTIONS: dict[str, Any] = {
    **{name: name for name in _SAME.split()},
    "array_equal": "equal",
    "concatenate": _concatenate,
    "concat": _concatenate,
    "transpose": _transpose,
    "permute_dims": _transpose,
    "expand_dims": _expand_dims,
    "einsum": _einsum,
    "repeat": _repeat,
    "sort": _along(_sort, -1),
    "argsort": _along(_argsort, -1),
    "cumsum": _along(ops.cumsum, None),
    "cumprod": _along(ops.cumprod, None),
    "max": "amax",
    "min": "amin",
    "median": _median,
    "round": _round,
    "around": _round,
    "meshgrid": _meshgrid,
    "var": _moment("var"),
    "std": _moment("std"),
    "flip": _flip,
    "roll": _roll,
    "shape": _shape,
    "ndim": _ndim,
    "size": _size,
    "copy": _copy,
    "linalg.norm": linalg_norm,
}
