"""Normalisations as layers."""

from __future__ import annotations

from typing import Any, ClassVar

from gpunn import dtypes
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty, ones, tensor, zeros
from gpunn.tensor import Tensor


class BatchNorm(Module):
    """(x - mean) / √(var + eps) · weight + bias, with mean and variance over all dimensions but the channels.

    In training they are those of the batch, and running averages follow them:
    running = (1 - momentum) running + momentum batch; with momentum None, the mean of all batches. In eval the running
    averages take their place, unless `track_running_stats` is off.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    _version: ClassVar[int] = 2  # since 2: num_batches_tracked
    ranks: ClassVar[tuple[int, ...]]

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, values)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        count = tensor(0, dtype=dtypes.int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Start the running averages anew: mean 0, variance 1."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start anew: weight 1, bias 0, and the running averages."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → (N, C, *)"""
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ShapeError(f"expected {wanted} input (got {input.ndim}D input): shape {tuple(input.shape)}")
        tracks = self.training and self.track_running_stats
        counted = self.num_batches_tracked if tracks else None
        result = F.batch_norm(
            input,
            self.running_mean if tracks or not self.training else None,
            self.running_var if tracks or not self.training else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            self._factor(counted),
            self.eps,
        )
        if counted is not None:
            counted.add_(1)
        return result

    def _factor(self, counted: Tensor | None) -> float:
        """The weight of this batch in the running averages."""
        if self.momentum is not None:
            return self.momentum
        return 0.0 if counted is None else 1 / (counted.item() + 1)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        if self.num_batches_tracked is not None and local_metadata.get("version", 1) < 2:
            state_dict.setdefault(key, self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """Batch normalisation of inputs (N, C) and (N, C, L): see `BatchNorm`."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of inputs (N, C, H, W): see `BatchNorm`."""

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Batch normalisation of inputs (N, C, D, H, W): see `BatchNorm`."""

    ranks = (5,)
