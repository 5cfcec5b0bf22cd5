import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op


def tensors(arrays, device):
    return [None if a is None else gp.tensor(np.array(a), device=device) for a in arrays]


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize(
    ("indices", "shape"),
    [
        (([1, 0],), (2, 3, 4)),
        (([1, 0],), (3, 1)),
        (([1, 0], [2, 1], [-1, 0]), (2,)),
        ((None, [2, 0]), (2, 2, 4)),
        (([0, 1], None, [1, 3]), (2, 3)),
        (([[True, False, True], [False] * 3],), (2, 4)),
        (([0], [[1], [2]]), ()),
        ((1, [0, 2]), (2, 4)),
    ],
)
def test_index_put(indices, shape, accumulate, device):
    def reference(a, v):
        full = tuple(slice(None) if i is None else np.array(i) for i in indices)
        if accumulate:
            np.add.at(a, full, v)
        else:
            a[full] = v
        return a

    def op(x, v):
        return gp.index_put(x, tensors(indices, x.device), v, accumulate)

    check_op(op, reference, [(2, 3, 4), shape], device)


def test_index_put_adds_repeated_places_up(device):
    x = gp.zeros(3, dtype=gp.bfloat16, device=device)
    index = gp.tensor([2, 0, 2, 2], device=device)
    y = x.index_put((index,), gp.tensor([1.0, 2, 256, 1], dtype=gp.bfloat16, device=device), accumulate=True)
    assert y.tolist() == [2, 0, 258]  # rounded once: 256 + 1 is 256 in bfloat16
    ints = gp.zeros(3, dtype=gp.int64, device=device)
    assert ints.index_put((index,), gp.tensor(2**60, device=device), accumulate=True).tolist() == [2**60, 0, 3 * 2**60]
    flags = gp.zeros(3, dtype=gp.bool, device=device)
    assert flags.index_put((index,), gp.tensor(True, device=device), accumulate=True).tolist() == [True, False, True]


def test_index_put_in_place(device):
    x = gp.zeros(3, device=device, requires_grad=True)
    y = x * 1
    assert y.index_put_((gp.tensor([0, 2], device=device),), gp.tensor([5.0, 6], device=device)) is y
    assert y.tolist() == [5, 0, 6]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("indices", "values", "error", "words"),
    [
        (gp.tensor([0]), gp.tensor(1.0), TypeError, "must be a sequence of Tensors"),
        ((gp.tensor([0]),), 1.0, TypeError, "values must be a Tensor, got float"),
        ((gp.tensor([0]),), gp.tensor(1), RuntimeError, "got float32 for the destination and int64 for the source"),
        ((gp.tensor([0, 3]),), gp.tensor(1.0), IndexError, "index_put: index 3 at position 1 .* with size 3"),
        ((gp.tensor([0, 1]),), gp.ones(3), RuntimeError, r"shape \(3,\) cannot be broadcast .* shape \(2,\)"),
        ((None,), gp.tensor(1.0), IndexError, "at least one index tensor"),
        ((gp.tensor([0]), gp.tensor([0])), gp.tensor(1.0), IndexError, "too many indices"),
    ],
)
def test_index_put_errors(indices, values, error, words):
    with pytest.raises(error, match=words):
        gp.zeros(3).index_put(indices, values)


@pytest.mark.parametrize("accumulate", [False, True])
def test_put(accumulate, device):
    index = np.array([[5, -1], [0, 2]])

    def reference(a, v):
        if accumulate:
            np.add.at(a.reshape(-1), index, v)
        else:
            a.reshape(-1)[index] = v
        return a

    def op(x, v):
        return gp.put(x, gp.tensor(index, device=x.device), v, accumulate)

    check_op(op, reference, [(2, 4), (2, 2)], device)
    check_op(lambda x, v: op(x.t(), v), lambda a, v: reference(a.T.copy(), v), [(4, 2), (2, 2)], device)


def test_take(device):
    index = np.array([[5, -1, 0], [0, 0, 2]])
    check_op(lambda x: gp.take(x, gp.tensor(index, device=x.device)), lambda a: a.take(index), [(2, 4)], device)
    check_op(lambda x: gp.take(x.t(), gp.tensor(index, device=x.device)), lambda a: a.T.take(index), [(2, 4)], device)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.put(gp.tensor([0]), gp.tensor([1])), RuntimeError, "same dtype, but got float32 and int64"),
        (lambda x: x.put(gp.tensor([0]), gp.ones(2)), IndexError, r"same number of elements, .*\(2,\) and .*\(1,\)"),
        (lambda x: x.put(gp.tensor([4]), gp.ones(1)), IndexError, "put: index 4 at position 0 .* size 4"),
        (lambda x: x.take(gp.tensor([-5])), IndexError, "take: index -5 at position 0 .* size 4"),
        (lambda x: x.take(gp.tensor([0], dtype=gp.int32)), RuntimeError, "Expected dtype int64 for index"),
    ],
)
def test_put_and_take_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(gp.zeros(2, 2))
