"""An activation of the input plus a bias for each channel in one pass, as layers that fuse them need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from gpunn.ops.activation.channels import Channels, others, spread
from gpunn.ops.activation.gated import GELU, SiLU, TanhGELU
from gpunn.ops.activation.piecewise import Threshold
from gpunn.ops.activation.pointwise import Activation, checked
from gpunn.ops.reduction.accumulate import accumulated, widened
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class SigmoidOfInput(Activation):
    """sigmoid with its derivatives as functions of x."""

    file, kernel = "activation/sigmoid", "sigmoid_of_input"

    @staticmethod
    def value(x: Array) -> Array:
        return 1 / (1 + array_module(x).exp(-x))

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        s = 1 / (1 + array_module(x).exp(-x))
        return grad * ((1 - s) * s)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        s = x.sigmoid()
        return s * (1 - s) * (1 - 2 * s)


class TanhOfInput(Activation):
    """tanh with its derivatives as functions of x."""

    file, kernel = "activation/sigmoid", "tanh_of_input"

    @staticmethod
    def value(x: Array) -> Array:
        return array_module(x).tanh(x)

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        y = array_module(x).tanh(x)
        return grad * (1 - y * y)

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        y = x.tanh()
        return -2 * y * (1 - y * y)


# name: the activation, its numbers, the word of bias.cu
ACTIVATIONS: Final[dict[str, tuple[type[Activation], tuple[float, ...], str]]] = {
    "relu": (Threshold, (0.0, 0.0), "Relu"),
    "gelu": (GELU, (), "Gelu"),
    "gelu_tanh": (TanhGELU, (), "TanhGelu"),
    "silu": (SiLU, (), "Silu"),
    "tanh": (TanhOfInput, (), "Tanh"),
    "sigmoid": (SigmoidOfInput, (), "Sigmoid"),
}


class BiasActivation(Function):
    """f(x + bias), with a bias for each place of dimension `dim`."""

    saves: ClassVar = {0: (0, 1), 1: (0, 1)}

    def __init__(self, act: str, dim: int) -> None:
        self.act, self.dim = act, dim

    def forward_numpy(self, x: Array, bias: Array) -> Array:
        of, numbers, _ = ACTIVATIONS[self.act]
        z = widened(x) + spread(widened(bias), x.ndim, self.dim)
        return of.value(z, *numbers).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array, bias: Array) -> Array:
        word = {"ACT": ACTIVATIONS[self.act][2]}
        return Channels(x, self.dim).mapped("activation/bias", "bias_forward", (x,), bias, word)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        dx = BiasActivationBackward(self.act, self.dim)(grad, self.saved(0), self.saved(1))
        return dx, ChannelSum(self.dim)(dx) if self.needs[1] else None


class BiasActivationBackward(Function):
    """g · f'(x + bias)."""

    saves: ClassVar = {0: (1, 2), 1: (0, 1, 2), 2: (0, 1, 2)}

    def __init__(self, act: str, dim: int) -> None:
        self.act, self.dim = act, dim

    def forward_numpy(self, grad: Array, x: Array, bias: Array) -> Array:
        of, numbers, _ = ACTIVATIONS[self.act]
        z = widened(x) + spread(widened(bias), x.ndim, self.dim)
        return of.pull(widened(grad), z, *numbers).astype(x.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array, bias: Array) -> Array:
        word = {"ACT": ACTIVATIONS[self.act][2]}
        return Channels(x, self.dim).mapped("activation/bias", "bias_backward", (grad, x), bias, word)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        of, numbers, _ = ACTIVATIONS[self.act]
        x, bias = self.saved(1), self.saved(2)
        to_grad = BiasActivationBackward(self.act, self.dim)(grad, x, bias) if self.needs[0] else None
        bend = of.curvature(x + spread(bias, x.ndim, self.dim), *numbers) if True in self.needs[1:] else None
        if bend is None:
            return to_grad, None, None
        to_x = grad * self.saved(0) * bend
        return to_grad, to_x, ChannelSum(self.dim)(to_x) if self.needs[2] else None


class ChannelSum(Function):
    """The sum over all dimensions but `dim`."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward_numpy(self, x: Array) -> Array:
        self.shape = x.shape
        return accumulated(x, others(x.ndim, self.dim)).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        self.shape = x.shape
        return Channels(x, self.dim).summed("Plain", x, x)

    def backward(self, grad: Tensor) -> Tensor:
        return spread(grad, len(self.shape), self.dim).expand(self.shape)


def bias_activation(input: Tensor, bias: Tensor, activation: str = "relu", dim: int = 1) -> Tensor:
    """activation(input + bias), `bias` along dimension `dim` of `input`; rounded once.

    `activation` is "relu", "gelu", "gelu_tanh", "silu", "tanh" or "sigmoid".
    """
    x, b = checked("bias_activation", input), checked("bias_activation", bias)
    if activation not in ACTIVATIONS:
        names = ", ".join(ACTIVATIONS)
        raise ArgumentError(f"bias_activation: expected an activation among {names}, got {activation!r}")
    if x.dtype is not b.dtype or not x.is_floating_point():
        raise DtypeError(f"bias_activation: expected two tensors of one floating dtype, got {x.dtype} and {b.dtype}")
    axis = one_dim("bias_activation", dim, x.array.ndim)
    if x.array.ndim == 0 or b.array.shape != x.array.shape[axis : axis + 1]:
        raise ShapeError(
            f"bias_activation: expected a bias for each place of dimension {axis} of {x.array.shape}, "
            f"got shape {b.array.shape}"
        )
    result: Tensor = BiasActivation(activation, axis)(x, b)
    return result
