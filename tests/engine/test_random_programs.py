"""Random programs with views and changes in place: gradients against central differences."""

import numpy as np
import pytest

import gpunn as gp

SHAPE = (2, 3)
VIEWS = (
    lambda x: x[1],
    lambda x: x[:, 1:],
    lambda x: x.t(),
    lambda x: x.view(3, 2)[0],
    lambda x: x.narrow(1, 0, 2).select(0, 1),
    lambda x: x.unsqueeze(0).expand(1, 2, 3)[..., ::2],
)
STEPS = (
    lambda x, y: x * y,
    lambda x, y: x + y.sum(),
    lambda x, y: gp.tanh(x) - 0.5 * y,
    lambda x, y: gp.cat([x[:1], y[1:]]),
    lambda x, y: x[[1, 0]],
    lambda x, y: (x @ y.t()) @ y,
)
CHANGES = (
    lambda v, y: v.mul_(1.5),
    lambda v, y: v.add_(y.mean()),
    lambda v, y: v.copy_(v + y.sum()),
    lambda v, y: v.fill_(0.25),
    lambda v, y: v.tanh_(),
    lambda v, y: v.__setitem__(..., y[0, 0] * 2),
)


def run(seed, a, b):
    """The loss of program `seed` at the leaves `a` and `b`."""
    rng = np.random.default_rng(seed)
    tensors = [a * 1, b * 1, gp.zeros(SHAPE, dtype=gp.float64)]
    seen = []
    for _ in range(int(rng.integers(4, 14))):
        x, y = (tensors[int(rng.integers(len(tensors)))] for _ in range(2))
        kind = rng.random()
        if kind < 0.4:
            tensors.append(STEPS[int(rng.integers(len(STEPS)))](x, y))
        elif kind < 0.6:
            seen.append(VIEWS[int(rng.integers(len(VIEWS)))](x))
        else:
            target = x.clone()  # what an earlier step saved must not change
            tensors = [target if t is x else t for t in tensors]
            seen.append(VIEWS[int(rng.integers(len(VIEWS)))](target))
            CHANGES[int(rng.integers(len(CHANGES)))](VIEWS[int(rng.integers(len(VIEWS)))](target), y.clone())
    return sum((t * t).mean() for t in [*tensors, *seen])


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_gradients(first):
    for seed in range(first, first + 10):
        rng = np.random.default_rng(1000 + seed)
        values = [rng.uniform(-0.8, 0.8, SHAPE) for _ in range(2)]
        leaves = [gp.tensor(v, dtype=gp.float64, requires_grad=True) for v in values]
        run(seed, *leaves).backward()
        for i, leaf in enumerate(leaves):
            direction = rng.standard_normal(SHAPE)
            sides = []
            for step in (1e-6, -1e-6):
                moved = [v + step * direction if j == i else v for j, v in enumerate(values)]
                sides.append(run(seed, *[gp.tensor(v, dtype=gp.float64) for v in moved]).item())
            found = 0.0 if leaf.grad is None else float((leaf.grad.numpy() * direction).sum())
            expected = (sides[0] - sides[1]) / 2e-6
            assert abs(found - expected) <= 1e-6 * max(1.0, abs(expected)), (seed, i)
