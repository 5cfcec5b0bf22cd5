"""Activations as layers."""

from __future__ import annotations

import warnings

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ShapeError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import full
from gpunn.tensor import Tensor


class LimitsError(ArgumentError, AssertionError):
    """Limits in the wrong order: PyTorch raises AssertionError for them."""


class _InPlace(Module):
    """A layer that can write its result into its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def described(self, text: str) -> str:
        """`text`, and whether the layer works in place."""
        return f"{text}, inplace=True" if self.inplace else text


class ReLU(_InPlace):
    """max(x, 0), elementwise; with `inplace` written into the input."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.relu(input, inplace=self.inplace)


class Hardtanh(_InPlace):
    """x between min_val and max_val, the nearer one of them elsewhere. LimitsError unless min_val < max_val."""

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        if min_value is not None or max_value is not None:  # names of PyTorch before 0.4
            warnings.warn("Hardtanh: min_value and max_value are now min_val and max_val", FutureWarning, stacklevel=2)
            min_val = min_val if min_value is None else min_value
            max_val = max_val if max_value is None else max_value
        if min_val >= max_val:
            raise LimitsError(f"Hardtanh: max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardtanh(input, self.min_val, self.max_val, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(_InPlace):
    """min(max(x, 0), 6), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.relu6(input, inplace=self.inplace)


class LeakyReLU(_InPlace):
    """x where it is positive, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.leaky_relu(input, self.negative_slope, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """x where it is positive, else weight · x; `weight` (num_parameters,) is learned, one for all or for each channel.

    Source: He et al., Delving deep into rectifiers, ICCV 2015.
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: DeviceLike = None, dtype: dtype | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Let all weights be `init` again."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """(*) or (N, num_parameters, *) → the same"""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(_InPlace):
    """x where it is positive, else r · x, with r uniform in [lower, upper); in eval, r is their mean."""

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"lower={self.lower}, upper={self.upper}")


class NoisyReLU(_InPlace):
    """max(x + ε, 0), ε normal with variance sigmoid(x); in eval, relu. Source: Nair, Hinton, ICML 2010."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.noisy_relu(input, self.training, self.inplace)


class ELU(_InPlace):
    """x where it is positive, else alpha · (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.elu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"alpha={self.alpha}")


class SELU(_InPlace):
    """1.0507… · elu(x, 1.6733…): keeps mean 0 and variance 1. Source: Klambauer et al., NIPS 2017."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.selu(input, inplace=self.inplace)


class CELU(_InPlace):
    """x where it is positive, else alpha · (exp(x / alpha) - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.celu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"alpha={self.alpha}")


class GELU(Module):
    """x Φ(x), Φ(x) = P(N(0, 1) < x); with `approximate="tanh"`, by tanh instead of Φ."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    """x · sigmoid(x), also known as swish."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.silu(input, inplace=self.inplace)


class Mish(_InPlace):
    """x · tanh(log(1 + exp(x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.mish(input, inplace=self.inplace)


class Hardsigmoid(_InPlace):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardsigmoid(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_InPlace):
    """x · hardsigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardswish(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return ""


class Threshold(_InPlace):
    """x where it is above `threshold`, else `value`."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.threshold(input, self.threshold, self.value, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"threshold={self.threshold}, value={self.value}")


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta; x where beta · x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """0 where |x| <= lambd, else x."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """x moved towards 0 by lambd, 0 where it would cross 0."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.tanhshrink(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.logsigmoid(input)


class GLU(Module):
    """a · sigmoid(b) of the halves a and b along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """(*, 2 n, *) → (*, n, *)"""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Tanh(Module):
    """tanh(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.sigmoid(input)


class _AlongDim(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / Σ exp(x) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softmax(input, self.dim)


class Softmax2d(Module):
    """exp(x) / Σ exp(x) over the channels of each pixel."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W), or (C, H, W) → (C, H, W)"""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: expected input to be 3D or 4D (got {input.ndim}D input, {input.array.shape})")
        return F.softmax(input, -3)


class LogSoftmax(_AlongDim):
    """log(exp(x) / Σ exp(x)) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """exp(-x) / Σ exp(-x) along `dim`."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.softmin(input, self.dim)
