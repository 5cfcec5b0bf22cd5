"""Norms that learn the number of their channels from the first input."""

from __future__ import annotations

from typing import Any

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.nn.lazy.layer import Lazy
from gpunn.nn.norm.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from gpunn.nn.norm.instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from gpunn.tensor import Tensor


class LazyNorm(Lazy):
    """What lazy norms share."""

    counted = "num_features"

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
        *,
        bias: bool = True,
    ) -> None:
        rest = (eps, momentum, affine, track_running_stats, device, dtype)
        self.cls_to_become.__init__(self, 0, *rest, bias=bias)
        self._start(device, dtype)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        names = ("weight", "bias", "running_mean", "running_var")
        return dict.fromkeys(names, (getattr(self, self.counted),))

    def _count(self, input: Tensor) -> int:
        layer: Any = self
        layer.check_rank(input)
        return int(input.shape[1])


class LazyInstanceNorm(LazyNorm):
    """What lazy instance norms share. Without a batch, dimension 0 of the input has the channels."""

    def _count(self, input: Tensor) -> int:
        layer: Any = self
        layer.check_rank(input)
        return int(input.shape[0 if input.ndim == min(layer.ranks) else 1])


class LazyBatchNorm1d(LazyNorm, BatchNorm1d):
    """`BatchNorm1d` with the num_features of the first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LazyNorm, BatchNorm2d):
    """`BatchNorm2d` with the num_features of the first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(LazyNorm, BatchNorm3d):
    """`BatchNorm3d` with the num_features of the first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(LazyInstanceNorm, InstanceNorm1d):
    """`InstanceNorm1d` with the num_features of the first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(LazyInstanceNorm, InstanceNorm2d):
    """`InstanceNorm2d` with the num_features of the first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(LazyInstanceNorm, InstanceNorm3d):
    """`InstanceNorm3d` with the num_features of the first input."""

    cls_to_become = InstanceNorm3d
