"""Attention with many heads, as a layer; and the wish for an algorithm of attention, which programs express."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty
from gpunn.ops.attention.multi_head import HeadsError
from gpunn.tensor import Tensor


class MultiheadAttention(Module):
    """concat(head₁ … headₙ) Wᵀ + b, headᵢ = attention of projections of query, key and value to embed_dim / num_heads.

    `in_proj_weight` (3 · embed_dim, embed_dim), or if `kdim` or `vdim`, the features of keys and values, are given
    and differ, `q_proj_weight`, `k_proj_weight` and `v_proj_weight`, start Xavier uniform; `in_proj_bias` at 0;
    `out_proj` is a Linear. `add_bias_kv` adds a key and a value that are learned, `add_zero_attn` zeros. In training,
    weights are dropped with probability `dropout`. With `batch_first`, the batch comes first in query, key, value and
    output, else second.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                "MultiheadAttention: embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise HeadsError(
                f"MultiheadAttention: embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        super().__init__()

        def parameter(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        is_one = self._qkv_same_embed_dim
        self.register_parameter("q_proj_weight", None if is_one else parameter(embed_dim, embed_dim))
        self.register_parameter("k_proj_weight", None if is_one else parameter(embed_dim, self.kdim))
        self.register_parameter("v_proj_weight", None if is_one else parameter(embed_dim, self.vdim))
        self.register_parameter("in_proj_weight", parameter(3 * embed_dim, embed_dim) if is_one else None)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.register_parameter("bias_k", parameter(1, 1, embed_dim) if add_bias_kv else None)
        self.register_parameter("bias_v", parameter(1, 1, embed_dim) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if (weight := getattr(self, name)) is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)  # type: ignore[arg-type]
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(L, N, E), (S, N, kdim), (S, N, vdim) → (L, N, E), and the weights (N, L, S) or None.

        Masks as in `F.multi_head_attention_forward`: True hides. `need_weights=False` is faster, and takes less memory.
        """
        turned = self.batch_first and query.dim() == 3
        if turned:
            query, key, value = _turned(query, key, value)
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return result.transpose(0, 1) if turned else result, weights


def _turned(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three with the batch second; what is one tensor stays one."""
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    return q, k, k if value is key else value.transpose(0, 1)


class SDPBackend(enum.IntEnum):
    """PyTorch's algorithms of `scaled_dot_product_attention`. gpunn has one, which never keeps the whole matrix."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """A region with the wish for some algorithms of attention. Accepted, without effect: there is one in gpunn."""
    wanted = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(wanted, (list, tuple)) or not all(isinstance(one, SDPBackend) for one in wanted):
        raise ArgumentTypeError(f"sdpa_kernel: expected an SDPBackend or a list of them, got {backends!r}")
    yield
