"""Attention as a composition of differentiable operations, with the whole matrix of scores in memory.

It is what the second derivative goes through, and the gradient of a mask.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.ops.attention.rule import Rule
from gpunn.ops.linalg.products import matmul
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.views import reshape
from gpunn.ops.softmax import softmax


class Weights(NamedTuple):
    """softmax(q kᵀ · scale + mask), and what dropout multiplies it by: an array like it, or 1."""

    before: Any
    factors: Any


def weights(q: Any, k: Any, mask: Any, rule: Rule) -> Weights:
    """The weights of all values for each query: (…, L, S); 0 where a query sees no key."""
    xp = array_module(q.array)
    scores = matmul(q, k.mT) * rule.scale
    shape, dtype = scores.array.shape, scores.array.dtype
    hidden = xp.zeros(shape[-2:], np.bool_)
    if rule.causal:
        hidden = xp.arange(shape[-1]) > xp.arange(shape[-2])[:, None]
    if mask is not None:
        is_bool = mask.array.dtype == np.bool_
        hidden = hidden | (~mask.array if is_bool else mask.array == -np.inf)
        if not is_bool:
            scores = scores + mask.masked_fill(Variable.result_type(mask.array == -np.inf), 0.0)
    blind = hidden.all(axis=-1, keepdims=True)
    scores = scores.masked_fill(Variable.result_type(hidden), -np.inf)
    scores = scores.masked_fill(Variable.result_type(blind), 0.0)
    before = softmax(scores, -1).masked_fill(Variable.result_type(blind), 0.0)
    factors: Any = 1
    if rule.drops:
        drawn = rule.factors(xp, 0, scores.array.size, dtype).reshape(shape)
        factors = Variable.result_type(drawn)
    return Weights(before, factors)


def attention(q: Any, k: Any, v: Any, mask: Any, rule: Rule) -> Any:
    """The output, q (B, H, L, E), k (B, H, S, E), v (B, H, S, V)."""
    found = weights(q, k, mask, rule)
    return matmul(found.before * found.factors, v)


def second(given: tuple[Any, Any, Any], dy: Any, q: Any, k: Any, v: Any, mask: Any, rule: Rule) -> tuple[Any, ...]:
    """The gradients of dy, q, k and v for those `given` (None: zero) for the gradients of q, k and v.

    With P the weights, D dropout's factors, A = P D, dP = (dy vᵀ) D, dS = P (dP - Σ P dP):
    dq = scale dS k, dk = scale dSᵀ q, dv = Aᵀ dy. What is given for them is g, h, f: the sum of
    dS X + A Y, X = scale (g kᵀ + q hᵀ), Y = dy fᵀ, is what is differentiated.
    """
    heads, (g, h, f) = q.array.shape[1], given
    group = heads // k.array.shape[1]
    k, v, h, f = [None if x is None else repeated(x, group) for x in (k, v, h, f)]
    before, factors = weights(q, k, mask, rule)
    s = rule.scale
    change = matmul(dy, v.mT) * factors
    center = change - sum(before * change, -1, keepdim=True)
    inner = before * center
    to_dy = to_q = to_k = to_v = None
    by_weight: Any = 0
    if g is not None or h is not None:
        x = _total(None if g is None else matmul(g, k.mT), None if h is None else matmul(q, h.mT)) * s
        mean = sum(before * x, -1, keepdim=True)
        by_change = before * (x - mean) * factors
        to_dy, to_v = matmul(by_change, v), matmul(by_change.mT, dy)
        by_weight = x * center - change * mean
        to_k = None if g is None else matmul(inner.mT, g) * s
        to_q = None if h is None else matmul(inner, h) * s
    if f is not None:
        to_dy = _total(to_dy, matmul(before * factors, f))
        by_weight = by_weight + matmul(dy, f.mT) * factors
    by_score = before * (by_weight - sum(before * by_weight, -1, keepdim=True)) * s
    to_q, to_k = _total(to_q, matmul(by_score, k)), _total(to_k, matmul(by_score.mT, q))
    return to_dy, to_q, _gathered(to_k, group), _gathered(to_v, group)


def _total(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def repeated(x: Any, group: int) -> Any:
    """`x` (B, K, …) with each head `group` times: (B, K · group, …)."""
    if group == 1:
        return x
    batch, heads, *rest = x.array.shape
    return reshape(reshape(x, (batch, heads, 1, *rest)).expand((batch, heads, group, *rest)), (batch, -1, *rest))


def _gathered(x: Any, group: int) -> Any:
    """The inverse of `repeated` for gradients: the sums over the heads of a group."""
    if x is None or group == 1:
        return x
    batch, heads, *rest = x.array.shape
    return sum(reshape(x, (batch, heads // group, group, *rest)), 2)
