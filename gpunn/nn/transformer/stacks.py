"""Stacks of layers of a Transformer, and the encoder and decoder made of them.

Source: Vaswani et al., Attention is all you need, NIPS 2017, figure 1, without the embeddings and the last softmax.
"""

from __future__ import annotations

import copy
from typing import Any

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.errors import ShapeError
from gpunn.nn import functional as F
from gpunn.nn import init
from gpunn.nn.container.modules import ModuleList
from gpunn.nn.module import Module
from gpunn.nn.norm.scaled import LayerNorm
from gpunn.nn.transformer.layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer
from gpunn.ops import full, triu
from gpunn.tensor import Tensor


class TransformerEncoder(Module):
    """`num_layers` copies of `encoder_layer` one after the other, then `norm` if it is given.

    The copies start with the same parameters. `enable_nested_tensor` and `mask_check` change nothing here: a padded
    position gets the same value in training and in evaluation.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """As TransformerEncoderLayer. Unless `is_causal` says it, it is looked whether `mask` is causal."""
        is_causal = _is_causal(mask, is_causal, src, self.layers)
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=is_causal, src_key_padding_mask=src_key_padding_mask)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """`num_layers` copies of `decoder_layer` one after the other, then `norm` if it is given.

    The copies start with the same parameters.
    """

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """As TransformerDecoderLayer. Unless `tgt_is_causal` says it, it is looked whether `tgt_mask` is causal."""
        tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal, tgt, self.layers)
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder of one sequence, and a decoder of another that attends to what the encoder gives.

    `custom_encoder` and `custom_decoder` take the places of the two. All matrices start Xavier uniform; the other
    arguments are those of the layers.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: dtype_of | None = None,
    ) -> None:
        super().__init__()
        options: tuple[Any, ...] = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        options = (d_model, nhead, *options, device, dtype)
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*options)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*options)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """src (S, N, E), tgt (T, N, E) → (T, N, E); with `batch_first` N comes first; or all without N.

        Masks are bool, True where a key is hidden, or numbers that are added to the scores: `src_mask` (S, S),
        `tgt_mask` (T, T), `memory_mask` (T, S), key padding masks (N, S) or (N, T). What is not said to be causal or
        not, is looked at.
        """
        self._check(src, tgt)
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        result: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return result

    def _check(self, src: Tensor, tgt: Tensor) -> None:
        shapes = f"got src {tuple(src.shape)} and tgt {tuple(tgt.shape)}"
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and (tgt.dim() != 3 or src.shape[batch] != tgt.shape[batch]):
            raise ShapeError(
                f"Transformer: the batch number of src and tgt must be equal, {shapes}, batches in dimension {batch}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: the feature number of src and tgt must be equal to d_model, {self.d_model}; {shapes}"
            )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: DeviceLike = None, dtype: dtype_of | None = None) -> Tensor:
        """(sz, sz), -∞ above the diagonal and 0 elsewhere: position i sees 0 … i. With a bool `dtype`, True above."""
        return triu(full((sz, sz), float("-inf"), dtype=dtype, device=device), 1)


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


def _is_causal(mask: Tensor | None, said: bool | None, x: Tensor, layers: ModuleList) -> bool:
    """Whether `mask` is a causal one for the sequence `x`: what was said, or else what it looks like."""
    if said is not None or mask is None:
        return bool(said)
    first: Any = layers[0]
    size = x.shape[1 if x.dim() == 3 and first.self_attn.batch_first else 0]
    if tuple(mask.shape) != (size, size):
        return False
    causal = Transformer.generate_square_subsequent_mask(size, mask.device, mask.dtype)
    return bool((mask == causal).all())
