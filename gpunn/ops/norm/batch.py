"""Batch normalisation. Source: Ioffe and Szegedy, Batch normalization, ICML 2015."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn.backend import Array, array_module
from gpunn.engine import Variable, bump
from gpunn.errors import ArgumentError, GraphError, ShapeError
from gpunn.ops.norm import batch_reference, launches
from gpunn.ops.norm.arguments import check_dtypes, check_tensors, check_vectors, made_alike
from gpunn.ops.norm.cut import as_given, channel_cut, in_memory_order
from gpunn.ops.norm.launches import CENTERED, Residual, Running, Statistics
from gpunn.ops.norm.standard import Norm, NormBackward
from gpunn.ops.shape.conversion import is_channels_last

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class BatchNorm(Norm):
    """(x - mean) / √(var + eps) · weight + bias, with the moments of the batch, which `running` follows.

    Or with the `given` moments, which are constants then.
    """

    def __init__(self, x: Array, eps: float, given: tuple[Array, Array] | None, running: Running | None) -> None:
        super().__init__(functools.partial(channel_cut, x.shape, None), is_channels_last(x), CENTERED, eps)
        self.given, self.running = given, running

    def forward_numpy(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        y = batch_reference.normalised(x, *self.reference_statistics(x), weight, bias)
        self.keep(self.kept, weight, bias, x)
        return y

    def reference_statistics(self, x: Array) -> tuple[batch_reference.Moments, Array]:
        """Moments and scale on NumPy; kept for backward."""
        if self.given is not None:
            found = batch_reference.given_moments(*self.given, x)
        else:
            found = batch_reference.batch_moments(x)
        scale = 1 / np.sqrt(found.var + self.eps)
        if self.running is not None:
            batch_reference.follow(self.running, found.center + found.rest, found.var, x.size // x.shape[1])
        self.kept = Statistics(found.center, found.rest, scale)
        return found, scale

    def forward_cuda(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        y, _ = self.launch(x, weight, bias, None)
        return y

    def launch(self, x: Array, weight: Array | None, bias: Array | None, residual: Residual | None) -> Any:
        """The result and the mask of `launches.normalised`."""
        cut, values = self.cutting(self.channels_last), in_memory_order(x, self.channels_last)
        if self.given is not None:
            found = launches.given_statistics(cut, values, *self.given, self.eps)
        else:
            found, _ = launches.statistics(cut, values, CENTERED, self.eps, self.running)
        y, mask = launches.normalised(cut, values, found, weight, bias, residual)
        self.keep(found, weight, bias, x)
        return as_given(y, x.shape, self.channels_last), mask

    def gradient_node(self) -> NormBackward:
        return BatchNormBackward(self)


class BatchNormBackward(NormBackward):
    """The gradients of x, weight and bias, those that are wanted."""

    def __init__(self, node: BatchNorm) -> None:
        super().__init__(node)
        self.is_constant = node.given is not None

    def forward_numpy(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        return self.only_wanted(*batch_reference.gradients(grad, x, weight, kept, self.is_constant, self.wanted))

    def forward_cuda(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        dx, _, to_weight, to_bias = self.launch(grad, x, weight, Statistics(*kept), None, False)
        return self.only_wanted(dx, to_weight, to_bias)

    def launch(
        self, grad: Array, x: Array, weight: Array | None, found: Statistics, mask: Array | None, gives: bool
    ) -> tuple[Array | None, ...]:
        """dx, dz (if it `gives` that), dweight, dbias."""
        cut = self.cutting(self.channels_last)
        dy, values = [in_memory_order(v, self.channels_last) for v in (grad, x)]
        dx = dz = to_weight = to_bias = line = None
        has_line = self.wanted[0] and not self.is_constant
        if has_line or True in self.wanted[1:3]:
            sums = launches.gradients(
                cut, dy, values, found, CENTERED, self.eps, weight, self.parameter_dtype, has_line, mask
            )
            to_weight, to_bias, line = sums.weight, sums.bias, sums if has_line else None
        if self.wanted[0] or gives:
            dx, dz = launches.gradient(cut, dy, values, found, line, weight, mask, gives)
            dx, dz = [as_given(d, x.shape, self.channels_last) for d in (dx, dz)]
        return dx, dz, to_weight, to_bias

    def pieces(self, cut: Any, x: Any, kept: Any) -> Any:
        if not self.is_constant:
            return super().pieces(cut, x, kept)
        center, rest, scale = kept
        column = (cut.inner, cut.members, 1)
        middle, scale = [
            Variable.result_type(v.astype(x.array.dtype).reshape(column))
            for v in (center.astype(np.float64) + rest, scale)
        ]
        return scale, (x - middle) * scale, None, None


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / √(var + eps) · weight + bias, with a mean and variance for each channel: (N, C, *) as input.

    In training these are the moments of the batch, over N and all dimensions after C, with the biased variance. If
    running_mean and running_var (C,) are given, they are changed in place: running = (1 - momentum) · running +
    momentum · moment, with the unbiased variance. Otherwise they are the moments.

    float16 and bfloat16 are computed in float32 and rounded once; the other tensors may then be float32.
    Raises ArgumentError for a negative eps, in training also for eps 0 and for a single value per channel.
    """
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check("batch_norm", input, given, training, eps)
    if input.array.ndim < 2:
        return input.clone()  # no channels, nothing in them
    moments, running = moments_to_use(input.array, (running_mean, running_var), training, momentum)
    result: Tensor = BatchNorm(input.array, float(eps), moments, running)(input, *made_alike(weight, bias))
    if running is not None:
        tell(running, (running_mean, running_var))
    return result


def moments_to_use(
    x: Array, tracked: tuple[Any, Any], training: bool, momentum: float
) -> tuple[tuple[Array, Array] | None, Running | None]:
    """The moments that are given, and the running averages that follow those of the batch: at most one of the two."""
    if tracked[0] is None or (training and not x.size):
        return None, None
    running = running_for(tracked, momentum)
    return (None, running) if training else (running[:2], None)


def running_for(tracked: Any, momentum: float) -> Running:
    """The arrays of the `tracked` tensors: copies if they have gaps, in float32 if their dtypes differ."""
    mean, var = [array_module(t.array).ascontiguousarray(t.array) for t in tracked]
    if mean.dtype != var.dtype:  # as half types may
        mean, var = mean.astype(np.float32), var.astype(np.float32)
    return Running(mean, var, float(momentum))


def tell(running: Running, tracked: Any) -> None:
    """Let it be known that the `tracked` tensors have changed."""
    for array, tensor in zip(running[:2], tracked, strict=True):
        if array is not tensor.array:
            tensor.array[...] = array.astype(tensor.array.dtype)
        bump(tensor)


def check(op: str, input: Any, given: dict[str, Any], training: bool, eps: float) -> None:
    """Types, dtypes and shapes."""
    check_tensors(op, input, given)
    shape = input.array.shape
    if len(shape) < 2 and shape != (0,):
        raise ShapeError(f"{op}: expected input of shape (N, C, *), got {shape}")
    check_vectors(op, shape, shape[1] if len(shape) > 1 else 0, given)
    check_dtypes(op, input, given)
    _check_moments(op, shape, given, training, eps)


def _check_moments(op: str, shape: tuple[int, ...], given: dict[str, Any], training: bool, eps: float) -> None:
    """Whether there are moments to normalise with."""
    mean, var = given["running_mean"], given["running_var"]
    if (mean is None) != (var is None):
        raise ArgumentError(f"{op}: running_mean and running_var must either both be None or neither be None")
    if eps < 0 or (training and eps == 0):
        limit = "positive during training" if training else "non-negative"
        raise ArgumentError(f"{op}: eps must be {limit}, but got {eps}")
    if not training:
        if mean is None:
            raise ArgumentError(f"{op}: running_mean must be defined in evaluation mode; or use training=True")
        return
    if any([x is not None and x._requires_grad for x in (mean, var)]):
        raise GraphError(f"{op}: running_mean and running_var cannot require gradients; detach them")
    if math.prod(shape[:1] + shape[2:]) == 1:
        raise ArgumentError(
            f"{op}: Expected more than 1 value per channel when training, got input size {shape}; "
            "use a larger batch, or eval()"
        )
