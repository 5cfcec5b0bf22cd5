"""Activations made of straight lines as layers, some with noise or learned slopes; and hardswish."""

from __future__ import annotations

import warnings

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn.activation.layer import InPlace
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import full
from gpunn.tensor import Tensor


class LimitsError(ArgumentError, AssertionError):
    """Limits in the wrong order: PyTorch raises AssertionError for them."""


class ReLU(InPlace):
    """max(x, 0), elementwise; with `inplace` written into the input."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.relu(input, inplace=self.inplace)


class Hardtanh(InPlace):
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


class ReLU6(InPlace):
    """min(max(x, 0), 6), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.relu6(input, inplace=self.inplace)


class LeakyReLU(InPlace):
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


class RReLU(InPlace):
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


class NoisyReLU(InPlace):
    """max(x + ε, 0), ε normal with variance sigmoid(x); in eval, relu. Source: Nair, Hinton, ICML 2010."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.noisy_relu(input, self.training, self.inplace)


class Hardsigmoid(InPlace):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardsigmoid(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(InPlace):
    """x · hardsigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.hardswish(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return ""


class Threshold(InPlace):
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
