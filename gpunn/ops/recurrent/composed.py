"""A recurrent layer in one direction as a composition of differentiable operations: slow, for second derivatives."""

from __future__ import annotations

from typing import Any

from gpunn.ops.activation.piecewise import relu
from gpunn.ops.linalg.linear import linear
from gpunn.ops.recurrent.cells import GRU, LSTM, RELU, Cell
from gpunn.ops.recurrent.steps import Steps
from gpunn.ops.shape.joining import cat
from gpunn.ops.shape.splitting import chunk


def scan(
    cell: Cell, steps: Steps, gates: Any, first: Any, memory: Any, weight: Any, bias: Any, projection: Any
) -> list[Any]:
    """The outputs of all steps, the last state and, if the cell has one, the last memory."""
    h, c = first[:0], None if memory is None else memory[:0]
    outputs: dict[int, Any] = {}
    ended: list[list[Any]] = [[], []]  # states and memories of the sequences that have ended, the longest last
    for step in steps:
        states = []
        for k, (state, start) in enumerate(((h, first), (c, memory))):
            if state is not None and state.shape[0] > step.rows:
                ended[k].append(state[step.rows :])
                state = state[: step.rows]
            elif state is not None and state.shape[0] < step.rows:
                state = cat([state, start[state.shape[0] : step.rows]])
            states.append(state)
        h, c = _step(cell, step.of(gates), states[0], states[1], linear(states[0], weight, bias))
        if projection is not None:
            h = linear(h, projection)
        outputs[step.start] = h
    result = [cat([outputs[start] for start in sorted(outputs)]), cat([h, *reversed(ended[0])])]
    return result if c is None else [*result, cat([c, *reversed(ended[1])])]


def _step(cell: Cell, x: Any, h: Any, c: Any, from_hidden: Any) -> tuple[Any, Any]:
    """State and memory after one step."""
    if cell is LSTM:
        i, f, g, o = chunk(x + from_hidden, 4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if cell is GRU:
        (x_r, x_z, x_n), (h_r, h_z, h_n) = chunk(x, 3, 1), chunk(from_hidden, 3, 1)
        n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
        return n + (x_z + h_z).sigmoid() * (h - n), None
    total = x + from_hidden
    return relu(total) if cell is RELU else total.tanh(), None
