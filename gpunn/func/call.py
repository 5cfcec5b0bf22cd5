"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpunn.errors import ArgumentError
from gpunn.nn.module import Module
from gpunn.nn.utils.stateless import called_with
from gpunn.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with these tensors in the place of its parameters and buffers, by name.

    Several dicts count as one; `args` that is no tuple is the only argument. What forward puts in the place of a
    parameter or buffer goes into the dict, and the module is left as it was. With `tie_weights` a tensor stands for all
    names of a parameter that has several. With `strict`, GraphError unless all names of the module are given, and no
    others.
    """
    named = parameter_and_buffer_dicts
    if not isinstance(named, dict):
        if not isinstance(named, Sequence):
            raise ArgumentError(
                f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(named)}"
            )
        if not all(isinstance(d, dict) for d in named):
            raise ArgumentError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        names = [name for d in named for name in d]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ArgumentError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
            )
        named = {name: value for d in named for name, value in d.items()}
    return called_with(module, named, args, kwargs, tie_weights, strict)
