import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from tests.harness import check_op
from tests.ops.indexing.test_getitem import ALL, BASIC, DISTINCT, MASK, REPEATED, as_index, numpy_index

EVERY = BASIC + DISTINCT + REPEATED


def written(index, value=None):
    """The function of x (and of a value, if none is given) that returns x after x[index] = value."""

    def op(x, *values):
        y = x * 1
        y[as_index(index, x.device)] = values[0] if values else value
        return y

    def reference(a, *values):
        a[numpy_index(index)] = values[0] if values else value
        return a

    return op, reference


def selected(index):
    """The shape of x[index]."""
    return np.zeros((2, 3, 4))[numpy_index(index)].shape


@pytest.mark.parametrize("index", BASIC + DISTINCT, ids=str)
def test_tensors(index, device):
    check_op(*written(index), [(2, 3, 4), selected(index)], device)


@pytest.mark.parametrize("index", REPEATED, ids=str)
def test_the_last_of_several_values_stays(index, device):
    op, reference = written(index)
    check_op(op, reference, [(2, 3, 4), selected(index)], device, derivatives=0)
    x = gp.zeros(2, 3, 4, device=device)  # the path outside the graph
    values = np.arange(1.0, np.prod(selected(index)) + 1).reshape(selected(index))
    x[as_index(index, device)] = gp.tensor(values, dtype=gp.float32, device=device)
    np.testing.assert_array_equal(backend.asnumpy(x.array), reference(np.zeros((2, 3, 4)), values))


@pytest.mark.parametrize("index", EVERY, ids=str)
def test_numbers(index, device):
    op, reference = written(index, 7.5)
    check_op(op, reference, [(2, 3, 4)], device)
    x = gp.zeros(2, 3, 4, device=device)
    x[as_index(index, device)] = 7.5
    np.testing.assert_array_equal(backend.asnumpy(x.array), reference(np.zeros((2, 3, 4))))


@pytest.mark.parametrize("index", [*BASIC, *DISTINCT], ids=str)
def test_0d_tensors(index, device):
    check_op(*written(index), [(2, 3, 4), ()], device)


@pytest.mark.parametrize("index", [1, (ALL, [0, 2]), (ALL, MASK), (ALL, MASK[:, 0])], ids=str)
def test_values_broadcast(index, device):
    *_, last = selected(index)
    check_op(*written(index), [(2, 3, 4), (last,)], device)
    check_op(*written(index), [(2, 3, 4), (1, 1, 1, 1, last)[-len(selected(index)) - 1 :]], device)


@pytest.mark.parametrize("index", [0, (ALL, [0]), MASK[:2, :3], [0, 1]], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int64", "int8", "uint8", "bool"])
def test_dtypes(index, dtype, device):
    x = gp.zeros(2, 3, 4, dtype=getattr(gp, dtype), device=device)
    x[as_index(index, device)] = 1.75
    wanted = np.zeros((2, 3, 4), x.dtype.numpy)
    wanted[numpy_index(index)] = 1.75
    np.testing.assert_array_equal(backend.asnumpy(x.array), wanted)


def test_casts(device):
    x = gp.zeros(3, dtype=gp.int64, device=device)
    x[0] = gp.tensor(2.7)
    x[gp.tensor([False, True, False])] = gp.tensor(-1.5)
    x[2] = True
    assert x.tolist() == [2, -1, 1]
    y = gp.zeros(2, dtype=gp.float16, device=device)
    y[0], y[1:] = 1e6, np.float64(0.5)
    assert y.tolist() == [float("inf"), 0.5]


def test_the_version_is_counted(device):
    x = gp.ones(3, device=device, requires_grad=True)
    y = x * 1
    z = y * y
    for index in (0, [1], MASK[0, :3]):
        before = y._version[0]
        with gp.no_grad():
            y[as_index(index, device)] = 2
        assert y._version[0] == before + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_written_through_views(device):
    x = gp.tensor(np.arange(1.0, 7).reshape(2, 3), device=device, requires_grad=True)
    y = x * 1
    part = y[:, 1:]
    part[0] = x[1, :2] * 2
    part[:, gp.tensor([1], device=device)] = x[:, :1] * 10
    part[gp.tensor([[False, False], [True, False]], device=device)] = 0
    assert y.tolist() == [[1, 8, 10], [4, 0, 40]]
    y.sum().backward()
    assert x.grad.tolist() == [[1 + 10, 0, 0], [1 + 2 + 10, 0, 0]]


def test_only_the_value_needs_a_gradient(device):
    x, v = gp.zeros(4, device=device), gp.tensor([1.0, 2], device=device, requires_grad=True)
    x[1:3] = v
    x[gp.tensor([0], device=device)] = v[:1] * 3
    assert x.requires_grad
    x.backward(gp.tensor([1.0, 10, 100, 1000], device=device))
    assert v.grad.tolist() == [13, 100]


def test_overlapping_memory(device):
    x = gp.arange(5, device=device)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]
    x[gp.tensor([0, 1, 2])] = x[2:]
    assert x.tolist() == [1, 2, 3, 2, 3]


def test_not_contiguous(device):
    x = gp.zeros(3, 4, device=device)
    x.t()[gp.tensor([1, 1, 0], device=device)] = gp.tensor([[1.0], [2], [3]], device=device)
    assert x.tolist() == [[3, 2, 0, 0]] * 3


def test_values_on_the_cpu(device):
    x = gp.zeros(3, device=device)
    x[1:] = gp.tensor([1.0, 2])
    assert x.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("index", "value", "error", "words"),
    [
        (5, 0, IndexError, "index 5 at position 0 is out of bounds for dimension 0 with size 2"),
        ([0, -3], 0, IndexError, "setitem: index -3 at position 1 is out of bounds for dimension 0 with size 2"),
        (slice(None, None, -1), 0, ValueError, "step must be greater than zero"),
        (0, gp.ones(2, 4), RuntimeError, r"value tensor of shape \(2, 4\) cannot be broadcast .* shape \(3, 4\)"),
        ([0, 1], gp.ones(3, 3, 4), RuntimeError, r"\(3, 3, 4\) cannot be broadcast .* \(2, 3, 4\)"),
        (MASK[:2, :3], gp.ones(3, 4), RuntimeError, r"\(3, 4\) cannot be broadcast .* \(2, 4\)"),
        ([0], gp.ones(1, dtype=gp.float64), RuntimeError, "dtypes match, got gpunn.float32 for the destination and gp"),
        (0, [1, 2], TypeError, "can't assign a list to a Tensor"),
        (0, "1", TypeError, "can't assign a str to a Tensor"),
    ],
)
def test_errors_change_nothing(index, value, error, words):
    x = gp.zeros(2, 3, 4)
    with pytest.raises(error, match=words):
        x[as_index(index, "cpu")] = value
    assert not x.array.any()
    assert x._version[0] == 0


def test_leaves_and_expanded_tensors_refuse():
    x = gp.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        gp.zeros(1).expand(3)[0:2] = 1
    with pytest.raises(RuntimeError, match="value 300 cannot be converted to type uint8"):
        gp.zeros(3, dtype=gp.uint8)[0] = 300
