"""The kernels of indexing in check mode, and in any order of threads. Shapes are ragged and tiny."""

import numpy as np
import pytest

import gpunn as gp
from tests.harness import distinct
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
RNG = np.random.default_rng(0)


def on(values):
    return gp.tensor(values, device="cuda")


def both(op, shape, dtype=gp.float32, offset=0):
    """A run that gives the result of `op` and the gradient of its squares."""

    def run():
        x = distinct((1, int(np.prod(shape)) + offset), np.random.default_rng(0)).astype(dtype.numpy)
        t = on(x)[0, offset:].reshape(shape).detach().requires_grad_()
        y = op(t)
        y.backward(y.detach())
        return y, t.grad

    return run


def scattered(how, dtype, index, shape, source):
    def run():
        x, values = (on(distinct(s, np.random.default_rng(1)) * 8).to(dtype) for s in (shape, source))
        if how == "assign":
            return x.scatter(0, on(index), values)
        return x.scatter_reduce(0, on(index), values, how)

    return run


def planes():
    x, source = np.zeros((2, 3, 4)), distinct((2, 3, 4), np.random.default_rng(1))
    return on(x).index_copy(1, on([2, 0, 2]), on(source))


def out_of_bounds():
    """What is read and written where indices are wrong: zeros, and nothing."""
    x = on(distinct((3, 8), np.random.default_rng(1)))
    wrong, places = on([1, -1, 3]), on([[0, -1, 1, 9, 2, 3, -(2**40), 0]])
    found = x.index_select(0, wrong), x[:, :3].index_select(0, wrong), x.gather(0, places)
    found += x.index_add(0, wrong, x), x.scatter(0, places, 7.0)
    with pytest.raises(IndexError, match="index_select: index -1 at position 1"):
        gp.cuda.synchronize()
    return found


LONG = np.repeat([1, 0, 1, 2], [70, 3, 130, 64])[:, None]  # 200, 3 and 64 keys: cut, not cut
RUNS = {
    "rows": both(lambda x: x[on([3, 0, 3, -1])], (5, 7)),
    "vectors": both(lambda x: x.index_select(1, on([2, 0, 2])), (2, 3, 8)),
    "misaligned": both(lambda x: x[on([1, 0])], (3, 8), offset=1),
    "halves": both(lambda x: x[on(np.array([1, 1, 2], np.int32))], (3, 8), gp.float16),
    "pairs": both(lambda x: x[on([[0], [2]]), on([1, -1, 1])], (3, 4, 2)),
    "apart": both(lambda x: x[on([0, 2]), :, on([1, 1])], (3, 2, 4)),
    "gather": both(lambda x: x.gather(1, on([[2, 0], [1, 1], [0, 2]])), (3, 3), gp.bfloat16),
    "gather of a vector": both(lambda x: x.gather(0, on([[2], [0], [2]]).expand(3, 5)), (3, 5)),
    "take": both(lambda x: x.take(on([[5, 5], [-1, 0]])), (2, 3), gp.float64),
    "out of bounds": out_of_bounds,
    "planes": planes,
    "a long segment first": both(lambda x: x[on([0] * 130)], (2, 2)),
    "long segments": both(lambda x: x[on(LONG[:, 0])], (3, 2)),
    "assign": scattered("assign", gp.float32, RNG.integers(0, 3, (9, 2)), (3, 2), (9, 2)),
    "sum": scattered("sum", gp.int32, LONG, (3, 1), (267, 1)),
    "prod": scattered("prod", gp.float32, LONG, (3, 1), (267, 1)),
    "amax": scattered("amax", gp.bfloat16, RNG.integers(0, 3, (9, 2)), (3, 2), (9, 2)),
    "amin": scattered("amin", gp.uint8, LONG, (3, 1), (267, 1)),
    "mean": scattered("mean", gp.float32, RNG.integers(0, 3, (9, 2)), (3, 2), (9, 2)),
    "masked_fill": both(lambda x: x.masked_fill(x < 0, 0.5), (3, 35), gp.bfloat16),
    "masked_fill, a tensor": both(lambda x: x.masked_fill(x < 0, x[1, 1]), (3, 35), offset=1),
    "triangles": both(lambda x: x.tril(1) + x.triu(-1), (2, 3, 5), gp.float64),
    "one_hot": lambda: F.one_hot(on([[3, 0], [1, 3]]), 5),
}


@pytest.mark.parametrize("name", RUNS)
def test_no_faults_and_no_order(name):
    check_kernels(RUNS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", RUNS)
def test_a_thousand_orders(name):
    check_kernels(RUNS[name], MANY)
