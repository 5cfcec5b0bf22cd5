"""Scaled dot-product attention, with gradients of any order.

Source: Vaswani et al., Attention is all you need, NIPS 2017, equation 1; on the GPU, and in blocks on the CPU, as in
Dao, FlashAttention-2: faster attention with better parallelism and work partitioning (2023).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, random
from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.attention import composed, launches, reference
from gpunn.ops.attention.rule import Rule
from gpunn.ops.shape.conversion import cast, widened_tensor
from gpunn.ops.shape.views import reshape

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Attention(Function):
    """softmax(q kᵀ · scale + mask) v, for q (B, H, L, E), k (B, K, S, E), v (B, K, S, V)."""

    saves: ClassVar = {i: (0, 1, 2) for i in range(4)}
    saves_output = True

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def forward_numpy(self, q: Array, k: Array, v: Array, mask: Array | None) -> Array:
        y, log_sums = reference.forward(q, k, v, mask, self.rule)
        self.kept = (log_sums,)
        return y

    def forward_cuda(self, q: Array, k: Array, v: Array, mask: Array | None) -> Array:
        y, log_sums = launches.forward(q, k, v, mask, self.rule)
        self.kept = (log_sums,)
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        node = AttentionBackward(self.rule, self.needs[:3])
        inputs = [self.saved(i) for i in range(4)]
        found = node(grad, *inputs, self.saved_output(), *self.kept)
        given = iter(found if isinstance(found, tuple) else (found,))
        return (*[next(given) if wanted else None for wanted in self.needs[:3]], None)


class AttentionBackward(Function):
    """The gradients of q, k and v, those that are wanted."""

    saves: ClassVar = {i: (0, 1, 2, 3) for i in range(5)}

    def __init__(self, rule: Rule, wanted: tuple[bool, ...]) -> None:
        self.rule, self.wanted = rule, wanted

    def forward_numpy(self, grad: Array, q: Array, k: Array, v: Array, mask: Any, y: Array, sums: Array) -> Any:
        return self.only_wanted(reference.gradients(grad, q, k, v, mask, sums, self.rule))

    def forward_cuda(self, grad: Array, q: Array, k: Array, v: Array, mask: Any, y: Array, sums: Array) -> Any:
        return self.only_wanted(launches.gradients(grad, q, k, v, mask, y, sums, self.rule, self.wanted))

    def only_wanted(self, found: Any) -> tuple[Array, ...]:
        """Those of `found` that are wanted."""
        return tuple([g for g, wanted in zip(found, self.wanted, strict=True) if wanted])

    def backward(self, *given: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [self.saved(i) for i in range(5)]
        dy, q, k, v, mask = [widened_tensor(x) for x in inputs]
        next_given = iter(given)
        g, h, f = [widened_tensor(next(next_given)) if wanted else None for wanted in self.wanted]
        found = composed.second((g, h, f), dy, q, k, v, mask, self.rule)
        typed = [None if d is None else cast(d, dtypes.of(x.array)) for d, x in zip(found, inputs, strict=False)]
        return (*typed, None, None, None)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query keyᵀ · scale + attn_mask) value, dropout of the weights before they meet the values: (…, L, V).

    query (…, L, E), key (…, S, E), value (…, S, V); the dimensions in front broadcast. `scale` is 1 / √E unless given.
    `attn_mask` broadcasts to (…, L, S): bool, True where a query sees a key, or numbers, which are added. If
    `is_causal`, query i sees keys 0 … i only. A query that sees no key gets 0. With `enable_gqa`, the heads (dimension
    -3) of key and value are fewer than those of query, and each serves several in a row. Dropout happens whenever
    `dropout_p` is not 0: there is no training mode.

    float16 and bfloat16 are computed in float32 and rounded once. Memory grows with L + S, not with L · S, except for
    the gradient of `attn_mask` and for second derivatives.
    """
    _check(query, key, value, attn_mask, dropout_p, is_causal)
    q, k, v = query, key, value
    if enable_gqa:
        k, v = _check_heads(q, k, v)
    batch = _batch(q, k, v, enable_gqa)
    rows, depth = q.array.shape[-2:]
    shape = (*batch, rows, k.array.shape[-2])
    mask = _fitting(attn_mask, shape, q)
    factor = (1.0 / math.sqrt(depth) if depth else 1.0) if scale is None else float(scale)
    rule = Rule(factor, bool(is_causal))
    if dropout_p > 0.0:
        draw = random.Place.of_draw(math.prod(shape), np.float32)
        rule = Rule(factor, bool(is_causal), 1.0 - float(dropout_p), draw)
    q = _in_heads(q, batch)
    k, v = [_in_heads(x, (*batch[:-1], x.array.shape[-3]) if enable_gqa else batch) for x in (k, v)]
    if mask is not None and mask.requires_grad:
        result = _with_mask_gradient(q, k, v, mask, rule)
    else:
        result = Attention(rule)(q, k, v, mask)
    return reshape(result, (*batch, rows, v.array.shape[-1]))


def _with_mask_gradient(q: Any, k: Any, v: Any, mask: Any, rule: Rule) -> Any:
    """Attention as a composition, which has a gradient for the mask."""
    dtype, group = dtypes.of(q.array), q.array.shape[1] // max(1, k.array.shape[1])
    k, v = [composed.repeated(x, group) for x in (k, v)]
    q, k, v, mask = [widened_tensor(x) for x in (q, k, v, mask)]
    return cast(composed.attention(q, k, v, mask, rule), dtype)


def _check(query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool) -> None:
    op = "scaled_dot_product_attention"
    given = {"query": query, "key": key, "value": value}
    for name, x in {**given, **({} if mask is None else {"attn_mask": mask})}.items():
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(x).__name__}")
    found = {f"{name}.dtype": dtypes.of(x.array) for name, x in given.items()}
    if len(set(found.values())) > 1:
        raise ArgumentError(
            f"{op}: Expected query, key, and value to have the same dtype, but got {found}; use x.to(…)"
        )
    if not query.is_floating_point():
        raise DtypeError(f"{op}: expected a floating dtype, got {query.dtype}; use x.float()")
    ranks = {f"{name}.dim": x.array.ndim for name, x in given.items()}
    if min(ranks.values()) < 2:
        raise ShapeError(f"{op}: Expected query, key, and value to all be at least 2 dimensional, but got {ranks}")
    q, k, v = [x.array.shape for x in given.values()]
    if q[-1] != k[-1]:
        raise ShapeError(f"{op}: query and key need last dimensions of one size, got query {q} and key {k}")
    if k[-2] != v[-2]:
        raise ShapeError(f"{op}: each key needs a value, dimensions -2 of one size; got key {k} and value {v}")
    if not 0.0 <= dropout_p <= 1.0:
        raise ArgumentError(f"{op}: dropout probability has to be between 0 and 1, but got {dropout_p}")
    if mask is not None and is_causal:
        raise ArgumentError(f"{op}: Explicit attn_mask should not be set when is_causal=True; add it to the mask")


def _check_heads(q: Any, k: Any, v: Any) -> tuple[Any, Any]:
    """Key and value with as many heads as each other, by which the heads of query can be divided."""
    if min(x.array.ndim for x in (q, k, v)) < 3:
        raise IndexRangeError(
            "scaled_dot_product_attention: enable_gqa needs heads in dimension -3; got query "
            f"{q.array.shape}, key {k.array.shape} and value {v.array.shape}"
        )
    heads, of_key, of_value = [x.array.shape[-3] for x in (q, k, v)]
    if not of_key or not of_value or heads % of_key or heads % of_value:
        raise ShapeError(
            "scaled_dot_product_attention: Number of heads in key and value must divide the number of heads in query, "
            f"got {heads} for query, {of_key} for key and {of_value} for value"
        )
    if of_key == of_value:
        return k, v
    common = math.lcm(of_key, of_value)
    return k.repeat_interleave(common // of_key, -3), v.repeat_interleave(common // of_value, -3)


def _batch(q: Any, k: Any, v: Any, has_groups: bool) -> tuple[int, ...]:
    """The dimensions in front of the result."""
    q_shape, k_shape, v_shape = [x.array.shape for x in (q, k, v)]
    try:
        if has_groups:
            return (*np.broadcast_shapes(q_shape[:-3], k_shape[:-3], v_shape[:-3]), q_shape[-3])
        return np.broadcast_shapes(q_shape[:-2], k_shape[:-2], v_shape[:-2])
    except ValueError as error:
        raise ShapeError(
            "scaled_dot_product_attention: the dimensions in front of the last two must broadcast; got query "
            f"{q_shape}, key {k_shape} and value {v_shape}"
        ) from error


def _fitting(mask: Any, shape: tuple[int, ...], q: Any) -> Any:
    """The mask with four dimensions, in a dtype that the kernels take."""
    if mask is None:
        return None
    op, dtype, dims = "scaled_dot_product_attention", dtypes.of(q.array), mask.array.shape
    found = dtypes.of(mask.array)
    if found not in (dtypes.bool_, dtypes.float32, dtype):
        raise DtypeError(
            f"{op}: Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{found} and query.dtype: {dtype}"
        )
    if len(dims) < 2:
        raise IndexRangeError(f"{op}: attn_mask needs two dimensions at least, (L, S); got shape {dims}")
    if len(dims) > len(shape) or any(n not in (1, m) for n, m in zip(dims[::-1], shape[::-1], strict=False)):
        raise ShapeError(f"{op}: attn_mask of shape {dims} does not broadcast to {shape}: batch, queries, keys")
    if found not in (dtypes.bool_, dtype):
        mask = cast(mask, dtype)
    if len(shape) > 4 and any(n > 1 for n in dims[:-3]):
        mask = mask.expand((*shape[:-2], *dims[-2:]))
        return reshape(mask, (math.prod(shape[:-3]), *shape[-3:-2], *dims[-2:]))
    return reshape(mask, (1,) * (4 - len(dims)) + dims[-4:] if len(dims) <= 4 else (1, *dims[-3:]))


def _in_heads(x: Any, batch: tuple[int, ...]) -> Any:
    """`x` (…, rows, columns), broadcast to `batch` in front, as (B, H, rows, columns)."""
    shape = (*batch, *x.array.shape[-2:])
    if x.array.shape != shape:
        x = x.expand(shape)
    heads = batch[-1] if batch else 1
    return reshape(x, (math.prod(batch[:-1]), heads, *shape[-2:]))
