"""Attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case, Place
from .functional import pair


def cases() -> Iterator[Case]:
    """Self-attention of GPT-2's heads on a short text, causal or not."""
    flops = 4 * 2 * 12 * 256 * 256 * 64
    yield from pair("attention", _attention, (2, 12, 256, 64), flops=flops)
    yield from pair("attention-causal", _causal, (2, 12, 256, 64), flops=flops // 2)


def _attention(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.scaled_dot_product_attention(x, x, x)


def _causal(place: Place, x: Any) -> Any:
    return place.lib.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
