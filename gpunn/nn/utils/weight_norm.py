"""Weight normalisation: a weight as length times direction."""

from __future__ import annotations

from typing import Any, TypeVar

from gpunn.errors import ArgumentError, GraphError
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops.reduction.norms import norm
from gpunn.ops.shape.dims import one_dim
from gpunn.tensor import Tensor

M = TypeVar("M", bound=Module)


class WeightNorm:
    """The hook that computes the weight before each forward."""

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module) -> Any:
        """g v / ‖v‖"""
        length, direction = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return direction * (length / norm_except(direction, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """`module`, whose parameter `name` is from now on g v / ‖v‖, with parameters `name`_g and `name`_v in its place.

    The norm is over all dimensions but `dim`: one for each output channel. With `dim` None or -1 there is one norm for
    the whole weight. The weight is computed anew before each forward. Salimans & Kingma 2016, eq. 2.
    """
    if name in hooks_of(module, WeightNorm):
        raise GraphError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, -1 if dim is None else dim)
    weight = getattr(module, name)
    length = Parameter(norm_except(weight.detach(), hook.dim))
    del module._parameters[name]
    module.register_parameter(f"{name}_g", length)
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """`module` with its weight as one parameter again."""
    hook = taken_out(module, WeightNorm, "weight_norm", name)
    weight = hook.compute_weight(module)
    for part in (name, f"{name}_g", f"{name}_v"):
        delattr(module, part)
    setattr(module, name, Parameter(weight.data))
    return module


def norm_except(x: Tensor, dim: int) -> Tensor:
    """The norms over all dimensions but `dim`, which stay as 1; for -1 over all, a 0-d tensor."""
    if dim == -1:
        return norm(x, 2)
    kept = one_dim("weight_norm", dim, x.ndim)
    others = tuple(d for d in range(x.ndim) if d != kept)
    return norm(x, 2, others, keepdim=True) if others else abs(x)


def hooks_of(module: Module, kind: type[Any]) -> dict[str, int]:
    """The numbers of the hooks before forward of a kind, by the name of their parameter."""
    found: list[tuple[int, Any]] = [(key, hook.call) for key, hook in module._hooks_of("forward_pre")]
    return {hook.name: key for key, hook in found if isinstance(hook, kind)}


def taken_out(module: Module, kind: type[Any], what: str, name: str) -> Any:
    """The hook of a kind for parameter `name`, no longer registered. Raises ArgumentError if there is none."""
    key = hooks_of(module, kind).get(name)
    if key is None:
        raise ArgumentError(f"{what} of '{name}' not found in {module}")
    return module._hooks["forward_pre"].pop(key).call
