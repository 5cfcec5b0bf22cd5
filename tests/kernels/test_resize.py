"""The kernels of padding and resizing in check mode, and in any order of threads. Shapes are ragged and tiny."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import distinct
from tests.kernels.orders import MANY, check_kernels


def both(op, *shapes, dtype=gp.float32, channels_last=False):
    """A run that gives the result of `op` and the gradients of the sum of its squares, as arrays."""

    def run():
        arrays = [distinct(shape, np.random.default_rng(i)).astype(dtype.numpy) for i, shape in enumerate(shapes)]
        inputs = [gp.tensor(a, device="cuda") for a in arrays]
        if channels_last:
            inputs[0] = inputs[0].contiguous(memory_format=gp.channels_last)
        inputs = [t.detach().requires_grad_() for t in inputs]
        y = op(*inputs)
        y.backward(y.detach())
        return y.array, *[t.grad.array for t in inputs]

    return run


RUNS = {
    "pad": both(lambda x: F.pad(x, (1, -1, 2, 0, 0, 1)), (2, 3, 5)),
    "reflect": both(lambda x: F.pad(x, (2, 1, 0, 3), "reflect"), (2, 1, 5, 3)),
    "replicate, channels": both(lambda x: F.pad(x, (2, 1, 4, 0), "replicate"), (2, 3, 2, 3), channels_last=True),
    "circular, halves": both(lambda x: F.pad(x, (2, 1, 1, -1, 1, 1), "circular"), (1, 1, 2, 3, 3), dtype=gp.float16),
    "nearest": both(lambda x: F.interpolate(x, (3, 7)), (2, 1, 5, 3)),
    "bilinear, channels": both(lambda x: F.interpolate(x, (3, 5), mode="bilinear"), (1, 8, 4, 3), channels_last=True),
    "bicubic": both(lambda x: F.interpolate(x, (3, 7), mode="bicubic"), (1, 3, 5, 3)),
    "trilinear, halves": both(lambda x: F.interpolate(x, 4, mode="trilinear"), (1, 1, 2, 3, 5), dtype=gp.bfloat16),
    "grid": both(lambda x, g: F.grid_sample(x, 2 * g, align_corners=True), (2, 3, 2, 3), (2, 3, 2, 2)),
    "grid, nearest, channels": both(
        lambda x, g: F.grid_sample(x, g, "nearest", "border", False),
        (1, 9, 2, 3),
        (1, 2, 2, 2),
        channels_last=True,
    ),
    "grid, cubic, halves": both(
        lambda x, g: F.grid_sample(x, g, "bicubic", "reflection", False),
        (1, 1, 3, 2),
        (1, 2, 2, 2),
        dtype=gp.float16,
    ),
    "grid, volume": both(lambda x, g: F.grid_sample(x, g, align_corners=False), (1, 2, 2, 3, 2), (1, 2, 1, 2, 3)),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)
