"""Distributions that rest on the gamma function: Gamma, Beta, Dirichlet.

Their samples are exact. There is no `rsample`: the derivative of a gamma variable with respect to its concentration has
no closed form, and PyTorch's is an approximation; `sample` with `log_prob`, as in REINFORCE, needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from gpunn import dtypes
from gpunn.distributions import constraints
from gpunn.distributions.distribution import Distribution
from gpunn.distributions.parameters import broadcast_all
from gpunn.engine import no_grad
from gpunn.errors import ShapeError, UnsupportedError
from gpunn.ops.arithmetic.comparison import isfinite
from gpunn.ops.arithmetic.exponential import xlogy
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.arithmetic.special_functions import digamma, lgamma
from gpunn.ops.creation import as_tensor, zeros
from gpunn.ops.sampling.elements import rand, randn
from gpunn.ops.shape.joining import stack
from gpunn.ops.softmax import softmax
from gpunn.tensor import Size, Tensor

_REASON = "the derivative by the concentration has no closed form; use sample() and log_prob()"


def log_standard_gamma(concentration: Tensor) -> Tensor:
    """The logarithms, in float64, of a gamma variable of rate 1 for each element of `concentration`.

    For a >= 1, d = a - 1/3 and z standard normal, d v with v = (1 + z / √(9d))³ is accepted with the probability
    exp(z²/2 + d - d v + d log v) of the density's ratio, at least 0.95. For a < 1 it is that of a + 1 times u^(1/a).
    Infinity and NaN stay what they are.
    Source: Marsaglia and Tsang, A simple method for generating gamma variables, 2000.
    """
    alpha = concentration.detach().double().reshape(-1)
    is_small = alpha < 1
    d = where(is_small, alpha + 1, alpha) - 1 / 3
    waiting = isfinite(d)
    result = where(waiting, 0.0, d)
    while bool(waiting.any()):
        own = d[waiting]
        z = randn(own.shape, dtype=own.dtype, device=own.device)
        u = 1 - rand(own.shape, dtype=own.dtype, device=own.device)
        root = 1 + z / (9 * own).sqrt()
        is_inside = root > 0
        log_v = 3 * where(is_inside, root, 1.0).log()
        accepted = is_inside & (u.log() < z * z / 2 + own - own * log_v.exp() + own * log_v)
        (places,) = where(waiting)
        chosen = places[accepted]
        result[chosen] = (own.log() + log_v)[accepted]
        waiting[chosen] = False
    u = 1 - rand(d.shape, dtype=d.dtype, device=d.device)
    return where(is_small, result + u.log() / alpha, result).reshape(concentration.shape)


class Gamma(Distribution):
    """The density rate^a x^(a-1) exp(-rate x) / Γ(a), a the concentration; numbers or tensors that broadcast."""

    arg_constraints: ClassVar = {"concentration": constraints.positive, "rate": constraints.positive}

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """x >= 0"""
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        """a / rate"""
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        """(a - 1) / rate, at least 0"""
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        """a / rate²"""
        return self.concentration / self.rate.pow(2)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Positive numbers, the smallest one of the type at least."""
        with no_grad():
            logs = log_standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
            value = (logs - self.rate.double().log()).exp().to(self.rate.dtype)
            return value.clamp(min=float(dtypes.finfo(value.dtype).tiny))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Raises UnsupportedError: the derivative by the concentration has no closed form."""
        raise UnsupportedError(f"Gamma.rsample: {_REASON}")

    def log_prob(self, value: Tensor) -> Tensor:
        """a log rate + (a - 1) log value - rate value - log Γ(a), of a number or a tensor, in the type of the rate."""
        value = as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - lgamma(a)

    def entropy(self) -> Tensor:
        """a - log rate + log Γ(a) + (1 - a) ψ(a)"""
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)


class Dirichlet(Distribution):
    """Vectors x >= 0 that add up to 1, with the density ∏ x_i^(a_i - 1) / B(a); `concentration` a: (*, n)."""

    arg_constraints: ClassVar = {"concentration": constraints.independent(constraints.positive, 1)}
    event_dims: ClassVar = {"concentration": 1}

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ShapeError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """x >= 0 that add up to 1"""
        return constraints.simplex

    @property
    def mean(self) -> Tensor:
        """a / Σ a"""
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / Σ (a - 1), negative ones as 0; if all are below 1, the first corner, as in PyTorch."""
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        is_corner = (self.concentration < 1).all(-1, keepdim=True)
        corner = zeros(mode.shape, dtype=mode.dtype, device=mode.device)
        corner[..., 0] = 1.0
        return where(is_corner, corner, mode)

    @property
    def variance(self) -> Tensor:
        """a (s - a) / (s² (s + 1)), s = Σ a"""
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Gamma variables of the concentrations, divided by their sum; as logarithms, which do not underflow."""
        with no_grad():
            logs = log_standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
            return softmax(logs, dim=-1).to(self.concentration.dtype)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Raises UnsupportedError: the derivative by the concentration has no closed form."""
        raise UnsupportedError(f"Dirichlet.rsample: {_REASON}")

    def log_prob(self, value: Tensor) -> Tensor:
        """Σ (a - 1) log value + log Γ(Σ a) - Σ log Γ(a)"""
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        """Σ log Γ(a) - log Γ(s) - (n - s) ψ(s) - Σ (a - 1) ψ(a), s = Σ a"""
        a, n = self.concentration, self.concentration.shape[-1]
        total = a.sum(-1)
        return lgamma(a).sum(-1) - lgamma(total) - (n - total) * digamma(total) - ((a - 1) * digamma(a)).sum(-1)


class Beta(Distribution):
    """The density x^(a-1) (1 - x)^(b-1) / B(a, b) in [0, 1], a and b the two concentrations, which broadcast."""

    arg_constraints: ClassVar = {"concentration1": constraints.positive, "concentration0": constraints.positive}

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        pair = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(stack(pair, -1), validate_args=validate_args)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Beta:
        """The same distributions in a larger batch."""
        new = super().expand(batch_shape)
        new._dirichlet = self._dirichlet.expand(batch_shape)
        return new

    @property
    def concentration1(self) -> Tensor:
        """a, of x"""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """b, of 1 - x"""
        return self._dirichlet.concentration[..., 1]

    @property
    def support(self) -> constraints.Constraint:
        """[0, 1]"""
        return constraints.unit_interval

    @property
    def mean(self) -> Tensor:
        """a / (a + b)"""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        """(a - 1) / (a + b - 2), and 1 if both are below 1, as in PyTorch"""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        """a b / ((a + b)² (a + b + 1))"""
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The first of two numbers from the Dirichlet distribution."""
        return self._dirichlet.sample(Size(sample_shape))[..., 0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Raises UnsupportedError: the derivative by the concentration has no closed form."""
        raise UnsupportedError(f"Beta.rsample: {_REASON}")

    def log_prob(self, value: Tensor) -> Tensor:
        """(a - 1) log value + (b - 1) log(1 - value) - log B(a, b)"""
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        """That of the Dirichlet distribution of a and b."""
        return self._dirichlet.entropy()

    def __repr__(self) -> str:
        pair = {"concentration1": self.concentration1, "concentration0": self.concentration0}
        return f"Beta({', '.join(f'{name}: {x if x.numel() == 1 else x.size()}' for name, x in pair.items())})"
