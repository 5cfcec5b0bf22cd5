"""The kernels of losses with a margin and of Gumbel's noise in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.errors import IndexRangeError
from gpunn.ops.gumbel import LargestAsOne
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
SHAPES = [(3, 5), (3, 45), (2, 1100), (260, 3)]  # a row for a thread, a warp, a block; more rows than a block has


def numbers(shape, dtype=gp.float32):
    return gp.tensor(np.random.default_rng(0).normal(size=shape), dtype=dtype, device="cuda", requires_grad=True)


def multi_margin(shape, dtype=gp.float32, weighted=False, **options):
    x = numbers(shape, dtype)
    labels = gp.tensor(np.random.default_rng(1).integers(0, shape[1], shape[0]), device="cuda")
    weight = gp.tensor(np.linspace(0.5, 2, shape[1]), dtype=dtype, device="cuda") if weighted else None
    y = F.multi_margin_loss(x, labels, weight=weight, **options)
    y.sum().backward()
    return y, x.grad


def multilabel_margin(shape, dtype=gp.float32, **options):
    x = numbers(shape, dtype)
    labels = gp.tensor(np.random.default_rng(1).integers(-1, shape[1], shape), device="cuda")
    y = F.multilabel_margin_loss(x, labels, **options)
    y.sum().backward()
    return y, x.grad


def gumbel(shape, dim, dtype=gp.float32):
    gp.manual_seed(3)
    x = numbers(shape, dtype)
    y = F.gumbel_softmax(x, 0.7, True, dim=dim)
    y.backward(gp.tensor(np.linspace(0, 1, y.numel()).reshape(shape), dtype=dtype, device="cuda"))
    return y, F.gumbel_softmax(x, 0.7, dim=dim), x.grad


@pytest.mark.parametrize("shape", SHAPES)
def test_multi_margin(shape):
    check_kernels(lambda: multi_margin(shape))
    check_kernels(lambda: multi_margin(shape, gp.bfloat16, True, p=2, reduction="none"), 1)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_multilabel_margin(shape):
    check_kernels(lambda: multilabel_margin(shape))
    check_kernels(lambda: multilabel_margin(shape, gp.float16, reduction="none"), 1)


@pytest.mark.parametrize(("shape", "dim"), [((3, 5), 1), ((3, 45), 1), ((2, 1100), 1), ((1, 45, 70), 1)])
def test_gumbel(shape, dim):
    check_kernels(lambda: gumbel(shape, dim))
    check_kernels(lambda: gumbel(shape, dim, gp.float64), 1)


def largest():
    """One-hot vectors of what is largest twice, of a NaN, and of nothing but -inf."""
    rows = [[1, 3, 3, 0], [1, np.nan, 3, 0], [-np.inf] * 4, [0, 0, 0, np.inf]]
    return [LargestAsOne(1)(gp.tensor(rows, device="cuda", dtype=d)) for d in (gp.float32, gp.float16)]


def test_the_first_of_the_largest():
    check_kernels(largest, 1)
    with emulator.enable():
        for found in largest():
            assert found.argmax(1).tolist() == [1, 1, 0, 3]
            assert found.sum(1).tolist() == [1] * 4


@pytest.mark.parametrize("loss", [F.multi_margin_loss, F.multilabel_margin_loss])
def test_a_label_out_of_bounds(loss):
    labels = [[0, 7, -1, 1], [0, -1, 9, 9]] if loss is F.multilabel_margin_loss else [0, 7]
    with emulator.enable():
        loss(gp.zeros(2, 4, device="cuda"), gp.tensor(labels, device="cuda"))
        with pytest.raises(
            IndexRangeError, match=r"index 7 at position .*1.* is out of bounds for dimension 1 with size 4"
        ):
            gp.cuda.synchronize()
    with pytest.raises(IndexRangeError, match="index 7"):
        loss(gp.zeros(2, 4), gp.tensor(labels))


def mutation_runs():
    """What mutants have to pass."""

    def wrong():
        found = multi_margin((3, 5))
        try:
            F.multilabel_margin_loss(
                gp.zeros(2, 4, device="cuda"), gp.tensor([[0, 7, -1, 1], [4, -1, 9, 9]], device="cuda")
            )
            gp.cuda.synchronize()
        except IndexRangeError as error:
            return (*found, np.frombuffer(str(error).encode(), np.uint8))
        return found

    return {
        "margins": [
            *[lambda s=s: multi_margin(s, weighted=True) for s in SHAPES],
            lambda: multi_margin((3, 5), p=2, reduction="none"),
            lambda: multilabel_margin((3, 5)),
            lambda: multilabel_margin((3, 45), reduction="none"),
            wrong,
        ],
        "gumbel": [lambda: gumbel((3, 5), 1), lambda: gumbel((1, 45, 7), 1, gp.float64), largest],
    }


@pytest.mark.sweep
def test_many_orders():
    check_kernels(lambda: multi_margin((3, 45), weighted=True), MANY)
    check_kernels(lambda: multilabel_margin((3, 45)), MANY)
    check_kernels(lambda: gumbel((3, 45), 1), MANY)
