import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op


def on(device, values, dtype=None):
    return gp.tensor(values, dtype=dtype, device=device)


def along(dim, numbers):
    return (*(slice(None),) * dim, np.array(numbers))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("index", [[1, 0, 1], [], [1]])
def test_index_select(dim, index, device):
    def op(x):
        return gp.index_select(x, dim, on(x.device, index, gp.int32))

    def reference(a):
        return a.take(np.array(index, int), dim)

    check_op(op, reference, [(2, 3, 4)], device)
    check_op(lambda x: op(x.transpose(0, 2)), lambda a: reference(a.swapaxes(0, 2)), [(4, 3, 2)], device)
    check_dtypes(op, reference, [(2, 3, 4)], device)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("alpha", [1, -2.5])
def test_index_add(dim, alpha, device):
    index = [1, 0, 1, 1]
    shape = [2, 3, 4]
    shape[dim] = 4

    def reference(a, s):
        np.add.at(a, along(dim % 3, index), alpha * s)
        return a

    check_op(
        lambda x, s: gp.index_add(x, dim, on(x.device, index), s, alpha=alpha),
        reference,
        [(2, 3, 4), tuple(shape)],
        device,
    )


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_index_copy_and_fill(dim, device):
    index = [1, 0]
    shape = [2, 3, 4]
    shape[dim] = 2

    def reference(a, s):
        a[along(dim % 3, index)] = s
        return a

    check_op(lambda x, s: gp.index_copy(x, dim, on(x.device, index), s), reference, [(2, 3, 4), tuple(shape)], device)
    for value in (2.5, -1):
        check_op(
            lambda x, v=value: gp.index_fill(x, dim, on(x.device, [1, -1, 1]), v),
            lambda a, v=value: looped_fill(a, dim, v),
            [(2, 3, 4)],
            device,
        )
    check_op(
        lambda x, v: gp.index_fill(x, dim, on(x.device, [1, -1, 1]), v),
        lambda a, v: looped_fill(a, dim, v),
        [(2, 3, 4), ()],
        device,
    )


def looped_fill(a, dim, value):
    a[along(dim % 3, [1, -1])] = value
    return a


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_index_reduce(reduce, include_self, device):
    f = {"prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
    index = np.array([2, 0, 2, 2])

    def reference(a, s):
        out = a.copy()
        for i in set(index):
            sent = [*s.swapaxes(0, 1)[index == i], *([a[:, i]] if include_self else [])]
            out[:, i] = f(sent, axis=0)
        return out

    check_op(
        lambda x, s: gp.index_reduce(x, 1, on(x.device, index), s, reduce, include_self=include_self),
        reference,
        [(2, 3, 2), (2, 4, 2)],
        device,
        gradient_rtol=1e-5,
    )


def test_the_last_copy_stays(device):
    x = gp.zeros(3, device=device)
    assert x.index_copy(0, on(device, [1, 1, 0]), on(device, [5.0, 6, 7])).tolist() == [7, 6, 0]


def test_0d_tensors(device):
    x, zero, one = gp.tensor(5.0, device=device), on(device, 0), on(device, [0])
    assert x.index_select(0, zero).tolist() == 5
    assert x.index_select(0, one).shape == ()
    assert x.index_add(0, one, gp.tensor(1.0, device=device)).tolist() == 6
    assert x.index_copy(0, one, on(device, [1.0])).tolist() == 1
    assert x.index_copy(0, zero, gp.tensor(2.0, device=device)).tolist() == 2
    assert x.index_fill(0, on(device, [0, 0]), 3).tolist() == 3
    assert x.index_reduce(0, one, gp.tensor(2.0, device=device), "prod").tolist() == 10
    assert gp.zeros(3, device=device).index_copy(0, on(device, [1]), gp.tensor(2.0, device=device)).tolist() == [
        0,
        2,
        0,
    ]


def test_integers(device):
    x, index = on(device, [1, 2, 3]), on(device, [0, 0])
    assert x.index_add(0, index, on(device, [2**60, 5]), alpha=2).tolist() == [1 + 2**61 + 10, 2, 3]
    assert x.index_fill(0, index, 2.9).tolist() == [2, 2, 3]
    assert (x > 5).index_add(0, index, x[:2] > 0).tolist() == [True, False, False]


@pytest.mark.parametrize("name", ["index_add_", "index_copy_", "index_fill_", "index_reduce_"])
def test_in_place(name, device):
    x = gp.ones(3, device=device, requires_grad=True)
    y = x * 2
    rest = {"index_fill_": (7,), "index_reduce_": (on(device, [7.0]), "prod")}.get(name, (on(device, [7.0]),))
    assert getattr(y, name)(0, on(device, [1]), *rest) is y
    assert y.tolist() == [2, {"index_add_": 9, "index_reduce_": 14}.get(name, 7), 2]
    y.sum().backward()
    assert x.grad.tolist() == [2, {"index_add_": 2, "index_reduce_": 14}.get(name, 0), 2]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda x, i: x.index_select(0, i + 2),
            IndexError,
            "index_select: index 3 at position 1 .* dimension 0 with size 3",
        ),
        (lambda x, i: x.index_select(0, i - 1), IndexError, "index -1 at position 0"),
        (lambda x, i: x.index_select(0, i[None]), IndexError, r"Index is supposed to be a vector, got shape \(1, 2\)"),
        (lambda x, i: x.index_select(0, i.short()), RuntimeError, "Expected dtype int32/int64 for index, got int16"),
        (lambda x, i: x[0, 0].index_select(0, i * 0), RuntimeError, "Index to scalar can have only 1 value, got 2"),
        (
            lambda x, i: x.index_add(0, i, x[:1]),
            IndexError,
            r"Number of indices \(2\) .* source.size\(dim\): \(1\), for dim: 0",
        ),
        (lambda x, i: x.index_add(0, i, x[:2, :2]), RuntimeError, r"self.shape = \(3, 4\) source.shape = \(2, 2\)"),
        (lambda x, i: x.index_add(0, i, x[:2].double()), RuntimeError, "got float32 and float64"),
        (lambda x, i: x.index_add(0, i, 1.0), TypeError, "source must be a Tensor, got float"),
        (lambda x, i: x.index_copy(0, i - 1, x[:2]), IndexError, "index_copy: index -1"),
        (lambda x, i: x.index_copy(0, i.int(), x[:2]), RuntimeError, "Expected dtype int64"),
        (lambda x, i: x.index_fill(0, i - 4, 0), IndexError, "index_fill: index -4"),
        (lambda x, i: x.index_fill(0, i, x[0]), RuntimeError, "only supports a 0-dimensional value"),
        (lambda x, i: x.index_reduce(0, i, x[:2], "sum"), RuntimeError, "prod, mean, amax or amin but got sum"),
        (lambda x, i: x.index_fill_(2, i, 0), IndexError, "Dimension out of range"),
    ],
)
def test_errors_change_nothing(call, error, words):
    x = gp.ones(3, 4)
    with pytest.raises(error, match=words):
        call(x, gp.tensor([0, 1]))
    assert (x.array == 1).all()
