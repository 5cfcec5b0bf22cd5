"""Kullback-Leibler divergences KL(p | q) = E_p[log p(x) - log q(x)]; of two classes as -H(p) - E_p[log q(x)]."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from gpunn.distributions.discrete import Bernoulli, Categorical, OneHotCategorical
from gpunn.distributions.distribution import Distribution
from gpunn.distributions.gamma import Beta, Dirichlet, Gamma
from gpunn.distributions.independent import Independent, sum_rightmost
from gpunn.distributions.location_scale import LOG_2_PI, Exponential, Laplace, Normal, Uniform
from gpunn.distributions.multivariate_normal import MultivariateNormal, half_log_det, mahalanobis
from gpunn.errors import ArgumentTypeError, ShapeError, UnsupportedError
from gpunn.ops.activation.exponential import softplus
from gpunn.ops.arithmetic.exponential import xlogy
from gpunn.ops.arithmetic.selection import where
from gpunn.ops.arithmetic.special_functions import digamma, erf, lgamma
from gpunn.ops.creation import full_like
from gpunn.ops.linalg.triangular import solve_triangular
from gpunn.tensor import Tensor

EULER_GAMMA: Final = 0.5772156649015329
Formula = Callable[[Any, Any], Tensor]
_FORMULAS: Final[dict[tuple[type, type], Formula]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """A decorator: the function gives KL(p | q) for these classes, and for classes derived from them."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise ArgumentTypeError(f"Expected a subclass of Distribution but got {kind}")

    def register(function: Formula) -> Formula:
        _FORMULAS[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p | q), of the shape of the batch. Raises UnsupportedError for a pair that no formula was registered for."""
    found = [pair for pair in _FORMULAS if isinstance(p, pair[0]) and isinstance(q, pair[1])]
    if not found:
        raise UnsupportedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}; register one "
            "with distributions.register_kl"
        )
    depths = [(type(p).__mro__.index(a), type(q).__mro__.index(b)) for a, b in found]
    return _FORMULAS[found[depths.index(min(depths))]](p, q)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    inside = (q.low <= p.low) & (q.high >= p.high)
    return where(inside, ((q.high - q.low) / (p.high - p.low)).log(), math.inf)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    """An outcome that p never has adds nothing; one that q never has and p has makes it infinite."""
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = where(q.probs == 0, math.inf, one)
    one = where(p.probs == 0, 0.0, one)
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = where(q.probs == 1, math.inf, zero)
    return one + where(p.probs == 1, 0.0, zero)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = where((q.probs == 0).expand(terms.shape), math.inf, terms)
    return where((p.probs == 0).expand(terms.shape), 0.0, terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)
    return rates + lgamma(b) - lgamma(a) + (a - b) * digamma(a)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    sums = lgamma(a.sum(-1)) - lgamma(b.sum(-1)) - (lgamma(a) - lgamma(b)).sum(-1)
    return sums + ((a - b) * (digamma(a) - digamma(a.sum(-1, True)))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Beta, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
def _to_normal(p: Distribution, q: Normal) -> Tensor:
    """With E (x - loc)² = Var x + (E x - loc)²."""
    square = p.variance + (p.mean - q.loc).pow(2)
    return square / (2 * q.scale.pow(2)) + q.scale.log() + LOG_2_PI / 2 - p.entropy()


@register_kl(Normal, Laplace)
def _normal_to_laplace(p: Normal, q: Laplace) -> Tensor:
    """With E |x - loc| of a normal x: s √(2/π) exp(-d²/2) + s d erf(d / √2), d = (E x - loc) / s."""
    d = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * d.pow(2)).exp() + d * erf(d * math.sqrt(0.5)))
    return distance / q.scale + (2 * q.scale).log() - p.entropy()


@register_kl(Beta, Exponential)
@register_kl(Gamma, Exponential)
@register_kl(Uniform, Exponential)
def _to_exponential(p: Distribution, q: Exponential) -> Tensor:
    return _if_inside(p, 0, math.inf, q.rate * p.mean - q.rate.log() - p.entropy())


@register_kl(Beta, Gamma)
@register_kl(Exponential, Gamma)
@register_kl(Uniform, Gamma)
def _to_gamma(p: Any, q: Gamma) -> Tensor:
    a, rate = q.concentration, q.rate
    density = a * rate.log() - lgamma(a) + (a - 1) * _mean_log(p) - rate * p.mean
    return _if_inside(p, 0, math.inf, -density - p.entropy())


@register_kl(Uniform, Beta)
def _uniform_to_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    turned = Uniform(1 - p.high, 1 - p.low, validate_args=False)
    density = (a - 1) * _mean_log(p) + (b - 1) * _mean_log(turned) + lgamma(a + b) - lgamma(a) - lgamma(b)
    return _if_inside(p, 0, 1, -density - p.entropy())


@register_kl(Beta, Uniform)
def _beta_to_uniform(p: Beta, q: Uniform) -> Tensor:
    return where((q.low <= 0) & (q.high >= 1), (q.high - q.low).log() - p.entropy(), math.inf)


@register_kl(Exponential, Beta)
@register_kl(Exponential, Uniform)
@register_kl(Gamma, Beta)
@register_kl(Gamma, Uniform)
@register_kl(Laplace, Beta)
@register_kl(Laplace, Exponential)
@register_kl(Laplace, Gamma)
@register_kl(Laplace, Uniform)
@register_kl(Normal, Beta)
@register_kl(Normal, Exponential)
@register_kl(Normal, Gamma)
@register_kl(Normal, Uniform)
def _infinite(p: Distribution, q: Distribution) -> Tensor:
    """Of a p that is anywhere where q never is."""
    return full_like(p.mean + q.mean, math.inf)


def _mean_log(p: Beta | Exponential | Uniform) -> Tensor:
    """E log x."""
    if isinstance(p, Beta):
        return digamma(p.concentration1) - digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Exponential):
        return -EULER_GAMMA - p.rate.log()
    low, high = p.low.clamp(min=0), p.high.clamp(min=0)  # of others the divergence is infinite
    return (xlogy(high, high) - xlogy(low, low)) / (p.high - p.low) - 1


def _if_inside(p: Distribution, low: float, high: float, divergence: Tensor) -> Tensor:
    """`divergence`, or infinity where a uniform p reaches beyond `low` and `high`; others do not."""
    return where((p.low >= low) & (p.high <= high), divergence, math.inf) if isinstance(p, Uniform) else divergence


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ShapeError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed: "
            f"{tuple(p.event_shape)} and {tuple(q.event_shape)}"
        )
    volumes = half_log_det(q._lower) - half_log_det(p._lower)
    squares = solve_triangular(q._lower, p._lower, upper=False).pow(2).sum((-2, -1))
    distance = mahalanobis(q._lower, q.loc - p.loc)
    return volumes + 0.5 * (squares + distance - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise UnsupportedError("kl_divergence: two Independent need the same reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
