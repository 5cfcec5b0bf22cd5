"""Layers as arguments of layers: samples of the stacks of a Transformer, and gpunn's twin of a layer of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.testing._internal.common_modules import FunctionInput, ModuleInput, module_db

import gpunn as gp
from tests.oracle.bridge import Twins, lookup, path_of

INFOS: dict[str, Any] = {info.name: info for info in module_db}


def twin(value: Any, twins: Twins) -> Any:
    """`value`, the arguments a layer is made with, as gpunn sees it: functions and layers of torch too."""
    if isinstance(value, (list, tuple)):
        return type(value)(twin(v, twins) for v in value)
    if isinstance(value, dict):
        return {k: twin(v, twins) for k, v in value.items()}
    if isinstance(value, (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)):
        return twin_of_layer(value)
    if isinstance(value, torch.nn.LayerNorm):
        return gp.nn.LayerNorm(value.normalized_shape, value.eps, bias=value.bias is not None)
    if callable(value) and not isinstance(value, (type, torch.dtype)):
        path = path_of(value, value.__name__)
        return lookup(gp, path) if path else value
    return twins.of(value)


def twin_of_layer(layer: Any) -> Any:
    """A layer of gpunn's Transformer with the settings of `layer`; the caller copies the parameters."""
    attention, dtype = layer.self_attn, getattr(gp, str(layer.linear1.weight.dtype).removeprefix("torch."))
    return getattr(gp.nn, type(layer).__name__)(
        attention.embed_dim,
        attention.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        twin(layer.activation, Twins()),
        layer.norm1.eps,
        attention.batch_first,
        layer.norm_first,
        layer.linear1.bias is not None,
        dtype=dtype,
    )


def decoders(dtype: torch.dtype, training: bool) -> Iterator[ModuleInput]:
    """For TransformerDecoder: the database's samples of its layer, two layers deep, some with a norm at the end."""
    info = INFOS["nn.TransformerDecoderLayer"]
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    for i, sample in enumerate(found):
        made = sample.constructor_input
        layer = torch.nn.TransformerDecoderLayer(*made.args, **made.kwargs, dtype=dtype)
        norm = {} if i % 2 else {"norm": torch.nn.LayerNorm(layer.linear2.out_features, dtype=dtype)}
        yield ModuleInput(FunctionInput(layer, 2, **norm), sample.forward_input, sample.desc)


def causal(dtype: torch.dtype) -> Iterator[ModuleInput]:
    """For Transformer: causal masks, found and said, bool and of numbers, with and without padding."""
    settings = FunctionInput(4, 2, 2, 1, 8, 0.0, "gelu", batch_first=True)
    shaped = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=dtype)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    for mask in (shaped, shaped < 0):
        for said in (None, True, False):
            for hidden in (None, padding):
                src = torch.randn(2, 3, 4, dtype=dtype, requires_grad=True)
                tgt = torch.randn(2, 5, 4, dtype=dtype, requires_grad=True)
                call = FunctionInput(src, tgt, tgt_mask=mask, tgt_is_causal=said, tgt_key_padding_mask=hidden)
                yield ModuleInput(settings, call, "causal")
