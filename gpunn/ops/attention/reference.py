"""Attention on NumPy, in blocks of queries: never more than `BLOCK` scores at a time.

Shapes: q (B, H, L, E), k (B, K, S, E), v (B, K, S, V), where H is a multiple of K: query head h sees head h·K/H of the
keys. mask: None, or broadcasts to (B, H, L, S); bool: who is seen, else it is added to the scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gpunn.backend import Array
from gpunn.ops.attention.memory import empty_in_order_of
from gpunn.ops.attention.rule import Rule
from gpunn.ops.reduction.accumulate import widened

BLOCK = 1 << 20  # scores


def forward(q: Array, k: Array, v: Array, mask: Array | None, rule: Rule) -> tuple[Array, Array]:
    """The output (B, H, L, V), in the order of q in memory, and the logarithms of the sums of exponentials (B, H, L).

    These are +∞ where a query sees no key; the output is 0 there.
    """
    out = empty_in_order_of(q, (*q.shape[:3], v.shape[3]))
    log_sums = np.full(q.shape[:3], np.inf, widened(q[:0]).dtype)
    for at in _blocks(q, k, rule):
        scores = _scores(at, q, k, mask, rule)
        top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
        top[top == -np.inf] = 0
        scores -= top
        weights = np.exp(scores, out=scores)
        sums = weights.sum(axis=-1, keepdims=True)
        seen = sums != 0
        log_sums[at.queries] = at.of_heads(np.where(seen, top + np.log(sums), np.inf))[..., 0]
        weights /= np.where(seen, sums, 1)
        if rule.drops:
            weights *= _factors(at, q, k, rule, weights.dtype)
        out[at.queries] = at.of_heads(weights @ at.of_keys(v))
    return out, log_sums


def gradients(
    grad: Array, q: Array, k: Array, v: Array, mask: Array | None, log_sums: Array, rule: Rule
) -> tuple[Array, Array, Array]:
    """The gradients of q, k and v, given `grad` of the output; each lies in memory as what it is the gradient of."""
    dq = empty_in_order_of(q, q.shape)
    dk, dv = (np.zeros(x.shape, log_sums.dtype) for x in (k, v))
    for at in _blocks(q, k, rule):
        scores = _scores(at, q, k, mask, rule)
        scores -= at.of_group(log_sums[..., None])
        weights = np.exp(scores, out=scores)
        dy, seen, values = at.of_group(grad), at.of_keys(k), at.of_keys(v)
        changes = dy @ values.swapaxes(-1, -2)
        if rule.drops:
            factors = _factors(at, q, k, rule, weights.dtype)
            changes *= factors
            factors *= weights
            dv[at.keys] += (factors.swapaxes(-1, -2) @ dy).sum(axis=2)
        else:
            dv[at.keys] += (weights.swapaxes(-1, -2) @ dy).sum(axis=2)
        changes -= np.einsum("...s,...s->...", weights, changes)[..., None]
        changes *= weights
        changes *= rule.scale
        dq[at.queries] = at.of_heads(changes @ seen)
        dk[at.keys] += (changes.swapaxes(-1, -2) @ at.of_group(q)).sum(axis=2)
    return dq, _like(dk, k), _like(dv, v)


def _like(sums: Array, x: Array) -> Array:
    result = empty_in_order_of(x, x.shape)
    result[...] = sums
    return result


class _Block(NamedTuple):
    """A range of batches, of heads of keys, and of queries of each; and how many keys these see."""

    batch: slice
    heads: slice  # of keys
    rows: slice
    seen: int
    group: int  # heads of queries for each of the keys

    @property
    def queries(self) -> tuple[slice, slice, slice]:
        """The block's place in an array (B, H, L, …)."""
        return self.batch, slice(self.heads.start * self.group, self.heads.stop * self.group), self.rows

    @property
    def keys(self) -> tuple[slice, slice, slice]:
        """The block's place in an array (B, K, S, …)."""
        return self.batch, self.heads, slice(0, self.seen)

    def of_group(self, x: Array) -> Array:
        """`x` (B, H, L, …) in this block, as (B, K, group, L, …), in the type to compute in."""
        return self.split(widened(x[self.queries]))

    def of_keys(self, x: Array) -> Array:
        """`x` (B, K, S, …) in this block, as (B, K, 1, S, …), in the type to compute in."""
        return widened(x[self.keys])[:, :, None]

    def of_heads(self, x: Array) -> Array:
        """The inverse of `of_group`."""
        return x.reshape(x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:])

    def split(self, x: Array) -> Array:
        """`x` (B, H, …) as (B, K, group, …)."""
        return x.reshape(x.shape[0], x.shape[1] // self.group, self.group, *x.shape[2:])


def _blocks(q: Array, k: Array, rule: Rule) -> Iterator[_Block]:
    batches, heads, rows, _ = q.shape
    heads_of_keys, keys = k.shape[1:3]
    if not (batches and heads and rows):
        return
    group = heads // heads_of_keys
    row_step = max(1, min(rows, BLOCK // max(1, keys * group)))
    head_step = max(1, min(heads_of_keys, BLOCK // max(1, keys * group * rows)))
    batch_step = max(1, min(batches, BLOCK // max(1, keys * heads * rows)))
    for b in range(0, batches, batch_step):
        for h in range(0, heads_of_keys, head_step):
            for i in range(0, rows, row_step):
                last = min(i + row_step, rows)
                yield _Block(
                    slice(b, min(b + batch_step, batches)),
                    slice(h, min(h + head_step, heads_of_keys)),
                    slice(i, last),
                    min(keys, last) if rule.causal else keys,
                    group,
                )


def _scores(at: _Block, q: Array, k: Array, mask: Array | None, rule: Rule) -> Array:
    """q kᵀ · scale with the mask, (B, K, group, L, S): -∞ where a query does not see a key."""
    scores = at.of_group(q) @ at.of_keys(k).swapaxes(-1, -2)
    scores *= rule.scale
    if rule.causal:
        hidden = np.arange(at.seen) > np.arange(at.rows.start, at.rows.stop)[:, None]
        np.copyto(scores, -np.inf, where=hidden)
    if mask is not None:
        part = np.broadcast_to(mask, (*q.shape[:3], k.shape[2]))[at.queries][..., : at.seen]
        part = at.split(part)
        if part.dtype == np.bool_:
            np.copyto(scores, -np.inf, where=~part)
        else:
            scores += part.astype(scores.dtype, copy=False)
    return scores


def _factors(at: _Block, q: Array, k: Array, rule: Rule, dtype: np.dtype) -> Array:
    """What the weights of a block are multiplied by, (B, K, group, L, S): 0 or 1 / keep."""
    _, heads, rows, _ = q.shape
    keys = k.shape[2]
    batch, head, row = at.queries
    parts = np.empty((batch.stop - batch.start, head.stop - head.start, row.stop - row.start, keys), dtype)
    for b in range(parts.shape[0]):
        for h in range(parts.shape[1]):
            first = (((batch.start + b) * heads + head.start + h) * rows + row.start) * keys
            parts[b, h] = rule.factors(np, first, parts[b, h].size, dtype).reshape(parts.shape[2:])
    return at.split(parts[..., : at.seen])
