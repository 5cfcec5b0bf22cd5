"""Parameters of optimizers: which may be optimised, and which gradients and states fit them."""

from __future__ import annotations

import copy
from typing import Any

from numpy import ndarray

from gpunn.backend import Array
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.tensor import Tensor


def listed(params: Any) -> list[Any]:
    """The entries of a group as a list; a tensor is a list of one. ArgumentTypeError for a set, which has no order."""
    if isinstance(params, Tensor):
        return [params]
    if isinstance(params, set):
        raise ArgumentTypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
            "sets will change between runs. Please use a list instead."
        )
    return list(params)


def check_params(entries: list[Any], known: set[int]) -> None:
    """Raise unless `entries` are distinct leaves that no other group has (`known`, by id)."""
    for p in entries:
        if not isinstance(p, Tensor):
            raise ArgumentTypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p)}")
        if not (p.is_leaf or p.retains_grad):
            raise ArgumentError("can't optimize a non-leaf Tensor")
        if id(p) in known:
            raise ArgumentError("some parameters appear in more than one parameter group")
    if len({id(p) for p in entries}) != len(entries):
        raise ArgumentError("some parameters appear twice in one parameter group")


def are_alike(p: Array, grad: Array) -> bool:
    """Whether the two agree in shape, dtype and device."""
    if type(p) is not type(grad) or p.shape != grad.shape or p.dtype != grad.dtype:
        return False
    return type(p) is ndarray or bool(p.device == grad.device)


def fitted(state: dict[str, Any], p: Tensor, counts: tuple[str, ...]) -> dict[str, Any]:
    """A copy of loaded state on the device and in the dtype of the parameter; the `counts` on the CPU as they are."""
    return {name: _copied(value, None if name in (*counts, "step") else p) for name, value in state.items()}


def _copied(value: Any, p: Tensor | None) -> Any:
    """A copy that goes with `p`, of a tensor or of all tensors in a list; on the CPU for None."""
    if isinstance(value, (list, tuple)):
        return type(value)([_copied(v, p) for v in value])
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    if p is None:
        return value.to("cpu").detach().clone()
    return value.to(p.device, p.dtype if p.is_floating_point() else value.dtype).detach().clone()
