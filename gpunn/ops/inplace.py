"""In-place forms: `x.add_(y)` from `add(x, y)`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast

from gpunn import dtypes, engine
from gpunn.engine import autocast
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.shape.conversion import cast as as_type
from gpunn.ops.shape.conversion import to_device

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

P = ParamSpec("P")


def in_place(op: Callable[Concatenate[Any, P], Tensor]) -> Callable[Concatenate[Any, P], Tensor]:
    """The function that puts `op(self, …)` into the memory of self, recorded by autograd, and returns self.

    The result must have the shape of self, and a dtype of no higher category (an integer tensor cannot take a
    fraction). Nothing is changed if anything is wrong. `autocast` leaves in-place operations alone.
    """
    name = f"{op.__name__}_"

    @functools.wraps(op)
    def method(self: Any, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        engine.check_in_place(self, name)
        since = engine.sequence_now()
        result = autocast.plainly(op, self, *args, **kwargs)
        if result.requires_grad:
            engine.keep_original(self, result, since)
        return store(self, result, name)

    method.__name__ = name
    method.__qualname__ = name
    method.__doc__ = f"In-place form of `{op.__name__}`."
    return cast("Callable[Concatenate[Any, P], Tensor]", method)


def store(target: Tensor, result: Tensor, name: str) -> Tensor:
    """Write `result` into `target`, which `check_in_place` has passed, after the checks of shape and dtype."""
    if result.array.shape != target.array.shape:
        raise ShapeError(
            f"{name}: output with shape {target.array.shape} doesn't match the broadcast shape {result.array.shape}; "
            "an in-place operation keeps the shape of its tensor"
        )
    have, want = dtypes.of(result.array), dtypes.of(target.array)
    if not dtypes.can_cast(have, want):
        raise DtypeError(
            f"{name}: result type {have} can't be cast to the desired output type {want}; "
            f"use the out-of-place form, or x.to({have}) before"
        )
    return engine.write(target, as_type(to_device(result, target.device), want), name)
