"""Batch normalisation as a layer."""

from __future__ import annotations

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.nn import functional as F
from gpunn.nn.norm.tracked import TrackedNorm
from gpunn.tensor import Tensor


class BatchNorm(TrackedNorm):
    """(x - mean) / √(var + eps) · weight + bias, with mean and variance over all dimensions but the channels.

    In training they are those of the batch, and running averages follow them:
    running = (1 - momentum) running + momentum batch; with momentum None, the mean of all batches. In eval the running
    averages take their place, unless `track_running_stats` is off.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

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
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → (N, C, *)"""
        self.check_rank(input)
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


class BatchNorm1d(BatchNorm):
    """Batch normalisation of inputs (N, C) and (N, C, L): see `BatchNorm`."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of inputs (N, C, H, W): see `BatchNorm`."""

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Batch normalisation of inputs (N, C, D, H, W): see `BatchNorm`."""

    ranks = (5,)
