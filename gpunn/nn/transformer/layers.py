"""The layers that a Transformer stacks.

Source: Vaswani et al., Attention is all you need, NIPS 2017, section 3.1; the norm before each part as in Xiong et al.,
On layer normalization in the Transformer architecture, ICML 2020, figure 1.
"""

from __future__ import annotations

from collections.abc import Callable

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn.attention import MultiheadAttention
from gpunn.nn.dropout import Dropout
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module
from gpunn.nn.norm.scaled import LayerNorm
from gpunn.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then linear2(activation(linear1(x))), each added to what it was given.

    A LayerNorm follows each of the two sums, or with `norm_first` comes before each part. In training, what each part
    gives, the hidden values and the weights of the attention are dropped with probability `dropout`. `activation` is
    "relu", "gelu" or a function. No matrix of the attention's weights is held in memory.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(S, N, E), with `batch_first` (N, S, E), or (S, E) → the same.

        Masks are bool, True where a key is hidden, or numbers that are added to the scores: `src_mask` (S, S) or
        (N · heads, S, S), `src_key_padding_mask` (N, S) or (S,). `is_causal` says that `src_mask` is causal.
        """
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal))
        result: Tensor = self.norm2(x + self._ff_block(x))
        return result

    def _sa_block(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        """The attention of a sequence to itself."""
        result: Tensor = self.dropout1(_attend(self.self_attn, x, x, mask, padding, is_causal))
        return result

    def _ff_block(self, x: Tensor) -> Tensor:
        """Two linear maps with a function between them."""
        result: Tensor = self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return result


class TransformerDecoderLayer(Module):
    """A TransformerEncoderLayer that also attends, after its own sequence, to another, `memory`: three parts.

    The arguments are those of TransformerEncoderLayer.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt (T, N, E), memory (S, N, E) → (T, N, E); with `batch_first` N comes first; or all without N.

        Masks as in TransformerEncoderLayer: `tgt_mask` (T, T), `memory_mask` (T, S), `tgt_key_padding_mask` (N, T),
        `memory_key_padding_mask` (N, S).
        """
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        result: Tensor = self.norm3(x + self._ff_block(x))
        return result

    def _sa_block(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        """The attention of a sequence to itself."""
        result: Tensor = self.dropout1(_attend(self.self_attn, x, x, mask, padding, is_causal))
        return result

    def _mha_block(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """The attention of a sequence to `memory`."""
        result: Tensor = self.dropout2(_attend(self.multihead_attn, x, memory, mask, padding, is_causal))
        return result

    def _ff_block(self, x: Tensor) -> Tensor:
        """Two linear maps with a function between them."""
        result: Tensor = self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return result


def _attend(
    attention: Module, x: Tensor, keys: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
) -> Tensor:
    """What `attention` gives for the queries `x`, without its weights."""
    found = attention(
        *(x, keys, keys), attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
    )
    result: Tensor = found[0]
    return result


def _activation(given: Activation) -> Callable[[Tensor], Tensor]:
    """The function that `given` is or names."""
    if not isinstance(given, str):
        return given
    named: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
    if given not in named:
        raise ArgumentError(f"activation should be relu/gelu, not {given}; or give a function")
    return named[given]
