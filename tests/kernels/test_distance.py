"""The kernels of norms, of sums of exponentials and of cosines in check mode, and in any order of threads."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.kernels import pieces
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
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


def numbers(shape, dtype=gp.float32, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return gp.tensor(values, dtype=dtype, device="cuda", requires_grad=True)


def with_gradients(y, *inputs):
    y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()).reshape(y.shape), dtype=y.dtype, device="cuda"))
    return y, *[x.grad for x in inputs]


def logsumexp(shape, axes, dtype=gp.float32):
    x = numbers(shape, dtype)
    return with_gradients(gp.logsumexp(x, tuple(range(len(shape))) if axes is None else axes), x)


def norm(shape, axes, p, dtype=gp.float32):
    x = numbers(shape, dtype)
    return with_gradients(gp.linalg.vector_norm(x, p, axes), x)


def pairwise(shape, p, dtype=gp.float32):
    a, b = numbers(shape, dtype), numbers(shape, dtype, 1)
    return with_gradients(F.pairwise_distance(a, b, p, 0.01), a, b)


def cosine(shape, axis, dtype=gp.float32):
    a, b = numbers(shape, dtype), numbers(shape, dtype, 1)
    return with_gradients(F.cosine_similarity(a, b, axis), a, b)


def cdist(p, dtype=gp.float32, rows=(5, 7), d=3):
    a, b = numbers((2, rows[0], d), dtype), numbers((2, rows[1], d), dtype, 1)
    return with_gradients(gp.cdist(a, b, p), a, b)


@pytest.fixture
def in_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", SHORT)
    monkeypatch.setattr(pieces, "APART", SHORT)


@pytest.mark.parametrize(("shape", "axes"), LINES)
def test_logsumexp(shape, axes):
    check_kernels(lambda: logsumexp(shape, axes))
    check_kernels(lambda: logsumexp(shape, axes, gp.bfloat16), 1)


@pytest.mark.parametrize(("shape", "axes"), LINES)
def test_norm(shape, axes):
    check_kernels(lambda: norm(shape, axes, 2))
    check_kernels(lambda: norm(shape, axes, 3, gp.float16), 1)
    check_kernels(lambda: norm(shape, axes, 2, gp.float64), 1)


@pytest.mark.parametrize(("shape", "axes"), [((3, 45), 1), ((45, 3), 0), ((7, 9), None), ((2, 700), 1)])
def test_lines_in_pieces(shape, axes, in_pieces):
    check_kernels(lambda: logsumexp(shape, axes), 1)
    check_kernels(lambda: norm(shape, axes, 0.5, gp.float16), 1)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, -1, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [gp.float16, gp.float32, gp.float64])
def test_pieces_change_no_more_than_digits(p, dtype, monkeypatch):
    """Norms and sums of lines in one piece and in several, of the CPU and of the GPU."""
    values = np.random.default_rng(0).normal(size=(3, 700))
    tolerance = {gp.float16: 4e-3, gp.float32: 1e-5, gp.float64: 1e-12}[dtype]

    def found(device, length):
        monkeypatch.setattr(pieces, "PIECE", length)
        x = gp.tensor(values, dtype=dtype, device=device, requires_grad=True)
        y = gp.linalg.vector_norm(x, p, 1)
        z = gp.logsumexp(x, 1)
        (y.sum() + z.sum()).backward()
        return [t.detach().cpu().double().numpy() for t in (y, z, x.grad)]

    wanted = found("cpu", 1024)
    with emulator.enable():
        for length in (1024, SHORT):
            for mine, theirs in zip(found("cuda", length), wanted, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("p", [1, 2, 2.5])
def test_pairwise(p):
    check_kernels(lambda: pairwise((3, 45), p), 1)
    check_kernels(lambda: pairwise((2, 3, 5), p, gp.bfloat16), 1)


@pytest.mark.parametrize(("shape", "axis"), LINES[:5])
def test_cosine(shape, axis):
    check_kernels(lambda: cosine(shape, axis))
    check_kernels(lambda: cosine(shape, axis, gp.float16), 1)
    check_kernels(lambda: cosine(shape, axis, gp.float64), 1)


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, math.inf])
def test_cdist(p):
    check_kernels(lambda: cdist(p), 1)
    check_kernels(lambda: cdist(p, gp.float16), 1)


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
@pytest.mark.parametrize("dtype", [gp.float16, gp.float32, gp.float64])
def test_cdist_is_that_of_the_cpu(p, dtype):
    tolerance = {gp.float16: 5e-3, gp.float32: 1e-5, gp.float64: 1e-12}[dtype]
    values = [np.random.default_rng(i).normal(size=shape) for i, shape in enumerate([(40, 3), (70, 3)])]
    found = []
    with emulator.enable():
        for device in ("cpu", "cuda"):
            a, b = (gp.tensor(v, dtype=dtype, device=device, requires_grad=True) for v in values)
            y = gp.cdist(a, b, p)
            found.append([t.cpu().double().numpy() for t in (y.detach(), *gp.autograd.grad(y.sum(), (a, b)))])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=40 * tolerance)


def extremes():
    """Infinities, NaN and zeros in lines: what the kernels treat apart."""
    inf, nan = math.inf, math.nan
    rows = [[inf, 1, -1], [inf, nan, 0], [-inf, -inf, -inf], [0, 0, 0], [nan, 2, 3], [inf, -inf, 1], [-1, 1, 0]]
    found = []
    for dtype in (gp.float32, gp.float64):
        for p in (0, 0.5, 1, 2, 3, -1, inf, -inf):
            x = gp.tensor(rows, dtype=dtype, device="cuda", requires_grad=True)
            found += with_gradients(gp.linalg.vector_norm(x, p, 1), x)[: 1 if p == 0 else 2]
        x = gp.tensor(rows, dtype=dtype, device="cuda", requires_grad=True)
        found += with_gradients(gp.logsumexp(x, 1), x)
        a, b = (gp.tensor(rows[3:], dtype=dtype, device="cuda", requires_grad=True) for _ in range(2))
        found += with_gradients(F.cosine_similarity(a, b.flip(0), 1, 0.5), a, b)
    arrays = [x.detach().cpu().numpy() for x in found]
    return tuple([np.where(np.isnan(array), 1e9, array) for array in arrays])  # NaNs have signs, which mean nothing


def test_extremes():
    check_kernels(extremes, 1)


def mutation_runs():
    """What mutants have to pass."""

    def in_pieces(run):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pieces, "PIECE", SHORT)
            patch.setattr(pieces, "APART", SHORT)
            return run()

    def no_distance():
        a, b = (gp.ones(2, 3, device="cuda", requires_grad=True) for _ in range(2))
        return with_gradients(gp.cdist(a, b, math.inf), a, b)

    def broken_rows():
        return in_pieces(lambda: (*logsumexp((3, 45), 1), *norm((45, 3), 0, 2), *norm((2, 5, 45), (0, 2), 3)))

    return {
        "reduction": [
            lambda: logsumexp((3, 45), 1),
            lambda: norm((3, 45), 1, 3),
            lambda: norm((2, 1100), 1, 2, gp.float64),
            lambda: norm((1, 45, 7), 1, 2),
            lambda: (*pairwise((3, 5), 2), *pairwise((3, 45), 0.5), *pairwise((3, 45), 1)),
            broken_rows,
            extremes,
        ],
        "distance": [*[lambda p=p: cdist(p) for p in (1, 3, math.inf)], lambda: cdist(2, rows=(3, 40)), no_distance],
        "similarity": [lambda: cosine((3, 45), 1), lambda: cosine((260, 3), 1, gp.float64), extremes],
    }


@pytest.mark.sweep
def test_many_orders(in_pieces):
    check_kernels(lambda: logsumexp((3, 45), 1), MANY)
    check_kernels(lambda: norm((45, 3), 0, 2), MANY)
    check_kernels(lambda: pairwise((3, 45), 3), MANY)
    check_kernels(lambda: cosine((3, 45), 1), MANY)
    check_kernels(lambda: cdist(1), MANY)
