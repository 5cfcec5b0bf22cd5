import numpy as np
import pytest

import gpunn as gp


def test_the_operator(device):
    a, b = (gp.tensor(np.arange(6.0).reshape(s), device=device) for s in ((2, 3), (3, 2)))
    assert (a @ b).tolist() == [[10, 13], [28, 40]]
    assert b.__rmatmul__(a).tolist() == [[10, 13], [28, 40]]
    c = a
    c @= b  # there is no in-place form: a new tensor
    assert c.tolist() == [[10, 13], [28, 40]]
    assert a.shape == (2, 3)


def test_other_operands():
    x = gp.ones(2)
    for other in (1, 2.0, [1, 2], "ab"):
        assert x.__matmul__(other) is NotImplemented
        assert x.__rmatmul__(other) is NotImplemented


@pytest.mark.parametrize(
    ("name", "shapes", "wanted"),
    [
        ("matmul", [(2, 3), (3, 4)], (2, 4)),
        ("mm", [(2, 3), (3, 4)], (2, 4)),
        ("bmm", [(5, 2, 3), (5, 3, 4)], (5, 2, 4)),
        ("mv", [(2, 3), (3,)], (2,)),
        ("dot", [(3,), (3,)], ()),
        ("vdot", [(3,), (3,)], ()),
        ("inner", [(2, 3), (4, 3)], (2, 4)),
        ("outer", [(2,), (3,)], (2, 3)),
        ("kron", [(2, 3), (3, 4)], (6, 12)),
        ("cross", [(3,), (3,), 0], (3,)),
        ("addmm", [(4,), (2, 3), (3, 4)], (2, 4)),
        ("addmv", [(2,), (2, 3), (3,)], (2,)),
        ("addbmm", [(4,), (5, 2, 3), (5, 3, 4)], (2, 4)),
        ("baddbmm", [(4,), (5, 2, 3), (5, 3, 4)], (5, 2, 4)),
    ],
)
def test_methods_are_the_functions(name, shapes, wanted, device):
    x, *others = [gp.full(s, 2.0, device=device) if isinstance(s, tuple) else s for s in shapes]
    found = getattr(x, name)(*others)
    assert found.shape == wanted
    assert found.tolist() == getattr(gp, name)(x, *others).tolist()


@pytest.mark.parametrize("name", ["addmm_", "addmv_", "addbmm_", "baddbmm_"])
def test_in_place(name, device):
    shapes = {"addmm_": [(2, 3), (3, 4)], "addmv_": [(2, 3), (3,)]}.get(name, [(5, 2, 3), (5, 3, 4)])
    shape = {"addmv_": (2,), "baddbmm_": (5, 2, 4)}.get(name, (2, 4))
    x = gp.ones(shape, device=device)
    before = x._version[0]
    assert getattr(x, name)(*(gp.ones(s, device=device) for s in shapes)) is x
    assert x._version[0] == before + 1
    assert x.unique().tolist() == [16 if name == "addbmm_" else 4]
