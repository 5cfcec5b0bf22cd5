"""Batch normalisation. Source: Ioffe and Szegedy, Batch normalization, ICML 2015."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable, bump
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, GraphError, ShapeError
from gpunn.ops.norm.channels import Channels, as_images, by_channels, dots, sums
from gpunn.ops.reduction.accumulate import is_half, widened
from gpunn.ops.reduction.sums import mean, sum
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.views import reshape

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Moments(NamedTuple):
    """Mean and variance of each channel, in float64. The mean is center + rest; center fits the dtype of the input."""

    center: Array
    rest: Array
    var: Array


class BatchNorm(Function):
    """(x - mean) / √(var + eps) · weight + bias, with the moments of the batch, or with mean and var as given."""

    saves: ClassVar = {0: (0, 1, 2), 1: (0, 1, 2)}

    def __init__(self, training: bool, eps: float) -> None:
        self.training, self.eps = training, eps

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None, mean: Array | None, var: Array | None
    ) -> Array:
        xp, parts, dtype = array_module(x), by_channels(x), widened(x[:0]).dtype
        if mean is None or var is None:
            moments = _batch_moments(parts, dtype)
        else:
            moments = _split(mean.astype(np.float64), var.astype(np.float64), dtype)
        scale = 1 / xp.sqrt(moments.var + self.eps)
        self.moments, self.kept = moments, (moments.center, moments.rest, scale)
        self.bias_dtype = None if bias is None else bias.dtype
        factor = scale if weight is None else scale * weight.astype(np.float64)
        offset = -moments.rest * factor
        if bias is not None:
            offset = offset + bias.astype(np.float64)
        center, factor, offset = [parts.spread(v.astype(dtype)) for v in (moments.center, factor, offset)]
        y = xp.empty(parts.array.shape, x.dtype)
        for block in parts.blocks():
            values = xp.subtract(parts.array[block].astype(dtype, copy=False), center)
            values *= factor
            xp.add(values, offset, out=y[block])
        return as_images(y, x)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        node = BatchNormBackward(self.training, self.eps, self.needs[:3], self.bias_dtype)
        found = iter(node(grad, self.saved(0), self.saved(1), *self.kept))
        return tuple([next(found) if wanted else None for wanted in self.needs])


class BatchNormBackward(Function):
    """The gradients of x, weight and bias, those that are wanted.

    Training: dx = weight · scale · (dy - mean(dy) - x̂ · mean(dy · x̂)), x̂ = (x - mean) · scale. Otherwise the moments
    are constants: dx = weight · scale · dy.
    """

    saves: ClassVar = {i: (0, 1, 2) for i in range(6)}

    def __init__(self, training: bool, eps: float, wanted: tuple[bool, ...], bias_dtype: Any) -> None:
        self.training, self.eps, self.wanted, self.bias_dtype = training, eps, wanted, bias_dtype

    def forward(
        self, grad: Array, x: Array, weight: Array | None, center: Array, rest: Array, scale: Array
    ) -> tuple[Array, ...]:
        xp, parts, grads = array_module(x), by_channels(x), by_channels(grad, like=x)
        dtype = widened(x[:0]).dtype
        middle = parts.spread(center.astype(dtype))
        total, product = xp.zeros_like(scale), xp.zeros_like(scale)  # Σ dy and Σ dy · (x - mean) of the channels
        if self.training or True in self.wanted[1:]:
            for block in parts.blocks():
                dy = grads.array[block].astype(dtype, copy=False)
                total += grads.gather(sums(dy))
                product += grads.gather(dots(dy, parts.array[block].astype(dtype, copy=False) - middle))
            product -= rest * total
        found = []
        if self.wanted[0]:
            factor = scale if weight is None else scale * weight.astype(np.float64)
            slope = offset = None
            if self.training:
                share = factor * len(scale) / max(1, x.size)
                slope = -share * scale * scale * product
                offset = -share * total - slope * rest
            found.append(as_images(_input_gradient(grads, parts, middle, factor, slope, offset), x))
        if self.wanted[1] and weight is not None:
            found.append((product * scale).astype(weight.dtype))
        if self.wanted[2]:
            found.append(total.astype(self.bias_dtype))
        return tuple(found)

    def backward(self, *given: Tensor) -> tuple[Tensor | None, ...]:
        """The formulas above, differentiated; P(v) is the bracket in the gradient of x, with v in the place of dy."""
        found = iter(given)
        to_x, to_weight, to_bias = [_wide(next(found)) if wanted else None for wanted in self.wanted]
        dy, x, weight, *moments = [_wide(self.saved(i)) for i in range(6)]
        axes = (0, *range(2, x.array.ndim))
        column = (1, -1, *[1] * (x.array.ndim - 2))
        scale, normal = self._normalised(x, axes, column, moments)

        def mean_of(v: Tensor) -> Tensor:
            return mean(v, axes, keepdim=True)

        def bracket(v: Tensor) -> Tensor:
            return v - mean_of(v) - normal * mean_of(v * normal) if self.training else v

        d_dy: Any = 0
        d_x: Any = 0
        d_weight: Any = None
        if to_x is not None:
            factor = scale if weight is None else scale * reshape(weight, column)
            p, q = bracket(to_x), bracket(dy)
            d_dy = factor * p
            d_weight = None if weight is None else sum(to_x * scale * q, axes)
            if self.training:
                terms = normal * mean_of(to_x * q) + p * mean_of(dy * normal) + q * mean_of(to_x * normal)
                d_x = -factor * scale * terms
        if to_weight is not None:
            slope = reshape(to_weight, column)
            d_dy, d_x = d_dy + slope * normal, d_x + slope * scale * bracket(dy)
        if to_bias is not None:
            d_dy = d_dy + reshape(to_bias, column).expand(dy.array.shape)
        return (*[_like(d, self.saved(i)) for i, d in enumerate((d_dy, d_x, d_weight))], None, None, None)

    def _normalised(self, x: Tensor, axes: tuple[int, ...], column: tuple[int, ...], moments: Any) -> Any:
        """scale and x̂, in training as functions of x."""
        if self.training:
            deviation = x - mean(x, axes, keepdim=True)
            scale = (mean(deviation * deviation, axes, keepdim=True) + self.eps).rsqrt()
            return scale, deviation * scale
        center, rest, scale = moments
        middle, scale = [Variable.result_type(v.astype(x.array.dtype).reshape(column)) for v in (center + rest, scale)]
        return scale, (x - middle) * scale


def _batch_moments(parts: Channels, dtype: Any) -> Moments:
    """The moments of the channels, in two passes: the second corrects the first for the rounding of the mean."""
    a, w, b = parts.array.shape
    count = max(1, a * b * parts.fold * parts.inner)
    xp = array_module(parts.array)
    total = squares = rest = xp.zeros(w // (parts.fold * parts.inner))
    for block in parts.blocks():
        total = total + parts.gather(sums(parts.array[block].astype(dtype, copy=False)))
    center = (total / count).astype(dtype)
    middle = parts.spread(center)
    for block in parts.blocks():
        deviation = parts.array[block].astype(dtype, copy=False) - middle
        rest = rest + parts.gather(sums(deviation))
        squares = squares + parts.gather(dots(deviation, deviation))
    rest = rest / count
    return Moments(center.astype(np.float64), rest, xp.maximum(squares / count - rest * rest, 0))


def _split(mean: Array, var: Array, dtype: Any) -> Moments:
    """The moments as given, in float64."""
    center = mean.astype(dtype).astype(np.float64)
    return Moments(center, mean - center, var)


def _input_gradient(
    grads: Channels, parts: Channels, middle: Array, factor: Array, slope: Array | None, offset: Array | None
) -> Array:
    """dy · factor + (x - middle) · slope + offset, by blocks; the last two may be left out."""
    xp, dtype = array_module(middle), middle.dtype
    dx = xp.empty(parts.array.shape, parts.array.dtype)
    factor = parts.spread(factor.astype(dtype))
    if slope is not None and offset is not None:
        slope, offset = parts.spread(slope.astype(dtype)), parts.spread(offset.astype(dtype))
    for block in parts.blocks():
        dy = grads.array[block].astype(dtype, copy=False)
        if slope is None:
            xp.multiply(dy, factor, out=dx[block])
            continue
        values = parts.array[block].astype(dtype, copy=False) - middle
        values *= slope
        values += offset
        xp.add(values, dy * factor, out=dx[block])
    return dx


def _wide(x: Any) -> Any:
    """A tensor of a half type as float32; anything else as it is."""
    tensor: Any = x
    return cast(tensor, dtypes.float32) if isinstance(x, Variable) and is_half(x.array) else x


def _like(result: Any, x: Any) -> Any:
    """A gradient in the dtype of what it is the gradient of; None if there is none."""
    tensor: Any = result
    return cast(tensor, dtypes.of(x.array)) if isinstance(result, Variable) else None


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
    _check(input, given, training, eps)
    x = input.array
    if x.ndim < 2:
        return input.clone()  # no channels, nothing in them
    tracked = () if running_mean is None or running_var is None else (running_mean, running_var)
    node = BatchNorm(training, eps)
    result: Tensor = node(input, weight, bias, *[None if training else t.array for t in tracked] or (None, None))
    if training and tracked and x.size:
        count = x.size // x.shape[1]
        found: Moments = node.moments
        _follow(tracked[0], found.center + found.rest, momentum)
        _follow(tracked[1], found.var * (count / (count - 1)), momentum)
    del node.moments
    return result


def _follow(running: Tensor, moment: Array, momentum: float) -> None:
    """running = (1 - momentum) · running + momentum · moment, in place."""
    array = running.array
    array[...] = (array.astype(np.float64) * (1 - momentum) + moment * momentum).astype(array.dtype)
    bump(running)


def _check(input: Any, given: dict[str, Any], training: bool, eps: float) -> None:
    """Types, dtypes and shapes."""
    for name, x in ({"input": input} | given).items():
        if not isinstance(x, Variable) and (x is not None or name == "input"):
            raise ArgumentTypeError(f"batch_norm: {name} must be a Tensor, got {type(x).__name__}")
    dtype, shape = dtypes.of(input.array), input.array.shape
    if not dtype.is_floating_point:
        raise DtypeError(f"batch_norm: not for {dtype}; use input.to(gpunn.float32)")
    channels = shape[1] if len(shape) > 1 else 0
    if len(shape) < 2 and shape != (0,):
        raise ShapeError(f"batch_norm: expected input of shape (N, C, *), got {shape}")
    for name, x in given.items():
        if x is None:
            continue
        if x.array.shape != (channels,):
            raise ShapeError(
                f"batch_norm: {name} should contain {channels} elements, one for each channel of input {shape}, "
                f"not {x.array.shape}"
            )
        if x.array.dtype != input.array.dtype and not (is_half(input.array) and dtypes.of(x.array) is dtypes.float32):
            raise DtypeError(
                f"batch_norm: mixed dtype: {name} is {dtypes.of(x.array)}, input {dtype}; they should be the same, or "
                "float32 beside an input of half precision"
            )
    _check_moments(shape, given, training, eps)


def _check_moments(shape: tuple[int, ...], given: dict[str, Any], training: bool, eps: float) -> None:
    """Whether there are moments to normalise with."""
    mean, var = given["running_mean"], given["running_var"]
    if (mean is None) != (var is None):
        raise ArgumentError("batch_norm: running_mean and running_var must either both be None or neither be None")
    if eps < 0 or (training and eps == 0):
        limit = "positive during training" if training else "non-negative"
        raise ArgumentError(f"batch_norm: eps must be {limit}, but got {eps}")
    if not training:
        if mean is None:
            raise ArgumentError("batch_norm: running_mean must be defined in evaluation mode; or use training=True")
        return
    if any([x is not None and x._requires_grad for x in (mean, var)]):
        raise GraphError("batch_norm: running_mean and running_var cannot require gradients; detach them")
    if math.prod(shape[:1] + shape[2:]) == 1:
        raise ArgumentError(
            f"batch_norm: Expected more than 1 value per channel when training, got input size {shape}; "
            "use a larger batch, or eval()"
        )
