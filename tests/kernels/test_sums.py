"""The kernels of sums and variances in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.kernels import pieces
from tests.kernels.orders import MANY, check_kernels

# A line for a thread, a warp, a block; lines side by side; more lines than a block has; several axes, all of them.
LINES = [
    ((3, 5), 1),
    ((3, 45), 1),
    ((2, 1100), 1),
    ((1, 45, 70), 1),
    ((260, 3), 1),
    ((4, 5, 6), (0, 2)),
    ((7, 9), None),
]
SHORT = 16  # numbers of a piece, where lines are to have several


def run(shape, axes, dtype=gp.float32):
    values = np.random.default_rng(0).normal(size=shape)
    x = gp.tensor(values, dtype=dtype, device="cuda", requires_grad=True)
    axes = tuple(range(len(shape))) if axes is None else axes
    found = [x.sum(axes), x.mean(axes)]
    for y in (x.var(axes), x.std(axes)):
        y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()).reshape(y.shape), dtype=dtype, device="cuda"))
        found += [y.detach(), x.grad.clone()]
    return tuple(found)


@pytest.fixture
def in_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", SHORT)
    monkeypatch.setattr(pieces, "APART", SHORT)


@pytest.mark.parametrize(("shape", "axes"), LINES)
def test_lines(shape, axes):
    check_kernels(lambda: run(shape, axes), 1)
    check_kernels(lambda: run(shape, axes, gp.bfloat16), 1)


@pytest.mark.parametrize(("shape", "axes"), [((3, 45), 1), ((45, 3), 0), ((7, 9), None), ((2, 700), 1)])
def test_lines_in_pieces(shape, axes, in_pieces):
    check_kernels(lambda: run(shape, axes), 1)
    check_kernels(lambda: run(shape, axes, gp.float16), 1)


def no_deviation():
    """A variance of 0, of whose root there is no slope."""
    x = gp.ones(3, 5, device="cuda", requires_grad=True)
    y = x.std(1)
    y.sum().backward()
    return y.detach(), x.grad


def mutation_runs():
    """What mutants have to pass."""

    def cut(shape, axes):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pieces, "PIECE", SHORT)
            patch.setattr(pieces, "APART", SHORT)
            return run(shape, axes)

    whole = [lambda: run((3, 45), 1), lambda: run((1, 45, 7), 1, gp.float64), no_deviation]
    return [*whole, lambda: cut((3, 45), 1), lambda: cut((45, 3), 0)]


@pytest.mark.sweep
def test_many_orders(in_pieces):
    check_kernels(lambda: run((3, 45), 1), MANY)
    check_kernels(lambda: run((45, 3), 0), MANY)
