"""Recurrent layers on packed sequences, against PyTorch: results, last states, gradients, and the packing itself."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import gpunn as gp

LENGTHS = [2, 6, 1, 4]
SETTINGS = [
    (kind, layers, bidirectional, bias, projection)
    for kind, layers, bidirectional, bias in itertools.product(
        ("LSTM", "GRU", "RNN"), (1, 3), (False, True), (False, True)
    )
    for projection in ((0, 2) if kind == "LSTM" else (0,))
]


@pytest.mark.parametrize(("kind", "layers", "bidirectional", "bias", "projection"), SETTINGS)
def test_packed(kind: str, layers: int, bidirectional: bool, bias: bool, projection: int) -> None:
    options: dict[str, Any] = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
    if projection:
        options["proj_size"] = projection
    rng = np.random.default_rng(0)
    model = getattr(torch.nn, kind)(3, 5, **options).double()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    states = layers * (1 + bidirectional)
    arrays = [rng.standard_normal(shape) for shape in ((6, 4, 3), (states, 4, projection or 5), (states, 4, 5))]
    arrays = arrays if kind == "LSTM" else arrays[:2]
    for mine, wanted in zip(*(results(lib, kind, options, state, arrays) for lib in (gp, torch)), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-10)


def results(lib: Any, kind: str, options: dict[str, Any], state: dict[str, Any], arrays: list[Any]) -> list[Any]:
    """Everything that comes out, as arrays."""
    model, rnn = getattr(lib.nn, kind)(3, 5, **options).double(), lib.nn.utils.rnn
    model.load_state_dict({name: lib.tensor(value) for name, value in state.items()})
    x, *first = [lib.tensor(a, requires_grad=True) for a in arrays]
    packed = rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    y, last = model(packed, tuple(first) if kind == "LSTM" else first[0])
    outputs = [*rnn.pad_packed_sequence(y, padding_value=0.5), *(last if kind == "LSTM" else [last])]
    sum((out * out).sum() for out in (outputs[0], *outputs[2:])).backward()
    gradients = [t.grad for t in (x, *first, *model.parameters())]
    found = [*outputs, *gradients, packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices]
    return [t.detach().numpy() for t in found]
