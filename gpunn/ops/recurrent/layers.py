"""Layers of recurrent cells on top of each other, in one direction or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpunn.backend import array_module
from gpunn.engine import Variable
from gpunn.ops.dropout import dropout
from gpunn.ops.linalg.linear import linear
from gpunn.ops.recurrent.cells import Cell
from gpunn.ops.recurrent.scan import Scan
from gpunn.ops.recurrent.steps import Steps
from gpunn.ops.shape.joining import cat, stack


class Weights(NamedTuple):
    """Of one layer in one direction; None where it has none."""

    from_input: Any  # (gates · hidden, in)
    from_hidden: Any  # (gates · hidden, out)
    input_bias: Any  # (gates · hidden,), as is the next
    hidden_bias: Any
    projection: Any = None  # (out, hidden)


class States(NamedTuple):
    """For each layer and direction: (layers · directions, batch, out) and, of an LSTM, (…, hidden)."""

    state: Any
    memory: Any


def direction(
    cell: Cell, x: Any, sizes: tuple[int, ...], is_reverse: bool, first: Any, memory: Any, weights: Weights
) -> tuple[Any, Any, Any]:
    """Outputs (rows, out), last state and last memory of one layer in one direction, x (rows, in)."""
    bias, own = weights.input_bias, None
    if cell.splits:
        own = weights.hidden_bias
        if own is None:
            xp = array_module(x.array)
            own = Variable.result_type(xp.zeros(len(weights.from_hidden.array), x.array.dtype))
    elif bias is not None:
        bias = bias + weights.hidden_bias
    gates = linear(x, weights.from_input, bias)
    found: tuple[Any, Any, Any] = Scan(cell, Steps(sizes, is_reverse))(
        gates, first, memory, weights.from_hidden, own, weights.projection
    )
    return found


def layers(
    cell: Cell,
    x: Any,
    sizes: tuple[int, ...],
    states: States,
    weights: Sequence[Weights],
    directions: int,
    p: float,
    training: bool,
) -> tuple[Any, States]:
    """The outputs of the last layer (rows, directions · out), and the last states of all.

    The rows are those of `steps.Steps`. Between two layers elements are dropped with probability `p` in training.
    """
    last: list[Any] = []
    memories: list[Any] = []
    for layer in range(0, len(weights), directions):
        outputs = []
        for k in range(layer, layer + directions):
            memory = None if states.memory is None else states.memory[k]
            y, h, c = direction(cell, x, sizes, k > layer, states.state[k], memory, weights[k])
            outputs.append(y)
            last.append(h)
            memories.append(c)
        x = outputs[0] if directions == 1 else cat(outputs, 1)
        if p > 0 and training and layer + directions < len(weights):
            x = dropout(x, p)
    return x, States(stack(last), stack(memories) if cell.has_memory else None)
