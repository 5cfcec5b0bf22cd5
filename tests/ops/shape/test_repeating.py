import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view

COUNTS = np.array([2, 0, 1])


def counts(x):
    return gp.tensor(COUNTS, device=x.device)


@pytest.mark.parametrize(
    ("op", "reference", "shape"),
    [
        (lambda x: gp.repeat(x, (2, 3)), lambda a: np.tile(a, (2, 3)), (2, 3)),
        (lambda x: gp.repeat(x, (2, 1, 2)), lambda a: np.tile(a, (2, 1, 2)), (2, 3)),
        (lambda x: gp.repeat(x.t(), (1, 2)), lambda a: np.tile(a.T, (1, 2)), (2, 3)),
        (lambda x: gp.repeat(x, (0, 2)), lambda a: np.tile(a, (0, 2)), (2, 3)),
        (lambda x: gp.repeat(x, (3,)), lambda a: np.tile(a, 3), ()),
        (lambda x: gp.repeat(x, (4,)), lambda a: np.tile(a, 4), (1,)),
        (lambda x: gp.tile(x, (2,)), lambda a: np.tile(a, 2), (2, 3)),
        (lambda x: gp.tile(x, (2, 1, 1)), lambda a: np.tile(a, (2, 1, 1)), (2, 3)),
        (lambda x: gp.repeat_interleave(x, 2), lambda a: np.repeat(a, 2), (2, 3)),
        (lambda x: gp.repeat_interleave(x, 2, dim=-1), lambda a: np.repeat(a, 2, -1), (2, 3)),
        (lambda x: gp.repeat_interleave(x, 0, axis=0), lambda a: np.repeat(a, 0, 0), (2, 3)),
        (lambda x: gp.repeat_interleave(x, counts(x), 1), lambda a: np.repeat(a, COUNTS, 1), (2, 3)),
        (lambda x: gp.repeat_interleave(x, counts(x)[:1], 1), lambda a: np.repeat(a, 2, 1), (2, 3)),
        (lambda x: gp.repeat_interleave(x, counts(x)[0]), lambda a: np.repeat(a, 2), ()),
    ],
)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_results_are_copies(device):
    x = counted(2, 3, device=device)
    for y in (x.repeat(1, 1), x.tile(1), x.repeat_interleave(1, 0), x.repeat(2, 1)):
        assert not is_view(y, x)
        assert y.is_contiguous()
    one = counted(1, device=device).repeat(3)
    one.fill_(2)
    assert one.tolist() == [2, 2, 2]


def test_indices(device):
    index = gp.repeat_interleave(gp.tensor([1, 0, 2], dtype=gp.int32, device=device))
    assert index.dtype is gp.int32
    assert index.tolist() == [0, 2, 2]
    assert gp.repeat_interleave(gp.tensor([], dtype=gp.int64)).tolist() == []


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.repeat(2), RuntimeError, "can not be smaller than number of dimensions"),
        (lambda x: x.repeat(1, -1), RuntimeError, "negative number of times"),
        (lambda x: x.tile(-1), RuntimeError, "tile: cannot repeat a negative"),
        (lambda x: x.repeat(1, 1.0), TypeError, "repeats must be ints"),
        (lambda x: x.repeat_interleave(-1), RuntimeError, "must be non-negative"),
        (lambda x: x.repeat_interleave([1, 2], 0), TypeError, "int or a Tensor"),
        (
            lambda x: x.repeat_interleave(gp.tensor([1, 2, 3]), 0),
            RuntimeError,
            r"size\(0\) = 3 and input.size\(0\) = 2",
        ),
        (lambda x: x.repeat_interleave(gp.tensor([1, -1]), 0), RuntimeError, "can not be negative"),
        (lambda x: x.repeat_interleave(gp.tensor([1.0, 1.0]), 0), NotImplementedError, "float32"),
        (lambda x: x.repeat_interleave(gp.tensor([[1, 1]]), 0), RuntimeError, "1-dim tensor"),
        (lambda x: x.repeat_interleave(gp.tensor([1, 2]), 0, output_size=4), RuntimeError, "output_size=4, needed 3"),
        (lambda x: gp.repeat_interleave([1, 2]), TypeError, "must be a Tensor, not list"),
        (lambda x: gp.tensor(1.0).repeat_interleave(2, 0), IndexError, "0-d tensor"),
        (lambda x: x.repeat_interleave(2, 2), IndexError, "Dimension out of range"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(2, 3))


def test_repeats_alone_by_name():
    assert gp.repeat_interleave(repeats=gp.tensor([2, 0, 1])).tolist() == [0, 0, 2]
