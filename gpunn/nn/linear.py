"""Linear maps, and the layer that does nothing."""

from __future__ import annotations

import math
from typing import Any

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ShapeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.ops.linalg.linear import linear_relu
from gpunn.tensor import Tensor


class Identity(Module):
    """Returns its input. Takes, and ignores, the arguments of any layer whose place it holds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return input


class Linear(Module):
    """x Wᵀ + b.

    `weight` (out_features, in_features) and `bias` (out_features,) start uniform in ±1/√in_features.
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew. kaiming_uniform_ with a = √5 is uniform in ±1/√in_features."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(*, in_features) → (*, out_features)"""
        try:
            return F.linear(input, self.weight, self.bias)
        except ShapeError as error:
            raise _explained(error, input, self) from None

    def with_relu(self, input: Tensor) -> Tensor:
        """relu(self(input)) with the same numbers, for layers that fuse. No hooks are called."""
        try:
            return linear_relu(input, self.weight, self.bias)
        except ShapeError as error:
            raise _explained(error, input, self) from None

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """x1ᵀ W_k x2 + b_k.

    `weight` (out_features, in1_features, in2_features) and `bias` (out_features,) start uniform in ±1/√in1_features.
    """

    in1_features: int
    in2_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"Bilinear: in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """(*, in1_features), (*, in2_features) → (*, out_features)"""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def _explained(error: ShapeError, input: Tensor, layer: Linear) -> ShapeError:
    """`error`, or if the number of features is wrong, one that says where they come from and what would fit them."""
    shape, (outs, ins) = tuple(input.shape), layer.weight.shape
    if not shape or shape[-1] == ins:
        return error
    got = shape[-1]
    before = getattr(input.grad_fn, "was", ())  # the shape before Flatten, if the graph knows
    parts = before[input.ndim - 1 :]
    flat = f" {got} = {' × '.join(map(str, parts))} of the flattened {before}." if math.prod(parts) == got != 1 else ""
    return ShapeError(
        f"got {got} features, expects {ins}: the input is {shape}, the weight {(outs, ins)}.{flat} "
        f"Use Linear({got}, {outs}), or change what comes before"
    )
