"""Activations as layers that bend like an exponential: elu and its variants, softplus, sigmoid, tanh; and gates."""

from __future__ import annotations

from gpunn.nn import functional as F
from gpunn.nn.activation.layer import InPlace
from gpunn.nn.module import Module
from gpunn.tensor import Tensor


class ELU(InPlace):
    """x where it is positive, else alpha · (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.elu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self.described(f"alpha={self.alpha}")


class SELU(InPlace):
    """1.0507… · elu(x, 1.6733…): keeps mean 0 and variance 1. Source: Klambauer et al., NIPS 2017."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.selu(input, inplace=self.inplace)


class CELU(InPlace):
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


class SiLU(InPlace):
    """x · sigmoid(x), also known as swish."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.silu(input, inplace=self.inplace)


class Mish(InPlace):
    """x · tanh(log(1 + exp(x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """(*) → (*)"""
        return F.mish(input, inplace=self.inplace)


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
