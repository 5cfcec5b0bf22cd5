"""NumPy functions on tensors: which operation of gpunn each one is.

Ufuncs go by name. Other functions stand in a table, with the names of their arguments where these differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, ops
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError

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
}
_REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin", "logical_and": "all",
               "logical_or": "any"}  # fmt: skip


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of `ufunc` on tensors, numbers and NumPy arrays, as a tensor."""
    name = ufunc.__name__
    if method == "reduce":
        name = _REDUCTIONS.get(name, "")
        kwargs = {k: v for k, v in kwargs.items() if not (k == "axis" and v is None)}
        kwargs = _renamed(f"numpy.{ufunc.__name__}.reduce", {"axis": 0, **kwargs})
    elif method == "__call__":
        name = _UFUNCS.get(name, name)
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
    operation = _FUNCTIONS[name]
    if isinstance(operation, str):
        operation = getattr(ops, operation)
    return operation(*_as_tensors(args), **_renamed(f"numpy.{name}", kwargs))


def _renamed(function: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """NumPy's argument names as PyTorch's."""
    names = {"axis": "dim", "keepdims": "keepdim", "a_min": "min", "a_max": "max"}
    for refused in ("out", "where", "initial", "casting", "order"):
        if kwargs.get(refused) is not None and refused in kwargs:
            raise ArgumentTypeError(f"{function}: {refused}= is not supported on tensors")
    given = {names.get(k, k): v for k, v in kwargs.items() if k not in ("out", "casting", "order")}
    return {k: v for k, v in given.items() if not (k == "dim" and v is None)}


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


def _concatenate(arrays: Any, dim: int = 0) -> Any:
    return ops.cat(arrays, dim)


def _expand_dims(a: Tensor, dim: Any) -> Any:
    for d in sorted(dim) if isinstance(dim, tuple) else (dim,):
        a = ops.unsqueeze(a, d)
    return a


def _einsum(subscripts: str, *operands: Tensor) -> Any:
    return ops.einsum(subscripts, *operands)


def _repeat(a: Tensor, repeats: Any, dim: int | None = None) -> Any:
    return ops.repeat_interleave(a, repeats, dim)


def _sort(a: Tensor, dim: int = -1) -> Any:
    return ops.sort(a, dim).values


def _argsort(a: Tensor, dim: int = -1) -> Any:
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
    "sum mean prod nansum nanmean amax amin max min argmax argmin cumsum cumprod all any count_nonzero median stack "
    "vstack hstack dstack column_stack reshape ravel squeeze moveaxis swapaxes fliplr flipud tile "
    "broadcast_to where clip dot matmul inner outer kron tensordot diagonal diag trace tril triu allclose isclose "
    "nan_to_num round zeros_like ones_like full_like empty_like meshgrid searchsorted diff unique"
)
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
    "sort": _sort,
    "argsort": _argsort,
    "var": _moment("var"),
    "std": _moment("std"),
    "flip": _flip,
    "roll": _roll,
    "shape": _shape,
    "ndim": _ndim,
    "size": _size,
    "copy": _copy,
    "linalg.norm": "norm",
}
