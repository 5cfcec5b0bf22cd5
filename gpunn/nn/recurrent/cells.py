"""Recurrent cells: one step of one layer."""

from __future__ import annotations

import math
from typing import Any

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as Dtype  # noqa: N812 - `dtype` is an argument here
from gpunn.errors import ArgumentError, ShapeError
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.ops import empty, zeros
from gpunn.ops.recurrent import cells
from gpunn.ops.recurrent.layers import Weights, direction
from gpunn.tensor import Tensor


class RNNCellBase(Module):
    """`weight_ih` (gates · hidden, in), `weight_hh` (gates · hidden, hidden), `bias_ih`, `bias_hh` (gates · hidden,).

    All start uniform in ±1/√hidden_size.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, cell: cells.Cell, input: Tensor, states: tuple[Tensor, ...] | None) -> list[Tensor]:
        """The states after one step."""
        self._check(input, states)
        rank = input.ndim
        x = input if rank == 2 else input.unsqueeze(0)
        if states is None:
            empty_state = zeros((x.shape[0], self.hidden_size), device=x.device, dtype=x.dtype)
            states = (empty_state,) * (1 + cell.has_memory)
        first = [t if t.ndim == 2 else t.unsqueeze(0) for t in states]
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        memory = first[1] if cell.has_memory else None
        y, _, c = direction(cell, x, (x.shape[0],), False, first[0], memory, weights)
        found = [y, c] if cell.has_memory else [y]
        return found if rank == 2 else [t.squeeze(0) for t in found]

    def _check(self, input: Tensor, states: tuple[Tensor, ...] | None) -> None:
        if input.ndim not in (1, 2):
            raise ShapeError(f"Expected input to be 1D or 2D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise ShapeError(f"input has inconsistent input_size: got {input.shape[-1]} expected {self.input_size}")
        for i, t in enumerate(states or ()):
            if t.ndim not in (1, 2):
                what = f"hx[{i}]" if isinstance(self, LSTMCell) else "hidden"
                raise ShapeError(f"Expected {what} to be 1D or 2D, got {t.ndim}D instead")
            if t.ndim != input.ndim:
                raise ShapeError(
                    f"the input is {input.ndim}D, hidden{i} {t.ndim}D; both have a batch dimension, or none"
                )
            if t.ndim == 2 and t.shape[0] != input.shape[0]:
                raise ShapeError(f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {t.shape[0]}")
            if t.shape[-1] != self.hidden_size:
                raise ShapeError(
                    f"hidden{i} has inconsistent hidden_size: got {t.shape[-1]}, expected {self.hidden_size}"
                )

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, in) and the state (batch, hidden), zeros by default → the next state; or both without a batch."""
        kinds = {"tanh": cells.TANH, "relu": cells.RELU}
        if self.nonlinearity not in kinds:
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}; use 'tanh' or 'relu'")
        return self._step(kinds[self.nonlinearity], input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM; the formulas are those of gpunn.ops.recurrent.cells.LSTMCell."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(batch, in) and the pair (h, c), each (batch, hidden), zeros by default → the next pair."""
        states: Any = self._step(cells.LSTM, input, None if hx is None else tuple(hx))
        return states[0], states[1]


class GRUCell(RNNCellBase):
    """One step of a GRU; the formulas are those of gpunn.ops.recurrent.cells.GRUCell."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, in) and the state (batch, hidden), zeros by default → the next state; or both without a batch."""
        return self._step(cells.GRU, input, None if hx is None else (hx,))[0]
