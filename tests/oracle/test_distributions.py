"""Distributions beside PyTorch's: densities, moments, entropies, divergences and their gradients, shapes, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import gpunn as gp
from tests.oracle.scores import Tally

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
RNG = np.random.default_rng(0)
L = np.array([[[1.5, 0, 0], [0.3, 0.8, 0], [-0.5, 0.2, 1.1]], [[0.7, 0, 0], [0.1, 2.0, 0], [0.4, -0.3, 0.5]]])
SIGMA = L @ L.swapaxes(-1, -2)
POSITIVE, REAL = RNG.uniform(0.3, 3, (2, 3)), RNG.normal(size=(2, 3))
SHARES = POSITIVE / POSITIVE.sum(-1, keepdims=True)
HOT = np.eye(3)[[2, 0]]
# Class, its parameters, values to ask about.
CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "Normal": ("Normal", {"loc": REAL, "scale": POSITIVE}, REAL * 2),
    "Normal of numbers": ("Normal", {"loc": 0.5, "scale": 2.0}, REAL),
    "Laplace": ("Laplace", {"loc": REAL, "scale": POSITIVE}, REAL * 2),
    "Uniform": ("Uniform", {"low": REAL, "high": REAL + POSITIVE}, REAL + POSITIVE / 3),
    "Exponential": ("Exponential", {"rate": POSITIVE}, POSITIVE * 2),
    "Gamma": ("Gamma", {"concentration": POSITIVE, "rate": POSITIVE[::-1].copy()}, POSITIVE),
    "Beta": ("Beta", {"concentration1": POSITIVE, "concentration0": POSITIVE[::-1].copy()}, SHARES),
    "Beta with no peak": ("Beta", {"concentration1": POSITIVE / 4, "concentration0": POSITIVE / 5}, SHARES),
    "Dirichlet": ("Dirichlet", {"concentration": POSITIVE + 1}, SHARES),
    "Dirichlet with no peak": ("Dirichlet", {"concentration": POSITIVE / 4}, SHARES),
    "Bernoulli": ("Bernoulli", {"probs": SHARES}, np.array([[0.0, 1, 1], [1, 0, 0]])),
    "Bernoulli, logits": ("Bernoulli", {"logits": REAL * 4}, np.array([[0.0, 1, 1], [1, 0, 0]])),
    "Bernoulli, certain": ("Bernoulli", {"probs": np.array([[0.0, 1, 0.5]] * 2)}, np.array([0.0, 1, 1])),
    "Categorical": ("Categorical", {"probs": POSITIVE}, np.array([2, 0])),
    "Categorical, logits": ("Categorical", {"logits": REAL}, np.array([[2, 0], [1, 1]])),
    "OneHotCategorical": ("OneHotCategorical", {"probs": POSITIVE}, HOT),
    "OneHotCategorical, logits": ("OneHotCategorical", {"logits": REAL}, HOT),
    "MultivariateNormal": ("MultivariateNormal", {"loc": REAL, "covariance_matrix": SIGMA}, REAL * 2),
    "MultivariateNormal, L": ("MultivariateNormal", {"loc": REAL[0], "scale_tril": L}, REAL * 2),
    "MultivariateNormal, P": ("MultivariateNormal", {"loc": REAL, "precision_matrix": SIGMA}, REAL * 2),
}
ASKED = ("log_prob", "cdf", "icdf")
FACTS = ("mean", "variance", "stddev", "mode", "entropy", "perplexity", "batch_shape", "event_shape")
FACTS += ("logits", "probs", "covariance_matrix", "precision_matrix", "scale_tril", "param_shape")
LACKS = {("Gamma", "cdf"): "there is no incomplete gamma function"}


def both(name: str) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """The distribution of torch and of gpunn, with their parameters as leaves."""
    kind, given, _ = CASES[name]
    leaves = [
        {k: lib.tensor(v, requires_grad=True) if isinstance(v, np.ndarray) else v for k, v in given.items()}
        for lib in (torch, gp)
    ]
    return getattr(torch.distributions, kind)(**leaves[0]), getattr(gp.distributions, kind)(**leaves[1]), *leaves


def compared(theirs: Callable[[], Any], mine: Callable[[], Any], t: dict[str, Any], g: dict[str, Any]) -> str | None:
    """How two results, or the gradients of their sums by the parameters, differ."""
    try:
        expected = theirs()
    except (NotImplementedError, AttributeError) as refusal:
        try:
            mine()
        except (NotImplementedError, AttributeError):
            return None
        return f"does not raise; torch raises {type(refusal).__name__}"
    found = mine()
    if isinstance(expected, torch.Size):
        return None if tuple(found) == tuple(expected) else f"{found}, expected {expected}"
    if wrong := differs(found, expected):
        return wrong
    if not expected.requires_grad:
        return f"requires a gradient: {found.requires_grad}" if found.requires_grad else None
    leaves = [k for k, v in t.items() if isinstance(v, torch.Tensor)]
    if not leaves:
        return None
    wanted = torch.autograd.grad(expected.sum(), [t[k] for k in leaves], allow_unused=True, retain_graph=True)
    ours = gp.autograd.grad(found.sum(), [g[k] for k in leaves], allow_unused=True, retain_graph=True)
    for k, a, b in zip(leaves, ours, wanted, strict=True):
        b = torch.zeros_like(t[k]) if b is None else b
        a = gp.zeros_like(g[k]) if a is None else a
        if k == "scale_tril":  # PyTorch's is not always 0 above the diagonal, which is never read
            a, b = a.tril(), b.tril()
        if wrong := differs(a, b):
            return f"gradient of {k}: {wrong}"
    return None


def differs(found: Any, expected: torch.Tensor) -> str | None:
    mine, wanted = found.detach().cpu().numpy(), expected.detach().numpy()
    if mine.shape != wanted.shape or mine.dtype != wanted.dtype:
        return f"{mine.dtype} {mine.shape}, expected {wanted.dtype} {wanted.shape}"
    # PyTorch's second derivative of log Γ has nine digits.
    close = np.allclose(mine, wanted, rtol=1e-8, atol=1e-8, equal_nan=True)
    return None if close else f"{mine.tolist()}, expected {wanted.tolist()}"


@pytest.mark.parametrize("name", CASES)
def test_values(name: str, tally: Tally) -> None:
    """Of the distribution itself, and of a larger batch of it."""
    kind, _, values = CASES[name]
    with tally.about("Distributions", kind, "distribution"):
        for is_larger in (False, True):
            theirs, mine, t, g = both(name)
            batch = (2, *theirs.batch_shape) if theirs.batch_shape else (2, 3)
            if is_larger:
                theirs, mine = theirs.expand(batch), mine.expand(batch)
            for fact in FACTS:
                tally.add(
                    compared(*(lambda d=d, f=fact: asked(d, f) for d in (theirs, mine)), t, g), f"{fact}, {is_larger}"
                )
            for what in ASKED:
                if (kind, what) not in LACKS:
                    at = SHARES[..., :1] if what == "icdf" else values
                    pair = [functools.partial(told, d, what, at) for d in (theirs, mine)]
                    tally.add(compared(*pair, t, g), f"{what}, {is_larger}")
            for expand in (False, True):
                pair = [lambda d=d, e=expand: d.enumerate_support(e) for d in (theirs, mine)]
                tally.add(compared(*pair, t, g), f"enumerate_support({expand}), {is_larger}")
            shapes = [tuple(d.sample((5, 2)).shape) for d in (mine, theirs)]
            tally.add(None if shapes[0] == shapes[1] else f"samples {shapes[0]}, expected {shapes[1]}")
            tally.add(differs(mine.support.check(mine.sample()), theirs.support.check(theirs.sample())), "support")
        if kind != "OneHotCategorical" and not kind.startswith(("Beta", "Gamma", "Dirichlet")):
            tally.add(None if mine.has_rsample == theirs.has_rsample else "has_rsample")
        own = repr(both(name)[1]).replace("gpunn.", "torch.")
        tally.add(None if kind in ("OneHotCategorical", "Beta") or own == repr(both(name)[0]) else own)


def told(distribution: Any, what: str, values: Any) -> Any:
    lib = torch if isinstance(distribution, torch.distributions.Distribution) else gp
    return getattr(distribution, what)(lib.tensor(values))


def asked(distribution: Any, fact: str) -> Any:
    found = getattr(distribution, fact)
    return found() if callable(found) else found


def pairs() -> Iterator[tuple[str, str]]:
    """All pairs of cases of one class, whose parameters are the other way round in the second."""
    for a in CASES:
        for b in CASES:
            if CASES[a][0] == CASES[b][0]:
                yield a, b


@pytest.mark.parametrize(("first", "second"), list(pairs()))
def test_divergence(first: str, second: str, tally: Tally) -> None:
    with tally.about("Distributions", f"kl_divergence of {CASES[first][0]}", "distribution"):
        p, mine_p, t, g = both(first)
        q, mine_q, _, _ = both(second)
        if CASES[first][0] == "Uniform":
            q, mine_q = (lib.distributions.Uniform(lib.tensor(REAL - 1), lib.tensor(REAL + 2)) for lib in (torch, gp))
        theirs = lambda: torch.distributions.kl_divergence(p, q)  # noqa: E731
        tally.add(compared(theirs, lambda: gp.distributions.kl_divergence(mine_p, mine_q), t, g))


def other_pairs() -> Iterator[tuple[str, str]]:
    """Pairs of cases of two classes for which PyTorch has a formula."""
    known = {(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY}
    for a in CASES:
        for b in CASES:
            kinds = CASES[a][0], CASES[b][0]
            if kinds[0] != kinds[1] and kinds in known and "Normal of numbers" not in (a, b):
                yield a, b


@pytest.mark.parametrize(("first", "second"), list(other_pairs()))
def test_divergence_between_classes(first: str, second: str, tally: Tally) -> None:
    """Of uniform distributions one that fits the other, and one that does not, of which PyTorch's gradient is NaN."""
    libs, kinds = (torch, gp), (CASES[first][0], CASES[second][0])
    p, mine_p, t, g = both(first)
    q, mine_q, *_ = both(second)
    with tally.about("Distributions", f"kl_divergence of {kinds[0]}", "distribution"):
        found, wanted = gp.distributions.kl_divergence(mine_p, mine_q), torch.distributions.kl_divergence(p, q)
        if "Uniform" not in kinds:
            tally.add(compared(lambda: wanted, lambda: found, t, g), second)
            return
        tally.add(differs(found, wanted), second)
        low, high = (SHARES / 4, 0.5 + SHARES / 2) if kinds[0] == "Uniform" else (-SHARES, 1 + SHARES)
        ends = [{k: m.tensor(v, requires_grad=True) for k, v in (("low", low), ("high", high))} for m in libs]
        uniform = [m.distributions.Uniform(**leaves) for m, leaves in zip(libs, ends, strict=True)]
        others = (q, mine_q) if kinds[0] == "Uniform" else (p, mine_p)
        pairs = zip(uniform, others, strict=True) if kinds[0] == "Uniform" else zip(others, uniform, strict=True)
        of = [functools.partial(m.distributions.kl_divergence, *pair) for m, pair in zip(libs, pairs, strict=True)]
        tally.add(compared(*of, *ends), f"{second}, inside")


@pytest.mark.parametrize("dims", [0, 1, 2])
def test_independent(dims: int, tally: Tally) -> None:
    with tally.about("Distributions", "Independent", "distribution"):
        theirs, mine, t, g = both("Normal")
        theirs, mine = torch.distributions.Independent(theirs, dims), gp.distributions.Independent(mine, dims)
        for fact in FACTS[:8]:
            tally.add(compared(*(lambda d=d, f=fact: asked(d, f) for d in (theirs, mine)), t, g), fact)
        pair = [functools.partial(told, d, "log_prob", REAL) for d in (theirs, mine)]
        tally.add(compared(*pair, t, g), "log_prob")
        pair = [lambda d=d, lib=lib: lib.distributions.kl_divergence(d, d) for d, lib in ((theirs, torch), (mine, gp))]
        tally.add(compared(*pair, t, g), "kl_divergence")
        larger = [d.expand((4, 2, 3)[: 3 - dims]) for d in (mine, theirs)]
        tally.add(None if tuple(larger[0].sample().shape) == tuple(larger[1].sample().shape) else "expand")


CONSTRAINTS = ("boolean", "one_hot", "real", "real_vector", "positive", "nonnegative", "unit_interval", "simplex")
CONSTRAINTS += ("positive_integer", "nonnegative_integer")
CONSTRAINTS += ("square", "symmetric", "lower_triangular", "lower_cholesky", "positive_definite")


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraint(name: str, tally: Tally) -> None:
    with tally.about("Distributions", "constraints", "distribution"):
        theirs, mine = (getattr(lib.distributions.constraints, name) for lib in (torch, gp))
        tally.add(None if repr(mine) == repr(theirs) else f"{mine!r}, expected {theirs!r}")
        for x in (
            SIGMA,
            L,
            L[0],
            L.swapaxes(-1, -2),
            SHARES,
            HOT,
            -HOT,
            REAL,
            POSITIVE,
            SIGMA[..., :2],
            [[float("nan")] * 2] * 2,
        ):
            tally.add(differs(mine.check(gp.tensor(x)), theirs.check(torch.tensor(x))), f"{x}")


# A call of `d`, the module of distributions, and of `t`, which makes tensors: PyTorch refuses them all.
REFUSED: dict[str, Callable[[Any, Callable[..., Any]], Any]] = {
    "negative scale": lambda d, t: d.Normal(0.0, -1.0),
    "NaN": lambda d, t: d.Normal(float("nan"), 1.0),
    "no number": lambda d, t: d.Normal("a", 1.0),
    "shapes": lambda d, t: d.Normal(t([0.0, 1.0]), t([1.0, 1.0, 1.0])),
    "low above high": lambda d, t: d.Uniform(2.0, 1.0),
    "probability": lambda d, t: d.Bernoulli(1.5),
    "both forms": lambda d, t: d.Bernoulli(0.5, 0.0),
    "no form": lambda d, t: d.Categorical(),
    "a number of classes": lambda d, t: d.Categorical(t(0.5)),
    "negative shares": lambda d, t: d.Categorical(t([-1.0, 2.0])),
    "value of another shape": lambda d, t: d.Normal(t([0.0, 1.0]), 1.0).log_prob(t([0.0, 1.0, 2.0])),
    "value outside": lambda d, t: d.Exponential(1.0).log_prob(t(-1.0)),
    "no tensor": lambda d, t: d.Normal(0.0, 1.0).log_prob(0.5),
    "half a class": lambda d, t: d.Categorical(t([0.5, 0.5])).log_prob(t(0.5)),
    "class that is not there": lambda d, t: d.Categorical(t([0.5, 0.5])).log_prob(t(2)),
    "two ones": lambda d, t: d.OneHotCategorical(t([0.5, 0.5])).log_prob(t([1.0, 1.0])),
    "not a share": lambda d, t: d.Dirichlet(t([0.5, 0.5])).log_prob(t([0.9, 0.9])),
    "a number of concentrations": lambda d, t: d.Dirichlet(t(0.5)),
    "not positive definite": lambda d, t: d.MultivariateNormal(t([0.0, 0.0]), t([[1.0, 2.0], [2.0, 1.0]])),
    "not lower": lambda d, t: d.MultivariateNormal(t([0.0, 0.0]), scale_tril=t([[1.0, 2.0], [2.0, 1.0]])),
    "two matrices": lambda d, t: d.MultivariateNormal(t([0.0]), t([[1.0]]), t([[1.0]])),
    "a number of means": lambda d, t: d.MultivariateNormal(t(0.0), t([[1.0]])),
    "too many dimensions": lambda d, t: d.Independent(d.Normal(0.0, 1.0), 1),
    "no formula": lambda d, t: d.kl_divergence(d.Normal(0.0, 1.0), d.Dirichlet(t([1.0, 1.0]))),
    "other lengths": lambda d, t: d.kl_divergence(
        d.MultivariateNormal(t([0.0]), t([[1.0]])),
        d.MultivariateNormal(t([0.0, 0.0]), t([[1.0, 0.0], [0.0, 1.0]])),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_errors(what: str, tally: Tally) -> None:
    with tally.about("Distributions", "errors", "errors"):
        try:
            REFUSED[what](torch.distributions, torch.tensor)
        except Exception as error:
            wanted = type(error)
        try:
            REFUSED[what](gp.distributions, gp.tensor)
            tally.add(f"does not raise; torch raises {wanted.__name__}", what)
        except Exception as error:
            tally.add(
                None if isinstance(error, wanted) else f"{type(error).__name__}, expected {wanted.__name__}", what
            )
