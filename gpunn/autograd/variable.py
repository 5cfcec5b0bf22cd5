"""Variable: what tensors were called when they did not differentiate themselves."""

from __future__ import annotations

from typing import Any

from gpunn.errors import ArgumentTypeError
from gpunn.tensor import Tensor


class _TensorByItsOldName(type):
    """Makes `Variable(...)` a Tensor, and every Tensor an instance of Variable."""

    def __call__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(
                f"Variable: data has to be a tensor, but got {type(data).__name__}; use gpunn.tensor(...)"
            )
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_TensorByItsOldName):
    """`Variable(data, requires_grad=False)`: a new leaf on the memory of `data`. For old programs only."""
