"""Norms without running averages, as layers: each input is normalised by itself."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.tensor import Tensor


class ScaledNorm(Module):
    """A norm with a weight and perhaps a bias of one shape."""

    weight: Parameter | None
    bias: Parameter | None

    def _register(
        self, names: Sequence[str], shape: tuple[int, ...], wanted: Sequence[bool], device: DeviceLike, of: dtype | None
    ) -> None:
        """Make the parameters that are wanted."""
        for name, flag in zip(names, wanted, strict=True):
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=of)) if flag else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start anew: weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if "bias" in self._parameters and self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(ScaledNorm):
    """(x - mean) / √(var + eps) · weight + bias, mean and variance over the last dimensions, `normalized_shape`.

    Source: Ba, Kiros, Hinton, Layer normalization, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        wanted = (elementwise_affine, elementwise_affine and bias)
        self._register(("weight", "bias"), self.normalized_shape, wanted, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(*, normalized_shape) → (*, normalized_shape)"""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(ScaledNorm):
    """x / √(mean(x²) + eps) · weight, the mean over the last dimensions, `normalized_shape`.

    With eps None it is the precision of the type that is computed in.
    Source: Zhang and Sennrich, Root mean square layer normalization, 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register(("weight",), self.normalized_shape, (elementwise_affine,), device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(*, normalized_shape) → (*, normalized_shape)"""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(ScaledNorm):
    """(x - mean) / √(var + eps) · weight + bias, mean and variance of each group of channels of each image.

    Source: Wu and He, Group normalization, ECCV 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups <= 0 or num_channels % num_groups:
            raise ArgumentError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register(("weight", "bias"), (num_channels,), (affine, affine and bias), device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → (N, C, *)"""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """x / (k + alpha · m)^beta, m the mean of x² over `size` neighbouring channels.

    Source: Krizhevsky, Sutskever, Hinton, ImageNet classification, NeurIPS 2012, §3.3.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → (N, C, *)"""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _sizes(given: int | Sequence[int]) -> tuple[int, ...]:
    """`normalized_shape` as a tuple: an int is one dimension."""
    if isinstance(given, Sequence):
        return tuple(given)
    return (operator.index(given),)
