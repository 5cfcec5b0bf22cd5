"""The kernels of embeddings in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.harness import distinct
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
INDEX, OFFSETS = [1, 4, 2, 1, 1, 0, 2, 3], [0, 0, 3, 3, 7]


def looked_up(dtype=gp.float32, **options):
    def run():
        table = gp.tensor(distinct((5, 3), np.random.default_rng(0)), dtype=dtype, device="cuda", requires_grad=True)
        index = gp.tensor(np.random.default_rng(1).integers(0, 3, (9, 20)), device="cuda")
        y = F.embedding(index, table, **options)
        y.backward(y.detach())
        return y, table.grad

    return run


def bag(mode, weights=False, begins=OFFSETS, **options):
    def run():
        table = gp.tensor(distinct((5, 3), np.random.default_rng(0)), device="cuda", requires_grad=True)
        samples = gp.tensor(distinct((8,), np.random.default_rng(1)), device="cuda", requires_grad=True)
        index, offsets = (gp.tensor(values, device="cuda") for values in (INDEX, begins))
        options["per_sample_weights"] = samples if weights else None
        y = F.embedding_bag(index, table, offsets, mode=mode, **options)
        y.backward(y.detach())
        return (y, table.grad, samples.grad) if weights else (y, table.grad)

    return run


def shortened():
    table = gp.tensor(np.linspace(-2, 3, 900).reshape(3, 300), dtype=gp.float16, device="cuda")
    F.embedding(gp.tensor([0, 2, 0, 2, 2], device="cuda"), table, max_norm=0.7)
    return table


def long_enough():
    """A row that is as long as it may be, and one that is longer."""
    table = gp.tensor([[0.25, 0.0], [6.0, 8.0]], device="cuda")
    F.embedding(gp.tensor([0, 1], device="cuda"), table, max_norm=0.25)
    return table


RUNS = {
    "embedding": looked_up(),
    "padding": looked_up(gp.bfloat16, padding_idx=1),
    "frequency": looked_up(scale_grad_by_freq=True),
    "sum": bag("sum", weights=True),
    "nothing at first": bag("mean", begins=[2, 5]),
    "mean": bag("mean", padding_idx=1),
    "max": bag("max", padding_idx=2),
    "max_norm": shortened,
    "max_norm, reached": long_enough,
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)
