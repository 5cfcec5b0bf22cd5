"""Where CuPy's functions answer otherwise than NumPy's: types of sums, silence, errors, layout. Which: catalogue.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from gpunn.emulator import catalogue
from gpunn.emulator.products import round_operands
from gpunn.emulator.storage import BFLOAT16, EmulatorError, HostArray

Call = Callable[..., Any]


def with_manners(name: str, compute: Call) -> Call:
    """`compute` with the departures from NumPy that catalogue.py lists under `name`."""
    if name in catalogue.ACCUMULATING:
        compute = _accumulate_in_float32(compute)
    if name in catalogue.CONTRACTING:
        compute = round_operands(_contract_in_float32(compute))
    if name in catalogue.UNBATCHED:
        compute = _refuse_batches_of_bfloat16(compute)
    if name in catalogue.WIDENING:
        compute = _widen_bfloat16(compute)
    if name in catalogue.SORTING:
        compute = _refuse_bfloat16(compute)
    if name in catalogue.WARNING:
        compute = _without_warnings(name, compute)
    if name in catalogue.INDEXING:
        compute = _without_wrapping(name, compute)
    if name in catalogue.UNCHECKED:
        compute = _nan_where_singular(compute)
    if name in catalogue.COLUMN_MAJOR:
        compute = _column_major(compute)
    return compute


def _accumulate_in_float32(compute: Call) -> Call:
    def accumulate(a: HostArray, *args: Any, **kwargs: Any) -> Any:
        half = a.dtype == np.float16 or a.dtype == BFLOAT16
        if not half or len(args) > 1 or kwargs.get("dtype") is not None or kwargs.get("out") is not None:
            return compute(a, *args, **kwargs)
        return compute(a, *args, **{**kwargs, "dtype": np.float32}).astype(a.dtype)

    return accumulate


def _contract_in_float32(compute: Call) -> Call:
    def contract(*args: Any, **kwargs: Any) -> Any:
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        if not any(a.dtype == BFLOAT16 for a in arrays):
            return compute(*args, **kwargs)
        dtype = np.result_type(*arrays)
        widened = [a.astype(np.float32) if getattr(a, "dtype", None) == BFLOAT16 else a for a in args]
        out = kwargs.pop("out", None)
        result = np.asarray(compute(*widened, **kwargs)).astype(dtype)
        if out is None:
            return result
        out[...] = result
        return out

    return contract


def _refuse_batches_of_bfloat16(compute: Call) -> Call:
    def refuse(a: HostArray, b: HostArray, *args: Any, **kwargs: Any) -> Any:
        is_batch = max(np.ndim(a), np.ndim(b)) > 2 and np.size(a) > 0 and np.size(b) > 0
        if is_batch and np.result_type(a, b) == BFLOAT16:
            raise TypeError("data type 'E' not understood")
        return compute(a, b, *args, **kwargs)

    return refuse


def _widen_bfloat16(compute: Call) -> Call:
    def widen(*args: Any, **kwargs: Any) -> Any:
        result = compute(*args, **kwargs)
        if getattr(result, "dtype", None) == BFLOAT16 and kwargs.get("out") is None:
            return result.astype(np.float32)
        return result

    return widen


def _refuse_bfloat16(compute: Call) -> Call:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        if any(getattr(arg, "dtype", None) == BFLOAT16 for arg in args):
            raise NotImplementedError("Sorting arrays with dtype 'bfloat16' is not supported")
        return compute(*args, **kwargs)

    return refuse


def _without_warnings(name: str, compute: Call) -> Call:
    always = name.startswith("nan")

    def silent(a: HostArray, *args: Any, **kwargs: Any) -> Any:
        if a.size and not always and not kwargs.get("ddof") and len(args) < 4:
            return compute(a, *args, **kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return compute(a, *args, **kwargs)

    return silent


def _without_wrapping(name: str, compute: Call) -> Call:
    def check(*args: Any, **kwargs: Any) -> Any:
        try:
            return compute(*args, **kwargs)
        except np.exceptions.AxisError:
            raise
        except IndexError as error:
            if "out of bounds" not in str(error):
                raise
            raise EmulatorError(f"cupy.{name}: CuPy would wrap the index silently: {error}") from None

    return check


def _column_major(compute: Call) -> Call:
    def transpose(*args: Any, **kwargs: Any) -> Any:
        result = compute(*args, **kwargs)
        if isinstance(result, tuple):
            return tuple(np.asfortranarray(part) if part.ndim == 2 else part for part in result)
        return np.asfortranarray(result) if result.ndim == 2 else result

    return transpose


def _nan_where_singular(compute: Call) -> Call:
    def solve(a: HostArray, *args: HostArray) -> Any:
        try:
            return compute(a, *args)
        except np.linalg.LinAlgError as error:
            if not any(word in str(error) for word in ("Singular", "positive definite")):
                raise
        if a.ndim == 2:
            return np.full_like(compute(np.eye(len(a), dtype=a.dtype), *args), np.nan)
        return np.stack([solve(a[i], *(b if b.ndim == 1 else b[i] for b in args)) for i in range(len(a))])

    return solve
