"""Distributions of real numbers with a location and a scale: Normal, Laplace; and Uniform, Exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from gpunn import dtypes
from gpunn.distributions import constraints
from gpunn.distributions.distribution import Distribution
from gpunn.distributions.parameters import broadcast_all
from gpunn.errors import ArgumentError
from gpunn.ops.arithmetic.special_functions import erf, erfinv
from gpunn.ops.creation import zeros_like
from gpunn.ops.sampling.elements import rand, randn
from gpunn.tensor import Size, Tensor

LOG_2_PI: Final = math.log(2 * math.pi)


class Symmetric(Distribution):
    """A distribution with one peak, symmetric about `loc`."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        """loc"""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """loc"""
        return self.loc


class LocationScale(Symmetric):
    """A distribution of loc + scale z: `loc` and `scale` are numbers or tensors that broadcast."""

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """All real numbers."""
        return constraints.real


class Normal(LocationScale):
    """The normal distribution of mean `loc` and standard deviation `scale`, numbers or tensors that broadcast."""

    @property
    def stddev(self) -> Tensor:
        """scale"""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """scale²"""
        return self.scale.pow(2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + scale z, z standard normal."""
        z = _standard(randn, self.loc, self._extended_shape(sample_shape))
        return self.loc + z * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """-((value - loc) / scale)² / 2 - log scale - log √(2π)"""
        if self._validate_args:
            self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - LOG_2_PI / 2

    def cdf(self, value: Tensor) -> Tensor:
        """(1 + erf((value - loc) / (scale √2))) / 2"""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * (1 + erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        """loc + scale √2 erfinv(2 value - 1)"""
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        """1/2 + log(scale √(2π))"""
        return 0.5 + 0.5 * LOG_2_PI + self.scale.log()


class Laplace(LocationScale):
    """The density exp(-|x - loc| / scale) / (2 scale); numbers or tensors that broadcast."""

    @property
    def variance(self) -> Tensor:
        """2 scale²"""
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        """√2 scale"""
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc - scale sgn(u) log(1 - 2|u|), u uniform in [-1/2, 1/2)."""
        u = _standard(rand, self.loc, self._extended_shape(sample_shape)) - 0.5
        # u = -1/2, once in 2²⁴ draws, would be infinite: it becomes the next number.
        inner = (-2 * u.abs()).clamp(min=float(dtypes.finfo(u.dtype).eps) / 2 - 1)
        return self.loc - self.scale * u.sign() * inner.log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(2 scale) - |value - loc| / scale"""
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        """1/2 - sgn(d) (exp(-|d| / scale) - 1) / 2, d = value - loc"""
        if self._validate_args:
            self._validate_sample(value)
        d = value - self.loc
        return 0.5 - 0.5 * d.sign() * (-d.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        """loc - scale sgn(t) log(1 - 2|t|), t = value - 1/2"""
        t = value - 0.5
        return self.loc - self.scale * t.sign() * (-2 * t.abs()).log1p()

    def entropy(self) -> Tensor:
        """1 + log(2 scale)"""
        return 1 + (2 * self.scale).log()


class Uniform(Distribution):
    """The same density everywhere in [low, high); numbers or tensors that broadcast, low < high."""

    arg_constraints: ClassVar = {"low": constraints.dependent, "high": constraints.dependent}
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)

    def _check_parameters(self) -> None:
        if not bool((self.low < self.high).all()):
            raise ArgumentError(f"Uniform is not defined when low >= high, got {self!r}")

    @property
    def support(self) -> constraints.Constraint:
        """[low, high]"""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """(low + high) / 2"""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """NaN: no value is more probable than another."""
        return math.nan * self.high

    @property
    def variance(self) -> Tensor:
        """(high - low)² / 12"""
        return (self.high - self.low).pow(2) / 12

    @property
    def stddev(self) -> Tensor:
        """(high - low) / √12"""
        return (self.high - self.low) / math.sqrt(12)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """low + u (high - low), u uniform in [0, 1)."""
        u = _standard(rand, self.low, self._extended_shape(sample_shape))
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low) where low <= value < high, else -inf."""
        if self._validate_args:
            self._validate_sample(value)
        inside = ((self.low <= value) & (self.high > value)).type_as(self.low)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """(value - low) / (high - low), from 0 to 1."""
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value: Tensor) -> Tensor:
        """low + value (high - low)"""
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """log(high - low)"""
        return (self.high - self.low).log()


class Exponential(Distribution):
    """The density rate exp(-rate x), x >= 0."""

    arg_constraints: ClassVar = {"rate": constraints.positive}
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """x >= 0"""
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        """1 / rate"""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        """0"""
        return zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        """1 / rate"""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """1 / rate²"""
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """-log(1 - u) / rate, u uniform in [0, 1)."""
        u = _standard(rand, self.rate, self._extended_shape(sample_shape))
        return -(-u).log1p() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """log rate - rate value"""
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        """1 - exp(-rate value)"""
        if self._validate_args:
            self._validate_sample(value)
        return 1 - (-self.rate * value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        """-log(1 - value) / rate"""
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        """1 - log rate"""
        return 1 - self.rate.log()


def _standard(draw: Any, like: Tensor, shape: Size) -> Tensor:
    """Random numbers of `shape` with the type and on the device of `like`."""
    found: Tensor = draw(shape, dtype=like.dtype, device=like.device)
    return found
