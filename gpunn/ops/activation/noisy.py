"""Activations with noise from the default generator: rrelu, noisy_relu.

Element i has number i of a draw in float32 (float64 for float64), in the order of the shape: on every device, in every
order of memory. Backward draws the same numbers once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import kernels, random
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, DtypeError
from gpunn.ops.activation.piecewise import leaky_relu, relu
from gpunn.ops.activation.pointwise import checked, number
from gpunn.ops.arithmetic.elementwise import masked
from gpunn.ops.inplace import in_place
from gpunn.ops.reduction.accumulate import widened
from gpunn.random import Generator, Place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class RReLU(Function):
    """g where x > 0, else r · g, with r uniform in [lower, upper); forward is the case g = x."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, lower: float, upper: float, draw: Place) -> None:
        self.lower, self.upper, self.draw = lower, upper, draw

    def forward_numpy(self, value: Array, x: Array) -> Array:
        wide = widened(value)
        u = random.uniform(np, self.draw, x.shape, wide.dtype)
        slope = u * wide.dtype.type(self.upper - self.lower) + wide.dtype.type(self.lower)
        return _like(x, np.where(x <= 0, slope * wide, wide))

    def forward_cuda(self, value: Array, x: Array) -> Array:
        numbers = self.lower, self.upper
        return _launched("rrelu", (value, x), (*numbers, *self.draw.on(x)))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        again = RReLU(self.lower, self.upper, self.draw)
        return again(grad, self.saved(1)) if self.needs[0] else None, None


class NoisyReLU(Function):
    """max(x + z √s, 0), s = sigmoid(x), z standard normal."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, draw: Place) -> None:
        self.draw = draw

    def forward_numpy(self, x: Array) -> Array:
        wide, (noise, _) = widened(x), _noise(self.draw, x)
        return _like(x, np.maximum(wide + noise, 0))

    def forward_cuda(self, x: Array) -> Array:
        return _launched("noisy_relu_forward", (x,), self.draw.on(x))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = NoisyReLUBackward(self.draw)(grad, self.saved(0))
        return result


class NoisyReLUBackward(Function):
    """g (1 + z √s (1 - s) / 2) where the output is positive, else 0."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, draw: Place) -> None:
        self.draw = draw

    def forward_numpy(self, grad: Array, x: Array) -> Array:
        wide, (noise, s) = widened(grad), _noise(self.draw, x)
        slope = wide * (1 + noise * (1 - s) / 2)
        return _like(x, np.where(widened(x) + noise <= 0, 0, slope))

    def forward_cuda(self, grad: Array, x: Array) -> Array:
        return _launched("noisy_relu_backward", (grad, x), self.draw.on(x))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x = self.saved(1)
        to_grad = NoisyReLUBackward(self.draw)(grad, x) if self.needs[0] else None
        if not self.needs[1]:
            return to_grad, None
        z = Variable.result_type(random.normal(array_module(x.array), self.draw, x.array.shape, x.array.dtype))
        s = x.sigmoid()
        bend = z * s.sqrt() * (1 - s) * (1 - 3 * s) / 4
        return to_grad, masked(grad * self.saved(0) * bend, x + z * s.sqrt() > 0)


def _noise(draw: Place, x: Array) -> tuple[Array, Array]:
    """z √s and s = sigmoid(x)."""
    wide = widened(x)
    s = 1 / (1 + np.exp(-wide))
    return random.normal(np, draw, x.shape, wide.dtype) * np.sqrt(s), s


def _launched(kernel: str, arrays: tuple[Array, ...], numbers: tuple[float, ...]) -> Array:
    """y = kernel(arrays, numbers); y lies in memory as the last of the arrays does."""
    x = arrays[-1]
    xp = array_module(x)
    y = xp.empty(x.shape, x.dtype)
    inputs = [xp.ascontiguousarray(a) for a in arrays]
    length = 2 if x.dtype.itemsize == 8 else 4
    kernels.launch("activation/noisy", kernel, -(-y.size // length), (y, *inputs, *numbers, y.size))
    return y if x.flags.c_contiguous else _like(x, y)


def _like(x: Array, values: Array) -> Array:
    """`values` in the dtype of `x`, in the order of x in memory."""
    result = array_module(x).empty_like(x)
    result[...] = values
    return result


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """input where it is positive, else r · input, r uniform in [lower, upper); in eval, r is their mean.

    Source: Xu et al., Empirical evaluation of rectified activations in convolutional network (2015).
    """
    if inplace:
        return rrelu_(input, lower, upper, training, generator=generator)
    x = _floating("rrelu", input)
    low, high = number("rrelu", "lower", lower), number("rrelu", "upper", upper)
    if not low <= high:
        raise ArgumentError(f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower}, {upper}")
    if not training:
        return leaky_relu(x, (low + high) / 2)
    result: Tensor = RReLU(low, high, _place(x.array, generator))(x, x.detach())
    return result


def noisy_relu(input: Tensor, training: bool = True, inplace: bool = False) -> Tensor:
    """max(input + ε, 0), ε normal with mean 0 and variance sigmoid(input); in eval, relu(input).

    The gradient counts that the noise grows with `input`. Source: Nair, Hinton, Rectified linear units improve
    restricted Boltzmann machines, ICML 2010.
    """
    if inplace:
        return _noisy_relu_(input, training)
    x = _floating("noisy_relu", input)
    if not training:
        return relu(x)
    result: Tensor = NoisyReLU(_place(x.array))(x)
    return result


def _place(x: Array, generator: Generator | None = None) -> Place:
    """The place of the draw for `x`: in float64 for float64, else in float32."""
    return Place.of_draw(x.size, np.float64 if x.dtype.itemsize == 8 else np.float32, generator)


def _floating(op: str, input: Any) -> Tensor:
    x = checked(op, input)
    if not x.is_floating_point():
        raise DtypeError(f"{op}: expected a floating dtype, got {x.dtype}; use x.to(gpunn.float32)")
    return x


rrelu_ = in_place(rrelu)
_noisy_relu_ = in_place(noisy_relu)
