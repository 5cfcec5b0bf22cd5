"""One direction of one recurrent layer, over all steps.

The products with the input are made before, for all steps in one GEMM (`F.linear`); here each step adds one GEMM with
the state before it and one kernel. Backward goes through the steps once more, and makes the gradients of the weights in
one GEMM each from the gates' gradients of all steps. Where a GPU can hold the weights, one launch does all steps. The
second derivative goes through `composed.scan`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn.backend import Array, array_module
from gpunn.engine import Function, grad_of, is_grad_enabled
from gpunn.ops.linalg.linear import column_sums
from gpunn.ops.linalg.products import product_cuda, product_numpy
from gpunn.ops.recurrent import composed, persistent
from gpunn.ops.recurrent.cells import Backward, Cell, Forward
from gpunn.ops.recurrent.steps import Step, Steps
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


MANY = 8  # steps


@dataclass(frozen=True)
class Machine:
    """What a device does: the product of two matrices, and the rest of a step."""

    product: Callable[[Array, Array], Array]
    turned: Callable[[Array, Steps], Array]  # the transposed weight, as the products of so many steps read it fastest
    forward: Callable[[Forward], None]
    backward: Callable[[Backward], None]
    units: Callable[[Array, Cell, Steps, bool], int | None]  # of a block, if one kernel does all steps


def numpy_machine(cell: Cell) -> Machine:
    """The steps of `cell` by NumPy."""
    return Machine(product_numpy, _turned, cell.forward_numpy, cell.backward_numpy, _none)


def _turned(weight: Array, steps: Steps) -> Array:
    """The transposed `weight`: a copy, if there are enough steps to pay for it.

    (16, 128) float32 times the view (512, 128)ᵀ 131 µs, times the copy 27; (20, 650) and (2600, 650)ᵀ 1505 and 1156;
    with AVX2 36 and 29, 1413 and 1122 (NumPy 2.4, one core, 2026-11).
    """
    return weight.T.copy() if len(steps.sizes) >= MANY else weight.T


def _view_turned(weight: Array, steps: Steps) -> Array:
    """The transposed `weight`: cuBLAS reads it as fast as a copy."""
    return weight.T


def _none(gates: Array, cell: Cell, steps: Steps, is_back: bool) -> None:
    """There is no such kernel."""


def cuda_machine(cell: Cell) -> Machine:
    """The steps of `cell` by cuBLAS and kernels."""
    return Machine(product_cuda, _view_turned, cell.forward_cuda, cell.backward_cuda, persistent.units_on)


@dataclass(frozen=True)
class Trace:
    """What forward leaves for backward: arrays with the rows of all steps."""

    raw: Array  # the outputs, before a projection
    memory: Any
    kept: Any


class Scan(Function):
    """(outputs of all steps, last state, last memory or the last state again) of one layer in one direction.

    Inputs: from_input (rows, gates · hidden), with all biases but `bias`; the first state (batch, out) and memory
    (batch, hidden) or None; weight (gates · hidden, out); bias (gates · hidden,), of a GRU; and the projection
    (out, hidden) of an LSTM or None.
    """

    saves: ClassVar = {i: (0, 1, 2, 3, 4, 5) for i in range(6)}
    saves_output = True

    def __init__(self, cell: Cell, steps: Steps) -> None:
        self.cell, self.steps = cell, steps

    def forward_numpy(self, *inputs: Any) -> tuple[Array, ...]:
        return self._forward(numpy_machine(self.cell), *inputs)

    def forward_cuda(self, *inputs: Any) -> tuple[Array, ...]:
        return self._forward(cuda_machine(self.cell), *inputs)

    def _forward(
        self, machine: Machine, gates: Array, first: Array, memory: Any, weight: Array, bias: Any, projection: Any
    ) -> tuple[Array, ...]:
        xp, cell, steps = array_module(gates), self.cell, self.steps
        trace = self._trace(xp, gates, gates.shape[1] // cell.gates)
        y = trace.raw if projection is None else xp.empty((len(gates), len(projection)), gates.dtype)
        self._go(machine, trace, y, gates, first, memory, weight, bias, projection)
        self.kept = trace
        last = steps.last(y).copy()
        return y, last, steps.last(trace.memory).copy() if cell.has_memory else last[:0]

    def _go(
        self,
        machine: Machine,
        trace: Trace,
        y: Array,
        gates: Array,
        first: Array,
        memory: Any,
        weight: Array,
        bias: Any,
        projection: Any,
    ) -> None:
        """Write the trace and y: by one kernel, or step by step."""
        cell, steps = self.cell, self.steps
        units = machine.units(gates, cell, steps, False) if projection is None else None
        if units is not None:
            written, keeps = (y, trace.memory, trace.kept), True in self.needs
            persistent.forward(cell, steps, units, written, gates, first, memory, weight, bias, keeps)
            return
        turned = machine.turned(weight, steps)
        turned_projection = None if projection is None else machine.turned(projection, steps)
        for step in steps:
            before = step.before(y, first)
            machine.forward(
                Forward(
                    step.of(trace.raw),
                    step.of(trace.memory) if cell.has_memory else None,
                    None if trace.kept is None else self._kept_of(step, trace.kept),
                    step.of(gates),
                    machine.product(before, turned),
                    bias,
                    before,
                    step.before(trace.memory, memory) if cell.has_memory else None,
                )
            )
            if turned_projection is not None:
                step.of(y)[...] = machine.product(step.of(trace.raw), turned_projection)

    def _trace(self, xp: Any, gates: Array, hidden: int) -> Trace:
        """Arrays for all steps; what only backward needs has room for one step if there is none."""
        rows, dtype = len(gates), gates.dtype
        kept_rows = rows if True in self.needs else self.steps.batch
        return Trace(
            xp.empty((rows, hidden), dtype),
            xp.empty((rows, hidden), dtype) if self.cell.has_memory else None,
            xp.empty((kept_rows, self.cell.keeps * hidden), dtype) if self.cell.keeps else None,
        )

    def _kept_of(self, step: Step, kept: Array) -> Array:
        return step.of(kept) if True in self.needs else kept[: step.rows]

    def backward(self, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs = [self.saved(i) for i in range(6)]
        if is_grad_enabled():
            return self._differentiable(grads, inputs)
        found = ScanBackward(self.cell, self.steps, self.kept, self.needs)(*grads, self.saved_output(), *inputs)
        result, values = [], iter(found)
        for need in self.needs:
            result.append(next(values) if need else None)
        return tuple(result)

    def _differentiable(self, grads: tuple[Tensor, ...], inputs: list[Any]) -> tuple[Tensor | None, ...]:
        """The gradients as functions of `grads` and `inputs`, by a composition of differentiable operations."""
        views = [View(x.array.shape)(x) if need else x for x, need in zip(inputs, self.needs, strict=True)]
        outputs = composed.scan(self.cell, self.steps, *views)
        wanted = [x for x, need in zip(views, self.needs, strict=True) if need]
        found = iter(grad_of(outputs, grads[: len(outputs)], wanted, create_graph=True))
        return tuple([next(found) if need else None for need in self.needs])


@dataclass(frozen=True)
class Gradients:
    """What goes through the steps backwards, filled on the way."""

    to_input: Array  # of the gates, for all steps
    to_hidden: Array
    carry: Array  # of the states, by sequence
    to_memory: Any
    to_out: Any  # of the outputs before a projection, for all steps


class ScanBackward(Function):
    """The gradients of those inputs of Scan that need one."""

    def __init__(self, cell: Cell, steps: Steps, trace: Trace, wanted: tuple[bool, ...]) -> None:
        self.cell, self.steps, self.trace, self.wanted = cell, steps, trace, wanted

    def forward_numpy(self, *inputs: Any) -> tuple[Array, ...]:
        return self._backward(numpy_machine(self.cell), *inputs)

    def forward_cuda(self, *inputs: Any) -> tuple[Array, ...]:
        return self._backward(cuda_machine(self.cell), *inputs)

    def _backward(self, machine: Machine, *inputs: Any) -> tuple[Array, ...]:
        to_y, to_last, to_last_memory, y, _, first, memory, weight, _, projection = inputs
        cell, steps, trace = self.cell, self.steps, self.trace
        xp = array_module(y)
        before_all = steps.all_before(y, first)
        memory_before: Any = steps.all_before(trace.memory, memory) if cell.has_memory else None
        to_input = xp.empty((len(y), cell.gates * trace.raw.shape[1]), y.dtype)
        to_hidden = xp.empty_like(to_input) if cell.splits else to_input
        to_out = None if projection is None else xp.empty_like(y)
        carry = to_last.copy()
        to_memory: Any = to_last_memory.copy() if cell.has_memory else None
        to_y = xp.ascontiguousarray(to_y)
        units = machine.units(to_input, cell, steps, True) if projection is None else None
        if units is not None:
            written = (to_input, to_hidden if cell.splits else None, carry, to_memory)
            states = (trace.kept, y, trace.memory)
            persistent.backward(cell, steps, units, written, to_y, states, (before_all, memory_before), weight)
        else:
            gradients = Gradients(to_input, to_hidden, carry, to_memory, to_out)
            self._step_by_step(machine, gradients, to_y, (before_all, memory_before), weight, projection)
        to_weight = machine.product(to_hidden.T, before_all) if self.wanted[3] else None
        to_bias = column_sums(machine.product, widened(to_hidden)).astype(y.dtype) if self.wanted[4] else None
        to_projection = machine.product(to_out.T, trace.raw) if to_out is not None and self.wanted[5] else None
        found = (to_input, carry, to_memory, to_weight, to_bias, to_projection)
        return tuple([array for array, want in zip(found, self.wanted, strict=True) if want])

    def _step_by_step(
        self,
        machine: Machine,
        found: Gradients,
        to_y: Array,
        all_before: tuple[Array, Any],
        weight: Array,
        projection: Any,
    ) -> None:
        """Write the gradients `found` of all steps, the last first."""
        trace, has_memory, carry = self.trace, self.cell.has_memory, found.carry
        product = carry[:0]
        for step in self.steps.backwards():
            arrays = Backward(
                step.of(found.to_input),
                step.of(found.to_hidden),
                carry[: step.rows],
                found.to_memory[: step.rows] if has_memory else None,
                step.of(to_y),
                product,
                step.of(trace.kept) if trace.kept is not None else None,
                step.of(trace.raw),
                step.of(trace.memory) if has_memory else None,
                step.of(all_before[0]),
                step.of(all_before[1]) if has_memory else None,
            )
            if found.to_out is not None:
                arrays = _through_projection(machine, arrays, projection, step.of(found.to_out))
            machine.backward(arrays)
            product = machine.product(step.of(found.to_hidden), weight)
            ended = slice(step.rows_before, step.rows)  # sequences that begin with this step
            carry[ended] += product[ended]


def _through_projection(machine: Machine, step: Backward, projection: Array, to_out: Array) -> Backward:
    """The step before its projection: the gradient of its output goes to `to_out`, and through the projection."""
    to_out[...] = step.incoming()
    step.carry[...] = 0
    xp = array_module(to_out)
    to_raw = machine.product(to_out, projection)
    return step._replace(to_y=to_raw, product=to_raw[:0], carry=xp.zeros_like(to_raw))
