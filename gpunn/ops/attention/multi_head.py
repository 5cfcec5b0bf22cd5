"""Attention with many heads: projections, attention in each head, and a projection of all heads together.

Source: Vaswani et al., Attention is all you need, NIPS 2017, section 3.2.2.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gpunn import dtypes
from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.attention.dot_product import scaled_dot_product_attention
from gpunn.ops.dropout import dropout
from gpunn.ops.linalg.linear import linear
from gpunn.ops.linalg.products import matmul
from gpunn.ops.resize.pad import pad
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.permutation import permute
from gpunn.ops.shape.views import reshape
from gpunn.ops.softmax import softmax

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

OP = "multi_head_attention_forward"


class HeadsError(ShapeError, AssertionError):
    """Sizes that do not fit: PyTorch raises AssertionError for them."""


class Projected(NamedTuple):
    """Queries, keys and values of all heads: (length, batch, embedding)."""

    q: Any
    k: Any
    v: Any


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The output (L, N, E), and if `need_weights` the weights (N, L, S), or (N, heads, L, S) unless they are averaged.

    query (L, N, E), key and value (S, N, …); without N, so are the results. The projections are the thirds of
    `in_proj_weight` (3E, E), or three weights of their own. `bias_k` and `bias_v` (1, 1, E) are one more key and
    value, zeros one more with `add_zero_attn`; `static_k` and `static_v` (N · heads, S, E / heads) stand for what the
    projections give.

    Masks are bool, True where a key is hidden, or numbers, which are added to the scores: `key_padding_mask` (N, S),
    `attn_mask` (L, S) or (N · heads, L, S). `is_causal` says that `attn_mask` is causal; without weights it is not
    looked at then. Without weights, memory grows with L + S; with them, with L · S.
    """
    is_batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, _ = query.array.shape
    mask, padding, is_causal = _masks(query, attn_mask, key_padding_mask, is_causal, need_weights)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    apart = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    projected = _projected(query, key, value, in_proj_weight, apart, in_proj_bias)
    mask = _checked_mask(mask, length, key.array.shape[0], batch, num_heads)
    q, extra = _in_heads(projected.q, num_heads), (bias_k, bias_v, static_k, static_v)
    k, v, masks = _keys(projected.k, projected.v, extra, add_zero_attn, (mask, padding), num_heads)
    mask = _merged(*masks, batch, k.array.shape[2])
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        found = _weights(q, k, mask, dropout_p)
        result = _joined(matmul(found, v), out_proj_weight, out_proj_bias)
        found = found.mean(1) if average_attn_weights else found
        return (result, found) if is_batched else (result.squeeze(1), found.squeeze(0))
    result = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    result = _joined(result, out_proj_weight, out_proj_bias)
    return result if is_batched else result.squeeze(1), None


def _joined(heads: Any, weight: Any, bias: Any) -> Any:
    """The projection (L, N, E) of the heads (N, heads, L, size) side by side."""
    batch, count, length, size = heads.array.shape
    return linear(reshape(permute(heads, (2, 0, 1, 3)), (length, batch, count * size)), weight, bias)


def _masks(
    query: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool, need_weights: bool
) -> tuple[Any, Any, bool]:
    """Both masks as numbers to add, and whether the attention is causal instead of the first."""
    if is_causal and attn_mask is None:
        raise ArgumentError(
            f"{OP}: Need attn_mask if specifying the is_causal hint; gp.ones(L, S).triu(1).bool() is a causal one"
        )
    if key_padding_mask is not None and attn_mask is not None and key_padding_mask.dtype is not attn_mask.dtype:
        warnings.warn(
            f"{OP}: Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both "
            "instead.",
            stacklevel=3,
        )
    padding = _added(key_padding_mask, "key_padding_mask", query)
    if is_causal and padding is None and not need_weights:
        attn_mask = None
    mask = _added(attn_mask, "attn_mask", query)
    return mask, padding, is_causal and padding is None and mask is None


def _keys(
    k: Any, v: Any, extra: tuple[Any, ...], has_zeros: bool, masks: tuple[Any, Any], heads: int
) -> tuple[Any, Any, tuple[Any, Any]]:
    """Keys and values (N, heads, S, size) with all that is added to them, and masks that show it."""
    bias_k, bias_v, static_k, static_v = extra
    _, batch, embedding = k.array.shape
    if (bias_k is None) != (bias_v is None):
        raise HeadsError(f"{OP}: bias_k and bias_v go together, and one of them is None")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise HeadsError(f"{OP}: bias cannot be added to static key or value")
        k, v = [cat([x, bias.expand((1, batch, embedding))]) for x, bias in ((k, bias_k), (v, bias_v))]
        masks = _longer(masks)
    k, v = [
        _in_heads(x, heads) if static is None else _static(static, batch, heads, embedding // heads)
        for x, static in ((k, static_k), (v, static_v))
    ]
    if not has_zeros:
        return k, v, masks
    return pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1)), _longer(masks)


def _longer(masks: tuple[Any, Any]) -> tuple[Any, Any]:
    """Masks for one more key, which all queries see."""
    mask, padding = [None if m is None else pad(m, (0, 1)) for m in masks]
    return mask, padding


def _weights(q: Any, k: Any, mask: Any, dropout_p: float) -> Any:
    """The weights (N, heads, L, S). NaN where a query sees no key, as in PyTorch."""
    scores = matmul(q * math.sqrt(1.0 / q.array.shape[-1]), k.mT)
    weights = softmax(scores if mask is None else scores + mask, -1)
    return dropout(weights, dropout_p) if dropout_p > 0.0 else weights


def _with_batch(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """The three with a batch of one; what is one tensor stays one."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, k if value is key else value.unsqueeze(1)


def _is_batched(q: Any, k: Any, v: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether there is a dimension of the batch; HeadsError if the ranks do not fit."""
    for name, x in {"query": q, "key": k, "value": v}.items():
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"{OP}: {name} must be a Tensor, got {type(x).__name__}")
    rank = q.array.ndim
    if rank not in (2, 3):
        raise HeadsError(f"{OP}: query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = f"For {'batched' if rank == 3 else 'unbatched'} ({rank}-D) `query`, expected"
    if k.array.ndim != rank or v.array.ndim != rank:
        found = f"{k.array.ndim}-D and {v.array.ndim}-D"
        raise HeadsError(f"{OP}: {kind} `key` and `value` to be {rank}-D but found {found} tensors respectively")
    if padding is not None and padding.array.ndim != rank - 1:
        found = f"{padding.array.ndim}-D tensor"
        raise HeadsError(f"{OP}: {kind} `key_padding_mask` to be `None` or {rank - 1}-D but found {found} instead")
    if mask is not None:
        if mask.array.ndim not in (2, 3):
            found = f"{mask.array.ndim}-D tensor"
            raise HeadsError(f"{OP}: {kind} `attn_mask` to be `None`, 2-D or 3-D but found {found} instead")
        wanted = (heads, q.array.shape[0], k.array.shape[0])
        if rank == 2 and mask.array.ndim == 3 and mask.array.shape != wanted:
            raise HeadsError(f"{OP}: Expected `attn_mask` shape to be {wanted} but got {mask.array.shape}")
    return bool(rank == 3)


def _check_sizes(q: Any, k: Any, v: Any, embedding: int, heads: int, is_apart: bool) -> None:
    found = q.array.shape[-1]
    if found != embedding:
        raise HeadsError(f"{OP}: was expecting embedding dimension of {embedding}, but got {found}")
    if heads <= 0 or embedding % heads:
        raise HeadsError(f"{OP}: embed_dim {embedding} not divisible by num_heads {heads}")
    if is_apart and k.array.shape[:2] != v.array.shape[:2]:
        raise HeadsError(
            f"{OP}: key's sequence and batch dims {k.array.shape[:2]} do not match value's {v.array.shape[:2]}"
        )
    if not is_apart and k.array.shape != v.array.shape:
        raise HeadsError(f"{OP}: key shape {k.array.shape} does not match value shape {v.array.shape}")


def _added(mask: Any, name: str, query: Any) -> Any:
    """A mask as numbers to add: of a bool mask -∞ where it is True."""
    if mask is None:
        return None
    if not isinstance(mask, Variable):
        raise ArgumentTypeError(f"{OP}: {name} must be a Tensor, got {type(mask).__name__}")
    tensor: Any = mask
    if tensor.is_floating_point():
        return tensor
    if dtypes.of(tensor.array) is not dtypes.bool_:
        raise HeadsError(f"{OP}: only bool and floating types of {name} are supported, got {tensor.dtype}")
    xp, dtype = array_module(tensor.array), query.array.dtype
    return Variable.result_type(xp.where(tensor.array, dtype.type(-np.inf), dtype.type(0)))


def _projected(query: Any, key: Any, value: Any, weight: Any, apart: tuple[Any, ...] | None, bias: Any) -> Projected:
    """Projections by one weight, or by three `apart`."""
    if apart is not None:
        return _projected_apart(query, key, value, apart, bias)
    return _projected_together(query, key, value, weight, bias)


def _projected_together(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> Projected:
    """Projections by the thirds of one weight; by one product where they are of one tensor."""
    if weight is None:
        raise HeadsError(f"{OP}: use_separate_proj_weight is False but in_proj_weight is None")
    if key is value and query is key:
        return Projected(*linear(query, weight, bias).chunk(3, -1))
    size = query.array.shape[-1]
    if key is value:
        first, rest = (None, None) if bias is None else bias.split([size, 2 * size])
        of_query, of_both = weight.split([size, 2 * size])
        return Projected(linear(query, of_query, first), *linear(key, of_both, rest).chunk(2, -1))
    biases = (None, None, None) if bias is None else bias.chunk(3)
    results = [linear(x, w, b) for x, w, b in zip((query, key, value), weight.chunk(3), biases, strict=True)]
    return Projected(*results)


def _projected_apart(query: Any, key: Any, value: Any, weights: tuple[Any, ...], bias: Any) -> Projected:
    """Projections by a weight for each of the three: (E, E), (E, features of the keys), (E, features of the values)."""
    size, inputs, names = query.array.shape[-1], (query, key, value), ("q", "k", "v")
    for name, x, weight in zip(names, inputs, weights, strict=True):
        if weight is None:
            raise HeadsError(f"{OP}: use_separate_proj_weight is True but {name}_proj_weight is None")
        if weight.array.shape != (size, x.array.shape[-1]):
            wanted = (size, x.array.shape[-1])
            raise HeadsError(f"{OP}: expecting {name}_proj_weight shape of {wanted}, but got {weight.array.shape}")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return Projected(*[linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)])


def _in_heads(x: Any, heads: int) -> Any:
    """`x` (length, N, E) as (N, heads, length, E / heads)."""
    length, batch, size = x.array.shape
    return permute(reshape(x, (length, batch, heads, size // heads)), (1, 2, 0, 3))


def _static(x: Any, batch: int, heads: int, size: int) -> Any:
    """Given keys or values as (N, heads, S, size)."""
    if x.array.ndim != 3 or x.array.shape[0] != batch * heads or x.array.shape[2] != size:
        raise HeadsError(f"{OP}: expecting static_k and static_v of ({batch * heads}, S, {size}), got {x.array.shape}")
    return reshape(x, (batch, heads, x.array.shape[1], size))


def _checked_mask(mask: Any, length: int, keys: int, batch: int, heads: int) -> Any:
    """`attn_mask` as (1, 1, L, S) or (N, heads, L, S)."""
    if mask is None:
        return None
    shape, rank = mask.array.shape, mask.array.ndim
    wanted = (length, keys) if rank == 2 else (batch * heads, length, keys)
    if shape != wanted:
        raise ShapeError(f"{OP}: The shape of the {rank}D attn_mask is {shape}, but should be {wanted}.")
    return reshape(mask, (1, 1, *shape) if rank == 2 else (batch, heads, *shape[1:]))


def _merged(mask: Any, padding: Any, batch: int, keys: int) -> Any:
    """The sum of both masks, which broadcasts to (N, heads, L, S)."""
    if padding is None:
        return mask
    if padding.array.shape != (batch, keys):
        raise HeadsError(f"{OP}: expected a key_padding_mask of {(batch, keys)}, got {padding.array.shape}")
    padding = reshape(padding, (batch, 1, 1, keys))
    return padding if mask is None else mask + padding
