"""Batch normalisation as a layer."""

from __future__ import annotations

import functools
from collections.abc import Callable

from gpunn import engine
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.nn import functional as F
from gpunn.nn.norm.tracked import TrackedNorm
from gpunn.ops import zeros_like
from gpunn.ops.norm.batch_relu import batch_norm_relu
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
        return self._normalised(F.batch_norm, input)

    def with_relu(self, input: Tensor, residual: Tensor | None = None) -> Tensor:
        """relu(self(input) + residual), or relu(self(input)), for layers that fuse. No hooks are called.

        `residual` has the shape and dtype of `input`; the sum is rounded once.
        """
        return self._normalised(functools.partial(batch_norm_relu, residual=residual), input)

    def _normalised(self, batch_norm: Callable[..., Tensor], input: Tensor) -> Tensor:
        """What `batch_norm` makes of `input`, with the averages that hold now, which follow."""
        self.check_rank(input)
        tracks = self.training and self.track_running_stats
        counted = self.num_batches_tracked if tracks else None
        running = (self.running_mean, self.running_var) if tracks or not self.training else (None, None)
        of_batch = self.training or (self.running_mean is None and self.running_var is None)
        if counted is not None and self.momentum is None:
            mean, var = [None if r is None else zeros_like(r) for r in running]
            result = batch_norm(input, mean, var, self.weight, self.bias, of_batch, 1.0, self.eps)
            self._average(mean, var, counted)
            return result
        momentum = 0.0 if self.momentum is None else self.momentum
        result = batch_norm(input, *running, self.weight, self.bias, of_batch, momentum, self.eps)
        if counted is not None:
            counted.add_(1)
        return result

    @engine.no_grad()
    def _average(self, mean: Tensor | None, var: Tensor | None, counted: Tensor) -> None:
        """Let the running averages be those of all batches; `mean` and `var` are the moments of this one.

        The number of batches stays on the device: a host that asked for it would wait, and could not while a graph is
        recorded.
        """
        share = 1 / counted.add_(1).double()
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            if running is not None and new is not None:
                running.lerp_(new, share.to(running.dtype))


class BatchNorm1d(BatchNorm):
    """Batch normalisation of inputs (N, C) and (N, C, L): see `BatchNorm`."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of inputs (N, C, H, W): see `BatchNorm`."""

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Batch normalisation of inputs (N, C, D, H, W): see `BatchNorm`."""

    ranks = (5,)
