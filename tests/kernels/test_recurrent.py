"""The kernels of recurrent layers in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.recurrent import persistent
from gpunn.ops.recurrent.steps import Steps
from tests.kernels.orders import MANY, check_kernels
from tests.ops.test_recurrent import CELLS, op, shapes

RUNS = [  # cell, rows of the steps, in reverse, dtype
    ("lstm", (3, 2, 2), False, "float32"),
    ("lstm", (2, 2), True, "float16"),
    ("gru", (3, 3, 1), False, "float32"),
    ("gru", (2, 2), True, "bfloat16"),
    ("tanh", (3, 1), False, "float64"),
    ("relu", (3, 1), True, "float32"),
]
LAYERS = [  # cell, rows of the steps, hidden, in reverse, units of a block, dtype
    ("lstm", (3, 2, 2), 13, False, 4, "float32"),  # four blocks, or two of them
    ("lstm", (9, 9, 4), 8, True, 4, "float16"),  # more rows than threads for them
    ("gru", (3, 3, 1), 13, True, 4, "float32"),
    ("gru", (2, 2), 36, False, 8, "bfloat16"),
    ("tanh", (3, 1), 5, False, 8, "float32"),
    ("relu", (6, 5, 1), 33, True, 8, "float32"),
]


def results(name, sizes, is_reverse, dtype):
    """Outputs and gradients, step by step."""
    rng = np.random.default_rng(0)
    leaves = [
        gp.tensor(rng.uniform(-1, 1, shape), dtype=getattr(gp, dtype), device="cuda", requires_grad=True)
        for shape in shapes(name, sizes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persistent, "MOST_PRODUCTS", 0)
        y, *last = op(name, sizes, is_reverse)(*leaves)
        (y.sum() + (last[0] * last[0]).sum()).backward()
    return y.detach(), *[t.detach() for t in last], *[t.grad for t in leaves if t.grad is not None]


@pytest.mark.parametrize("case", RUNS, ids=str)
def test_no_faults_in_any_order(case):
    check_kernels(lambda: results(*case))


@pytest.mark.sweep
@pytest.mark.parametrize("case", RUNS, ids=str)
def test_no_faults_in_a_thousand_orders(case):
    check_kernels(lambda: results(*case), orders=MANY)


def layer(name, sizes, hidden, is_reverse, units, dtype):
    """All steps in one launch, and all back: states, memories, what backward needs, and the gradients."""
    rng = np.random.default_rng(0)
    cell, rows, batch, steps = CELLS[name], sum(sizes), sizes[0], Steps(sizes, is_reverse)

    def drawn(*shape):
        return gp.tensor(rng.uniform(-1, 1, shape), dtype=getattr(gp, dtype), device="cuda").array

    gates, first, memory = drawn(rows, cell.gates * hidden), drawn(batch, hidden), drawn(batch, hidden)
    weight, bias = drawn(cell.gates * hidden, hidden), drawn(cell.gates * hidden)
    memory, bias = memory if cell.has_memory else None, bias if cell.splits else None
    y, c, kept = drawn(rows, hidden), drawn(rows, hidden), drawn(rows, 4 * hidden)
    written = y, c if cell.has_memory else None, kept if cell.keeps else None
    persistent.forward(cell, steps, units, written, gates, first, memory, weight, bias, True)
    to_input, to_hidden = drawn(*gates.shape), drawn(*gates.shape) if cell.splits else None
    carry, to_memory = drawn(batch, hidden), drawn(batch, hidden) if cell.has_memory else None
    before = steps.all_before(y, first), steps.all_before(c, memory) if cell.has_memory else None
    found, trace = (to_input, to_hidden, carry, to_memory), (written[2], y, written[1])
    persistent.backward(cell, steps, units, found, drawn(rows, hidden), trace, before, weight)
    return tuple(a for a in (*written, *found) if a is not None)


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_layers_have_no_faults_in_any_order(case):
    check_kernels(lambda: layer(*case))


@pytest.mark.sweep
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_layers_have_no_faults_in_a_thousand_orders(case):
    check_kernels(lambda: layer(*case), orders=MANY)
