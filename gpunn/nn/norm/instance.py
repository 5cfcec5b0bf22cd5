"""Instance normalisation as a layer."""

from __future__ import annotations

import warnings

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.nn.norm.tracked import TrackedNorm
from gpunn.tensor import Tensor


class InstanceNorm(TrackedNorm):
    """(x - mean) / √(var + eps) · weight + bias, with mean and variance of each channel of each image.

    With `track_running_stats`, running averages follow them in training, and take their place in eval. An input
    without the dimension N is one image.
    Source: Ulyanov, Vedaldi, Lempitsky, Instance normalization, 2016.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) → (N, C, *), or (C, *) → (C, *)"""
        self.check_rank(input)
        is_single = input.ndim == min(self.ranks)
        self._check_channels(input, 0 if is_single else 1)
        result = F.instance_norm(
            input.unsqueeze(0) if is_single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result.squeeze(0) if is_single else result

    def _check_channels(self, input: Tensor, dim: int) -> None:
        if input.shape[dim] == self.num_features:
            return
        if self.affine:
            raise ShapeError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), "
                f"but got: {input.shape[dim]}"
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
            "num_features, which is not used because affine=False",
            stacklevel=3,
        )


class InstanceNorm1d(InstanceNorm):
    """Instance normalisation of inputs (N, C, L) and (C, L): see `InstanceNorm`."""

    ranks = (2, 3)


class InstanceNorm2d(InstanceNorm):
    """Instance normalisation of inputs (N, C, H, W) and (C, H, W): see `InstanceNorm`."""

    ranks = (3, 4)


class InstanceNorm3d(InstanceNorm):
    """Instance normalisation of inputs (N, C, D, H, W) and (C, D, H, W): see `InstanceNorm`."""

    ranks = (4, 5)
