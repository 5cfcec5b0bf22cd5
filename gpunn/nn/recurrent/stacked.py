"""Recurrent cells of one kind stacked to layers, in one direction or both: what RNN, LSTM and GRU share."""

from __future__ import annotations

import math
import warnings
from numbers import Number
from typing import Any, ClassVar

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as Dtype  # noqa: N812 - `dtype` is an argument here
from gpunn.engine import autocast
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.nn import init
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.nn.utils.rnn import PackedSequence
from gpunn.ops import empty, zeros
from gpunn.ops.recurrent import cells
from gpunn.ops.recurrent.layers import States, Weights, layers
from gpunn.tensor import Tensor


class RNNBase(Module):
    """Layers of one kind of cell on top of each other. `mode` is "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    Layer k has `weight_ih_lk` (gates · hidden, in), `weight_hh_lk` (gates · hidden, out), `bias_ih_lk`, `bias_hh_lk`
    and, with `proj_size`, `weight_hr_lk` (proj_size, hidden); the other direction the same with "_reverse" at the end.
    All start uniform in ±1/√hidden_size.
    """

    CELLS: ClassVar = {
        "LSTM": cells.LSTM,
        "GRU": cells.GRU,
        "RNN_TANH": cells.TANH,
        "RNN_RELU": cells.RELU,
    }

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_settings()
        self.dropout = float(dropout)
        for k in range(num_layers * self._directions):
            for name, shape in self._shapes(k).items():
                self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _check_settings(self) -> None:
        name, p = type(self).__name__, self.dropout
        if self.mode not in self.CELLS:
            raise ArgumentError(f"{name}: Unrecognized RNN mode: {self.mode}; the modes are {', '.join(self.CELLS)}")
        if not isinstance(p, Number) or isinstance(p, bool) or not 0 <= p <= 1:
            raise ArgumentError(
                f"{name}: dropout should be a number in range [0, 1] representing the probability of an element being "
                f"zeroed, got {p!r}"
            )
        if p > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={p} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for attribute, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, attribute)
            if not isinstance(value, kind):
                raise ArgumentTypeError(
                    f"{name}: {attribute} should be of type {kind.__name__}, got: {type(value).__name__}"
                )
        for attribute in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, attribute) <= 0:
                raise ArgumentError(f"{name}: {attribute} must be greater than zero, got {getattr(self, attribute)}")
        if self.proj_size < 0:
            raise ArgumentError(
                f"{name}: proj_size should be a positive integer or zero to disable projections, got {self.proj_size}"
            )
        if self.proj_size >= self.hidden_size:
            raise ArgumentError(
                f"{name}: proj_size has to be smaller than hidden_size, got {self.proj_size} and {self.hidden_size}"
            )

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _out(self) -> int:
        return self.proj_size or self.hidden_size

    def _shapes(self, k: int) -> dict[str, tuple[int, ...]]:
        """The parameters of layer k // directions in direction k % directions: names and shapes."""
        layer, is_reverse = divmod(k, self._directions)
        suffix = f"_l{layer}{'_reverse' * is_reverse}"
        rows = self.CELLS[self.mode].gates * self.hidden_size
        columns = self._out * self._directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, self._out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return {name + suffix: shape for name, shape in shapes.items()}

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        groups = [self._shapes(k) for k in range(self.num_layers * self._directions)]
        return [[getattr(self, name) for name in group] for group in groups]

    @property
    def _flat_weights_names(self) -> list[str]:
        """The names of all parameters in the order of layers: PyTorch's own, which programs use to go through them."""
        return [name for k in range(self.num_layers * self._directions) for name in self._shapes(k)]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def flatten_parameters(self) -> None:
        """Nothing: PyTorch moves the parameters together for cuDNN here."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """(steps, batch, in) → (steps, batch, directions · out), and the last states (layers · directions, batch, out).

        With `batch_first` input and output are (batch, steps, …). Without a batch: (steps, in), states (…, out). A
        PackedSequence gives one. `hx`: the first states, zeros by default; of an LSTM a pair, as the last ones are.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        rank = input.ndim
        if rank not in (2, 3):
            raise ShapeError(f"Expected input to be 2D or 3D, got {rank}D instead: shape {tuple(input.shape)}")
        self._check_input(input)
        given = self._given_states(hx, rank)
        if rank == 2:
            input = input.unsqueeze(1)
            given = tuple([t.unsqueeze(1) for t in given])
        elif self.batch_first:
            input = input.transpose(0, 1)
        steps, batch = input.shape[:2]
        if steps == 0:
            raise ShapeError("Expected sequence length to be larger than 0 in RNN")
        rows = input.reshape(steps * batch, self.input_size)
        y, last = self._run(rows, (batch,) * steps, self._states(given, batch, input))
        y = y.reshape(steps, batch, y.shape[1])
        if rank == 2:
            return y.squeeze(1), self._returned([t.squeeze(1) for t in last if t is not None])
        return y.transpose(0, 1) if self.batch_first else y, self._returned([t for t in last if t is not None])

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, sizes, order, back = input
        if data.ndim != 2:
            raise ShapeError(f"input must have 2 dimensions, got {data.ndim}")
        self._check_input(data)
        counts = tuple(sizes.tolist())
        given = self._given_states(hx, 3)
        if order is not None:
            given = tuple([t.index_select(1, order) for t in given])
        y, last = self._run(data, counts, self._states(given, counts[0], data))
        states = [t if back is None else t.index_select(1, back) for t in last if t is not None]
        return PackedSequence(y, sizes, order, back), self._returned(states)

    def _run(self, rows: Tensor, sizes: tuple[int, ...], states: States) -> tuple[Any, States]:
        weights = []
        for group in self.all_weights:
            input_bias, hidden_bias = group[2:4] if self.bias else (None, None)
            projection = group[-1] if self.proj_size else None
            weights.append(Weights(group[0], group[1], input_bias, hidden_bias, projection))
        cell = self.CELLS[self.mode]
        return layers(cell, rows, sizes, states, weights, self._directions, self.dropout, self.training)

    def _check_input(self, input: Tensor) -> None:
        weight = next(self.parameters())
        if input.dtype is not weight.dtype and not autocast.current.get().enabled:
            raise DtypeError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}; the input is {tuple(input.shape)}"
            )

    def _given_states(self, hx: Any, rank: int) -> tuple[Tensor, ...]:
        """The states that were given, () if none; each must have as many dimensions as the input."""
        if hx is None:
            return ()
        given = tuple(hx) if self.mode == "LSTM" else (hx,)
        if self.mode == "LSTM" and len(given) != 2:
            raise ArgumentError(f"lstm expects two hidden states, the pair (h, c); got {len(given)}")
        if any(t.ndim != rank for t in given):
            kind, names = ("batched", "unbatched")[rank == 2], ("hx", "hx and cx")[len(given) - 1]
            got = ", ".join(f"{t.ndim}-D" for t in given)
            raise ShapeError(f"For {kind} {rank}-D input, {names} should also be {rank}-D but got ({got}) tensors")
        return given

    def _states(self, given: tuple[Tensor, ...], batch: int, input: Tensor) -> States:
        """The first states, checked, or zeros."""
        count, pair = self.num_layers * self._directions, self.mode == "LSTM"
        shapes = [(count, batch, self._out), (count, batch, self.hidden_size)][: 1 + pair]
        if not given:
            given = tuple([zeros(shape, device=input.device, dtype=input.dtype) for shape in shapes])
        for i, (t, shape) in enumerate(zip(given, shapes, strict=True)):
            if tuple(t.shape) != shape:
                name = f"hidden[{i}]" if pair else "hidden"
                raise ShapeError(f"Expected {name} size {shape}, got {list(t.shape)}")
            if t.dtype is not input.dtype and not autocast.current.get().enabled:
                raise DtypeError(
                    f"expected hidden states of the input's dtype {input.dtype}, got {t.dtype}; "
                    f"use hx.to({input.dtype})"
                )
        return States(given[0], given[1] if pair else None)

    def _returned(self, states: list[Tensor]) -> Any:
        return tuple(states) if self.mode == "LSTM" else states[0]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        for name, value in (usual | {"bidirectional": False}).items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)
