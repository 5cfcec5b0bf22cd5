"""What a layer does in one step behind its matrix product, and the derivative of that.

Gates lie side by side: (rows, gates · hidden). `kept`, what backward needs of a step, is (rows, 4 · hidden). Half types
are computed in float32 and rounded when they are stored.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module
from gpunn.ops.reduction.accumulate import widened

FILE = "recurrent/steps"


class Forward(NamedTuple):
    """The arrays of one step: the first three are written."""

    y: Array
    memory: Any  # c of an LSTM, else None; so are all that follow with this name
    kept: Any  # None for cells that keep nothing
    from_input: Array
    from_hidden: Array
    bias: Any  # of from_hidden, for a GRU
    before: Array
    memory_before: Any


class Backward(NamedTuple):
    """The arrays of one step: the first four are written. `carry` and `to_memory` are read, too.

    The gradient of the output is to_y + carry, and in the rows of `product` that as well. `carry` becomes what goes
    to the state before the step past the gates.
    """

    to_input: Array
    to_hidden: Array  # of a GRU, else the same as to_input
    carry: Array
    to_memory: Any
    to_y: Array
    product: Array
    kept: Any
    y: Array
    memory: Any
    before: Array
    memory_before: Any

    def incoming(self) -> Array:
        """The gradient of the output."""
        grad = widened(self.to_y) + self.carry
        grad[: len(self.product)] += self.product[: len(grad)]
        return grad

    def counts(self) -> tuple[int, int, int]:
        """hidden, and the elements of `product` and of the whole that the kernels look at."""
        return self.to_y.shape[1], min(self.product.size, self.to_y.size), self.to_y.size


class Cell:
    """A kind of cell: `gates` products, `keeps` arrays for backward, perhaps a memory beside its state."""

    name: ClassVar[str]
    gates: ClassVar[int] = 1
    keeps: ClassVar[int] = 0
    has_memory: ClassVar[bool] = False
    splits: ClassVar[bool] = False  # the gradients of from_input and from_hidden differ

    def forward_numpy(self, step: Forward) -> None:
        """Write y, memory and kept."""
        raise NotImplementedError

    def forward_cuda(self, step: Forward) -> None:
        """Write y, memory and kept."""
        raise NotImplementedError

    def backward_numpy(self, step: Backward) -> None:
        """Write to_input, to_hidden, carry and to_memory."""
        raise NotImplementedError

    def backward_cuda(self, step: Backward) -> None:
        """Write to_input, to_hidden, carry and to_memory."""
        raise NotImplementedError


class LSTMCell(Cell):
    """i, f, o = σ(x + h), g = tanh(x + h); c = f c + i g; y = o tanh(c). Gates i, f, g, o."""

    name, gates, keeps, has_memory = "lstm", 4, 4, True

    def forward_numpy(self, step: Forward) -> None:
        sums = widened(step.from_input) + step.from_hidden
        i, f, g, o = _parts(sums, 4)
        _sigmoid(_parts(sums, 2)[0])  # i and f
        _sigmoid(o)
        np.tanh(g, out=g)
        c = f * step.memory_before
        c += i * g
        step.memory[...] = c
        np.tanh(c, out=c)
        c *= o
        step.y[...] = c
        step.kept[...] = sums

    def forward_cuda(self, step: Forward) -> None:
        y, c, kept, from_input, from_hidden, _, _, c_before = step
        args = (y, c, kept, from_input, from_hidden, c_before, y.shape[1], y.size)
        kernels.launch(FILE, "lstm_forward", y.size, args)

    def backward_numpy(self, step: Backward) -> None:
        i, f, g, o = _parts(widened(step.kept), 4)
        grad, t = step.incoming(), np.tanh(widened(step.memory))
        to_c = step.to_memory + grad * o * (1 - t * t)
        to_i, to_f, to_g, to_o = _parts(step.to_input, 4)
        to_i[...] = to_c * g * ((1 - i) * i)
        to_f[...] = to_c * step.memory_before * ((1 - f) * f)
        to_g[...] = to_c * i * (1 - g * g)
        to_o[...] = grad * t * ((1 - o) * o)
        step.to_memory[...] = to_c * f
        step.carry[...] = 0

    def backward_cuda(self, step: Backward) -> None:
        args = (step.to_input, step.carry, step.to_memory, step.to_y, step.product, step.kept, step.memory)
        sizes = step.counts()
        kernels.launch(FILE, "lstm_backward", sizes[2], (*args, step.memory_before, *sizes))


class GRUCell(Cell):
    """r, z = σ(x + h), n = tanh(x + r h); y = (1 - z) n + z y_before. Gates r, z, n; the bias belongs to h."""

    name, gates, keeps, splits = "gru", 3, 4, True

    def forward_numpy(self, step: Forward) -> None:
        h = widened(step.from_hidden) + step.bias
        (r, z, n), (h_r, h_z, h_n) = _parts(widened(step.from_input), 3), _parts(h, 3)
        r, z = _sigmoid(r + h_r), _sigmoid(z + h_z)
        n = np.tanh(n + r * h_n)
        step.y[...] = n + z * (step.before - n)
        for kept, gate in zip(_parts(step.kept, 4), (r, z, n, h_n), strict=True):
            kept[...] = gate

    def forward_cuda(self, step: Forward) -> None:
        y, _, kept, from_input, from_hidden, bias, before, _ = step
        args = (y, kept, from_input, from_hidden, bias, before, y.shape[1], y.size)
        kernels.launch(FILE, "gru_forward", y.size, args)

    def backward_numpy(self, step: Backward) -> None:
        r, z, n, h_n = _parts(widened(step.kept), 4)
        grad = step.incoming()
        to_n = grad * (1 - z) * (1 - n * n)
        to_r, to_z = to_n * h_n * ((1 - r) * r), grad * (step.before - n) * ((1 - z) * z)
        for target, last in ((step.to_input, to_n), (step.to_hidden, to_n * r)):
            for part, value in zip(_parts(target, 3), (to_r, to_z, last), strict=True):
                part[...] = value
        step.carry[...] = grad * z

    def backward_cuda(self, step: Backward) -> None:
        args = (step.to_input, step.to_hidden, step.carry, step.to_y, step.product, step.kept, step.before)
        sizes = step.counts()
        kernels.launch(FILE, "gru_backward", sizes[2], (*args, *sizes))


class TanhCell(Cell):
    """y = tanh(x + h)."""

    name = "tanh"

    def forward_numpy(self, step: Forward) -> None:
        step.y[...] = np.tanh(widened(step.from_input) + step.from_hidden)

    def forward_cuda(self, step: Forward) -> None:
        y = step.y
        args = (y, step.from_input, step.from_hidden, y.shape[1], y.size)
        kernels.launch(FILE, f"{self.name}_forward", y.size, args)

    def backward_numpy(self, step: Backward) -> None:
        y = widened(step.y)
        step.to_input[...] = step.incoming() * (1 - y * y)
        step.carry[...] = 0

    def backward_cuda(self, step: Backward) -> None:
        args = (step.to_input, step.carry, step.to_y, step.product, step.y)
        sizes = step.counts()
        kernels.launch(FILE, f"{self.name}_backward", sizes[2], (*args, *sizes))


class ReLUCell(TanhCell):
    """y = max(x + h, 0)."""

    name = "relu"

    def forward_numpy(self, step: Forward) -> None:
        step.y[...] = np.maximum(widened(step.from_input) + step.from_hidden, 0)

    def backward_numpy(self, step: Backward) -> None:
        step.to_input[...] = np.where(step.y <= 0, 0, step.incoming())
        step.carry[...] = 0


LSTM, GRU, TANH, RELU = LSTMCell(), GRUCell(), TanhCell(), ReLUCell()


def _parts(x: Array, count: int) -> list[Array]:
    """The columns of `x`, cut into so many equal parts: views."""
    width = x.shape[1] // count
    return [x[:, start : start + width] for start in range(0, count * width, width)] if width else [x] * count


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in place."""
    xp = array_module(x)
    xp.negative(x, out=x)
    xp.exp(x, out=x)
    x += 1
    result: Array = xp.reciprocal(x, out=x)
    return result
