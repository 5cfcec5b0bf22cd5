"""autocast: regions in which operations choose their own precision."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

from gpunn import backend, dtypes, engine
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.engine.autocast import (
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    known,
)
from gpunn.errors import ArgumentError, ArgumentTypeError

F = TypeVar("F", bound=Callable[..., Any])


class autocast:  # noqa: N801 - PyTorch's name
    """Context or decorator in which operations on devices of one type ("cuda" or "cpu") choose their own precision.

    Products, convolutions, attention and recurrent layers cast what they get to `dtype` (float16 on "cuda" and
    bfloat16 on "cpu" by default), and round once: sums inside are float32. Exponentials, reductions, norms and losses
    run in float32; others in the dtype of what they get. `gpunn/ops/precision.py` has the lists, which are PyTorch's.
    Parameters stay float32, and so do their gradients; the cast of a parameter is kept until the outermost region
    ends, unless `cache_enabled` is False. float64 is left alone, as are in-place operations and those that are given a
    dtype. Backward runs in the dtypes of forward and needs no region.

    Regions may be nested, and `enabled=False` ends autocasting for the inner one. Each thread and each async task has
    its own. Micikevicius et al. 2018.

    Raises DeviceError for other types of devices; warns and does nothing for "cuda" without a GPU, or for a dtype on
    "cpu" that is neither bfloat16 nor float16.
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ArgumentError(f"autocast: Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = known(device_type)
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtypes.as_dtype(dtype)
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and _can_be_enabled(self.device, self.fast_dtype)

    def __enter__(self) -> autocast:
        engine.autocast.enter(self.device, self._enabled, self.fast_dtype, self._cache_enabled)
        return self

    def __exit__(self, *exc: object) -> None:
        engine.autocast.leave()

    def __call__(self, func: F) -> F:
        if not callable(func):
            raise ArgumentTypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as "
                'a context manager? For example: with gpunn.autocast("cuda"): output = model(input)'
            )

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return cast(F, wrapped)


def _can_be_enabled(device_type: str, lower: dtype) -> bool:
    if device_type == "cuda" and backend.cuda_problem() is not None:
        warnings.warn("autocast: CUDA is not available. Disabling autocast.", stacklevel=3)
        return False
    if device_type == "cpu" and lower not in (dtypes.bfloat16, dtypes.float16):
        warnings.warn(
            f"In CPU autocast, but the target dtype {lower} is not supported. Disabling autocast.\n"
            "CPU Autocast only supports dtypes of gpunn.bfloat16, gpunn.float16 currently.",
            stacklevel=3,
        )
        return False
    return True


def custom_fwd(fwd: F | None = None, *, device_type: str, cast_inputs: dtype | None = None) -> Any:
    """Decorator for `forward` of an autograd.Function that is used inside `autocast`.

    With `cast_inputs`, floating tensors (not float64) come in that dtype and autocasting is off inside; without, what
    forward does is autocast as anything else. Outside of a region it changes nothing.
    """
    _check_name("custom_fwd", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    forward = fwd

    @functools.wraps(forward)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        is_on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = is_on and cast_inputs is None
        if not is_on or cast_inputs is None:
            return forward(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return forward(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd: F | None = None, *, device_type: str) -> Any:
    """Decorator for `backward` of an autograd.Function: it is autocast if `forward`, under `custom_fwd`, was."""
    _check_name("custom_bwd", device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    backward = bwd

    @functools.wraps(backward)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return backward(*args, **kwargs)

    return decorated


def _check_name(op: str, device_type: object) -> None:
    if not isinstance(device_type, str):
        raise ArgumentError(f"{op}: Expected `device_type` of type `str`, got: `{type(device_type)}`")


def _cast(value: Any, device_type: str, to: dtype) -> Any:
    """`value`, nested tuples, lists and dicts, with the floating tensors on these devices in the dtype `to`."""
    if isinstance(value, Variable):
        tensor: Any = value
        is_wanted = tensor.is_floating_point() and tensor.device.type == device_type.partition(":")[0]
        return tensor.to(to) if is_wanted and tensor.dtype is not dtypes.float64 else tensor
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, to): _cast(v, device_type, to) for k, v in value.items()}
    if isinstance(value, Iterable):
        parts = [_cast(v, device_type, to) for v in value]
        return type(value)(parts) if isinstance(value, (list, tuple)) else parts
    return value
