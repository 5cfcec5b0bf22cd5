import numpy as np
import pytest

import gpunn as gp
from gpunn.tensor.indexing import IndexingMethods


def test_square_brackets(device):
    x = gp.tensor([[1.0, 2, 3], [4, 5, 6]], device=device, requires_grad=True)
    y = x * 2
    y[:, 1] = y[0, [0, 2]].detach()
    y[y > 11] = 0
    assert y.tolist() == [[2, 2, 6], [8, 6, 0]]
    y.sum().backward()
    assert x.grad.tolist() == [[2, 0, 2], [2, 0, 0]]


def test_rows_in_turn(device):
    x = gp.arange(6, device=device).reshape(3, 2)
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("index_select", (0, [1, 1]), [4, 5, 4, 5]),
        ("take", ([0, -1],), [1, 5]),
        ("gather", (1, [[1], [0]]), [2, 4]),
        ("take_along_dim", ([[1], [0]], 1), [2, 4]),
        ("diagonal", (), [1, 5]),
        ("diag", (), [1, 5]),
        ("trace", (), [6]),
        ("tril", (), [1, 0, 4, 5]),
        ("triu", (), [1, 2, 0, 5]),
        ("nonzero", (), [0, 0, 0, 1, 1, 0, 1, 1]),
        ("argwhere", (), [0, 0, 0, 1, 1, 0, 1, 1]),
        ("masked_select", ([[True, False], [False, True]],), [1, 5]),
    ],
)
def test_methods_that_read(name, args, wanted, device):
    x = gp.tensor([[1, 2], [4, 5]], device=device)
    given = [gp.tensor(a, device=device) if isinstance(a, list) else a for a in args]
    assert getattr(x, name)(*given).flatten().tolist() == wanted
    assert getattr(gp, name)(x, *given).flatten().tolist() == wanted


@pytest.mark.parametrize(
    ("name", "args", "wanted"),
    [
        ("index_add", (0, [1], [[10, 10]]), [1, 2, 14, 15]),
        ("index_copy", (0, [1], [[10, 10]]), [1, 2, 10, 10]),
        ("index_fill", (0, [1], 9), [1, 2, 9, 9]),
        ("index_reduce", (0, [1], [[10, 10]], "prod"), [1, 2, 40, 50]),
        ("put", ([0], [9]), [9, 2, 4, 5]),
        ("scatter", (1, [[0], [1]], 9), [9, 2, 4, 9]),
        ("scatter_add", (1, [[0], [1]], [[9], [9]]), [10, 2, 4, 14]),
        ("scatter_reduce", (1, [[0], [1]], [[9], [9]], "amax"), [9, 2, 4, 9]),
        ("masked_fill", ([[True, False], [False, False]], 9), [9, 2, 4, 5]),
        ("masked_scatter", ([[True, False], [False, True]], [8, 9]), [8, 2, 4, 9]),
        ("tril", (-1,), [0, 0, 4, 0]),
        ("triu", (1,), [0, 2, 0, 0]),
    ],
)
def test_methods_that_write(name, args, wanted, device):
    x = gp.tensor([[1, 2], [4, 5]], device=device)
    given = [gp.tensor(a, device=device) if isinstance(a, list) else a for a in args]
    assert getattr(x, name)(*given).flatten().tolist() == wanted
    assert getattr(gp, name)(x, *given).flatten().tolist() == wanted
    assert x.flatten().tolist() == [1, 2, 4, 5]
    assert getattr(x, f"{name}_")(*given) is x
    assert x.flatten().tolist() == wanted


def test_every_other_method(device):
    x = gp.tensor([[1, 2], [4, 5]], device=device)
    nine, zero = gp.tensor([9, 9], device=device), gp.tensor([0], device=device)
    assert x.index_put((zero,), nine).tolist() == [[9, 9], [4, 5]]
    assert x.select_scatter(nine, 0, 1).tolist() == [[1, 2], [9, 9]]
    assert x.slice_scatter(nine[None], 0, 1).tolist() == [[1, 2], [9, 9]]
    assert x.diagonal_scatter(nine).tolist() == [[9, 2], [4, 9]]
    assert nine.diag_embed().tolist() == [[9, 0], [0, 9]]
    assert x.index_put_((zero,), nine) is x
    assert x.fill_diagonal_(0).tolist() == [[0, 9], [4, 0]]


def test_in_place_methods_have_their_names():
    names = [n for n in vars(IndexingMethods) if n.endswith("_") and not n.startswith("__")]
    assert "masked_fill_" in names
    for name in names:
        assert getattr(gp.Tensor, name).__name__ == name


def test_in_place_forms_count_versions():
    x = gp.zeros(2, 2)
    for call in (lambda: x.tril_(), lambda: x.masked_fill_(x == 0, 1), lambda: x.put_(gp.tensor([0]), gp.ones(1))):
        before = x._version[0]
        call()
        assert x._version[0] == before + 1
    np.testing.assert_array_equal(x.array, np.ones((2, 2)))
