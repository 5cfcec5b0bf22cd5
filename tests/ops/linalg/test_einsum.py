import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from tests.harness import check_op

SIZES = dict(a=2, b=3, c=4, i=2, j=3, k=4, l=2, A=2, B=3)


def shaped(term):
    return tuple(SIZES[c] for c in term.replace(" ", ""))


@pytest.mark.parametrize(
    "equation",
    [
        "ij->ji", "ij->", "ij", "ij->j", "i->i", "ii->i", "ii", "iji->j", "iijj->ij",
        "i,i", "i,i->i", "i,j", "ij,jk", "ij,jk->ki", "ij,kj->ik", "ij,ij->", "ij,j", "bij,bjk->bik", "bij,jk->bik",
        "ij,jk,kl->il", "bi,aij,bj->ba", "i,i,i->", "ij,kl->ijkl", "iji,j->i", "bA,aB", "abc,cb", "ab,ba", "i j -> j i",
        "ij,i->", "ijk,ilk,ij->il", ",i", "ii,jj->ij",
    ],
)  # fmt: skip
def test_letters(equation, device):
    shapes = [shaped(term) for term in equation.split("->")[0].split(",")]
    check_op(lambda *x: gp.einsum(equation, *x), lambda *a: np.einsum(equation, *a), shapes, device)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("...", [(2, 3)]),
        ("...->", [(2, 3)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("...ij->...ji", [(4, 2, 3)]),
        ("i...->...i", [(2, 3, 4)]),
        ("i...j->...", [(2, 3, 4)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (6, 3, 4)]),
        ("...ij,jk", [(2, 2, 3), (3, 4)]),
        ("...,...", [(2, 1), (5,)]),
        ("...i,...i->...", [(2, 3), (4, 1, 3)]),
        ("ij->...i", [(2, 3)]),
        ("...,->...", [(2, 3), ()]),
    ],
)
def test_ellipsis(equation, shapes, device):
    def reference(*arrays):
        if equation == "i...j->...":
            return np.einsum("i...j->...", *arrays)
        if equation == "...->":
            return arrays[0].sum()
        return np.einsum(equation, *arrays)

    check_op(lambda *x: gp.einsum(equation, *x), reference, shapes, device)


@pytest.mark.parametrize(
    ("equation", "shapes", "reference"),
    [
        ("ij,jk->ik", [(2, 1), (3, 4)], lambda a, b: a @ b.sum(0, keepdims=True)),
        ("i,i->i", [(1,), (3,)], np.multiply),
        ("ij,ij->i", [(2, 1), (2, 5)], lambda a, b: (a * b).sum(1)),
        ("ii,ij->j", [(1, 1), (3, 2)], lambda a, b: a[0, 0] * b.sum(0)),
        ("ij,ij->ij", [(1, 3), (2, 1)], np.multiply),
    ],
)
def test_length_1_broadcasts(equation, shapes, reference, device):
    check_op(lambda *x: gp.einsum(equation, *x), reference, shapes, device)


def test_other_spellings(device):
    a, b = (gp.tensor(np.arange(6.0).reshape(s), device=device) for s in ((2, 3), (3, 2)))
    wanted = (a @ b).tolist()
    assert gp.einsum("ij,jk->ik", [a, b]).tolist() == wanted
    assert gp.einsum("ij,jk->ik", (a, b)).tolist() == wanted
    assert gp.einsum(a, [0, 1], b, [1, 2], [0, 2]).tolist() == wanted
    assert gp.einsum(a, [0, 1], b, [1, 2]).tolist() == wanted
    assert gp.einsum(a, [..., 51], b, (51, 26), [..., 26]).tolist() == wanted
    assert gp.einsum(a, [26, 0]).tolist() == a.t().tolist()  # 0 is A, 26 is a: capitals come first


def test_one_operand_gives_a_view(device):
    x = gp.zeros(2, 3, device=device)
    gp.einsum("ij->ji", x).fill_(1)
    gp.einsum("ii->i", x[:, :2]).fill_(2)
    assert x.tolist() == [[2, 1, 1], [1, 2, 1]]


def test_integers_and_halves(device):
    x = gp.full((2, 3), 100, dtype=gp.int8, device=device)
    assert gp.einsum("ij->i", x).tolist() == [300, 300]  # a sum: in int64, as everywhere
    assert gp.einsum("ij,ij->ij", x, x).dtype is gp.int8
    assert gp.einsum("ij,kl->il", x, x).dtype is gp.int64
    half = gp.ones(4000, dtype=gp.float16, device=device)
    assert gp.einsum("i,i", half, half).item() == 4000


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (("ij", gp.ones(2, 3, 4)), RuntimeError, r"subscripts in the equation \(2\) .* \(3\) for operand 0"),
        (("ij...", gp.ones(2)), RuntimeError, r"\(2\) does not match the number of dimensions \(1\)"),
        (("ij,jk->il", gp.ones(2, 3), gp.ones(3, 4)), RuntimeError, "output subscript l does not appear"),
        (("ij->ii", gp.ones(2, 3)), RuntimeError, "output subscript i appears more than once"),
        (("ij,jk", gp.ones(2, 3), gp.ones(4, 4)), RuntimeError, "j has size 4 for operand 1 .* seen size 3"),
        (("...i,...i", gp.ones(2, 3), gp.ones(4, 3)), RuntimeError, "of the ellipsis has size 4"),
        (("ij,jk", gp.ones(2, 3)), RuntimeError, "fewer operands"),
        (("ij", gp.ones(2, 3), gp.ones(2, 3)), RuntimeError, "more operands"),
        (("i1", gp.ones(2, 3)), RuntimeError, "invalid subscript '1' for operand 0"),
        (("i.j", gp.ones(2, 3)), RuntimeError, "found '.' for operand 0 that is not part of any ellipsis"),
        (("......", gp.ones(2, 3)), RuntimeError, "an ellipsis was already found"),
        (("ij->j->i", gp.ones(2, 3)), RuntimeError, "invalid subscript '-' for the output"),
        (("ii", gp.ones(1, 3)), RuntimeError, "i is repeated for operand 0 but the sizes don't match, 3 != 1"),
        ((gp.ones(2, 3), [0, 52]), ValueError, "subscript 52 .* valid range"),
        ((gp.ones(2, 3), [0, -1]), ValueError, "subscript -1 .* valid range"),
        ((gp.ones(2, 3), gp.ones(2)), TypeError, "expected a list of subscripts"),
        (("i",), ValueError, "must specify the equation string and at least one operand"),
        (("i", 1.0), TypeError, "einsum: expected Tensors, got float"),
        (("i,i", gp.ones(2), gp.ones(2).double()), RuntimeError, "same dtype"),
        (("i,i", gp.ones(2) > 0, gp.ones(2) > 0), NotImplementedError, "not implemented for bool"),
    ],
)
def test_errors(args, error, words):
    with pytest.raises(error, match=words):
        gp.einsum(*args)


@st.composite
def equations(draw):
    """An equation of one to three terms in the letters of SIZES."""
    letters = st.text("abcij", max_size=3)
    terms = draw(st.lists(letters, min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    return f"{','.join(terms)}->{''.join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])}"


@settings(max_examples=200, deadline=None)
@given(equations())
def test_any_equation_is_numpys(equation):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shaped(term)) for term in equation.split("->")[0].split(",")]
    found = gp.einsum(equation, *(gp.tensor(a) for a in arrays))
    np.testing.assert_allclose(found.array, np.einsum(equation, *arrays), rtol=1e-12, atol=1e-12)
