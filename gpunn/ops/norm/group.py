"""Normalisation of each image by itself: groups of channels, or each channel.

Sources: Wu and He, Group normalization, ECCV 2018; Ulyanov, Vedaldi, Lempitsky, Instance normalization, 2016.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from gpunn.backend import Array
from gpunn.errors import ArgumentError, GraphError, ShapeError
from gpunn.ops.norm import batch_reference, launches
from gpunn.ops.norm.arguments import check_dtypes, check_tensors, check_vectors, made_alike
from gpunn.ops.norm.batch import batch_norm, running_for, tell
from gpunn.ops.norm.cut import Cut, as_given, channel_cut, in_memory_order
from gpunn.ops.norm.launches import CENTERED, Running
from gpunn.ops.norm.standard import Norm
from gpunn.ops.shape.conversion import is_channels_last
from gpunn.ops.shape.dims import one_int

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class GroupNorm(Norm):
    """Norm of images (N, C, *) with statistics for each of some groups of channels of each image."""

    def __init__(self, x: Array, groups: int, eps: float) -> None:
        super().__init__(functools.partial(channel_cut, x.shape, groups), is_channels_last(x), CENTERED, eps)


class InstanceNorm(GroupNorm):
    """GroupNorm with each channel a group, and running averages that follow the means over the images."""

    def __init__(self, x: Array, eps: float, running: Running) -> None:
        super().__init__(x, x.shape[1], eps)
        self.running = running

    def follow(self, cut: Cut, mean: Array, var: Array) -> None:
        moments = [v.reshape(cut.groups, cut.channels).mean(0) for v in (mean, var)]
        batch_reference.follow(self.running, moments[0], moments[1], cut.size)

    def forward_cuda(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        cut, values = self.cutting(self.channels_last), in_memory_order(x, self.channels_last)
        found, moments = launches.statistics(cut, values, self.kind, self.eps, keeps=True)
        y, _ = launches.normalised(cut, values, found, weight, bias)
        self.keep(found, weight, bias, x)
        launches.follow_instances(self.running, moments, cut.groups, cut.size / (cut.size - 1))
        return as_given(y, x.shape, self.channels_last)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """(input - mean) / √(var + eps) · weight + bias for images (N, C, *); weight and bias are (C,).

    Mean and biased variance are those of each of `num_groups` groups of neighbouring channels of each image. float16
    and bfloat16 are computed in float32 and rounded once; weight and bias may then be float32.
    """
    given = {"weight": weight, "bias": bias}
    check_tensors("group_norm", input, given)
    shape, groups = input.array.shape, one_int("group_norm", "num_groups", num_groups)
    if len(shape) < 2:
        raise ShapeError(f"group_norm: Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if groups <= 0:
        raise ArgumentError(f"group_norm: Expected num groups to be greater than 0, got {groups}")
    if shape[1] % groups:
        raise ShapeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={groups}"
        )
    if math.prod([shape[0] * shape[1] // groups, *shape[2:]]) == 1:
        raise ArgumentError(f"group_norm: Expected more than 1 value per channel when training, got input size {shape}")
    check_vectors("group_norm", shape, shape[1], given)
    check_dtypes("group_norm", input, given)
    result: Tensor = GroupNorm(input.array, groups, float(eps))(input, *made_alike(weight, bias))
    return result


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / √(var + eps) · weight + bias for images (N, C, *), the other tensors (C,).

    Mean and biased variance are those of each channel of each image, or running_mean and running_var without
    `use_input_stats`. With it, these two are changed in place if they are given: running = (1 - momentum) · running
    + momentum · (mean over the images), with the unbiased variance.
    """
    tracked = {"running_mean": running_mean, "running_var": running_var}
    given = {**tracked, "weight": weight, "bias": bias}
    check_tensors("instance_norm", input, given)
    shape = input.array.shape
    if len(shape) < 2:
        raise ShapeError(f"instance_norm: expected input of shape (N, C, *), got {shape}")
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ArgumentError(
            f"instance_norm: Expected more than 1 spatial element when training, got input size {shape}"
        )
    if (running_mean is None) != (running_var is None):
        raise ArgumentError("instance_norm: running_mean and running_var must either both be None or neither be None")
    if not use_input_stats and running_mean is None:
        raise ArgumentError(
            "instance_norm: Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    check_vectors("instance_norm", shape, shape[1], given)
    check_dtypes("instance_norm", input, given)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is None or running_var is None or not input.array.size:
        result: Tensor = GroupNorm(input.array, shape[1], float(eps))(input, *made_alike(weight, bias))
        return result
    if running_mean._requires_grad or running_var._requires_grad:
        raise GraphError("instance_norm: running_mean and running_var cannot require gradients; detach them")
    running = running_for((running_mean, running_var), momentum)
    result = InstanceNorm(input.array, float(eps), running)(input, *made_alike(weight, bias))
    tell(running, (running_mean, running_var))
    return result
