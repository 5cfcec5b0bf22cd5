"""Divergences between distributions of two classes, by integrals of their densities."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import gpunn as gp
from gpunn import distributions as d

KINDS = {
    "Normal": (lambda t: d.Normal(t(-0.4), t(0.7)), stats.norm(-0.4, 0.7)),
    "Laplace": (lambda t: d.Laplace(t(0.3), t(0.6)), stats.laplace(0.3, 0.6)),
    "Exponential": (lambda t: d.Exponential(t(1.7)), stats.expon(scale=1 / 1.7)),
    "Gamma": (lambda t: d.Gamma(t(2.5), t(1.5)), stats.gamma(2.5, scale=1 / 1.5)),
    "Beta": (lambda t: d.Beta(t(2.5), t(1.5)), stats.beta(2.5, 1.5)),
    "inner Uniform": (lambda t: d.Uniform(t(0.2), t(0.9)), stats.uniform(0.2, 0.7)),
    "lower Uniform": (lambda t: d.Uniform(t(0.0), t(0.9)), stats.uniform(0, 0.9)),
    "outer Uniform": (lambda t: d.Uniform(t(-1.0), t(1.5)), stats.uniform(-1, 2.5)),
}
FINITE = {
    *((p, "Normal") for p in KINDS),
    *((p, "Laplace") for p in ("Normal", "Laplace")),
    *((p, q) for q in ("Exponential", "Gamma") for p in ("Exponential", "Gamma", "Beta")),
    *((p, q) for q in ("Exponential", "Gamma", "Beta") for p in ("inner Uniform", "lower Uniform")),
    *((p, "outer Uniform") for p in ("Beta", "inner Uniform", "lower Uniform")),
    ("inner Uniform", "lower Uniform"),
}
UNKNOWN = {(p, "Laplace") for p in KINDS if p not in ("Normal", "Laplace")}


@pytest.mark.parametrize(
    ("first", "second"), [(p, q) for p in KINDS for q in KINDS if (p, q) not in UNKNOWN and p != q]
)
def test_divergence(first, second, device):
    """Infinite where the first has numbers that the second never gives."""
    (make_p, p), (make_q, q) = KINDS[first], KINDS[second]
    leaf = lambda x: gp.tensor([[x]], dtype=gp.float64, device=device)  # noqa: E731
    found = d.kl_divergence(make_p(leaf), make_q(lambda x: leaf(x).expand(1, 2)))
    assert found.shape == (1, 2) and found[0, 0] == found[0, 1]
    if (first, second) not in FINITE:
        assert found[0, 0].item() == math.inf
        return
    low, high = (np.clip(x, -30, 40) for x in p.support())
    of_value = lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x))  # noqa: E731
    wanted = integrate.quad(of_value, low, high, points=[p.mean()], limit=200, epsabs=1e-11)[0]
    np.testing.assert_allclose(found[0, 0].item(), wanted, rtol=1e-7)


def test_gradients_of_infinite_divergences_are_zeros():
    low = gp.tensor([-1.0, 0.5], requires_grad=True)
    found = d.kl_divergence(d.Uniform(low, 2.0), d.Gamma(2.0, 1.0))
    assert found.tolist()[0] == math.inf and math.isfinite(found.tolist()[1])
    to_low = gp.autograd.grad(found.sum(), low)[0].tolist()
    assert to_low[0] == 0 and math.isfinite(to_low[1])
