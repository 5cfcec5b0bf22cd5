import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.indexing.parse import expanded, parse, parse_tensors

X = np.zeros((2, 3, 4))
ALL = slice(None)


@pytest.mark.parametrize(
    ("index", "basic"),
    [
        (1, (1,)),
        (np.int64(1), (1,)),
        (gp.tensor(1), (1,)),
        (gp.tensor(1, dtype=gp.int16), (1,)),
        (np.array(1), (1,)),
        ((), ()),
        (..., (ALL, ALL, ALL)),
        ((0, ..., -1), (0, ALL, -1)),
        ((..., ...), (ALL, ALL, ALL)),
        ((None, 1, None), (None, 1, None)),
        (slice(0, 2), (ALL,)),
        (slice(-1, 9), (slice(1, 2, 1),)),
        (slice(5, 2), (slice(2, 2, 1),)),
        ((ALL, slice(gp.tensor(1), None, 2)), (ALL, slice(1, 3, 2))),
    ],
)
def test_basic(index, basic):
    parsed = parse(index, X)
    assert parsed.basic == basic
    assert parsed.advanced == []


@pytest.mark.parametrize(
    ("index", "basic", "advanced"),
    [
        ([0, 1], (ALL,), [(0, 0, [0, 1])]),
        (range(2), (ALL,), [(0, 0, [0, 1])]),
        (np.array([0, 1], np.int16), (ALL,), [(0, 0, [0, 1])]),
        ([], (ALL,), [(0, 0, [])]),
        ((1, ALL, [0, 3]), (1, ALL, ALL), [(1, 2, [0, 3])]),
        ((None, [1], ..., [2]), (None, ALL, ALL, ALL), [(1, 0, [1]), (3, 2, [2])]),
        ((True, 0), (None, 0), [(0, 0, [0])]),
        ((0, np.False_), (0, None), [(0, 1, [])]),
        (gp.tensor(True), (None,), [(0, 0, [0])]),
        (([True, False],), (ALL,), [(0, 0, [True, False])]),
        ((0, np.ones((3, 4), bool)), (0, ALL, ALL), [(0, 1, [[True] * 4] * 3)]),
        ((np.eye(2, 3, dtype=bool), 1), (ALL, ALL, 1), [(0, 0, np.eye(2, 3, dtype=bool).tolist())]),
    ],
)
def test_advanced(index, basic, advanced):
    parsed = parse(index, X)
    assert parsed.basic == basic
    assert [(a, d, i.tolist()) for a, d, i in parsed.advanced] == advanced


def test_is_whole():
    assert parse((ALL, slice(0, 9)), X).is_whole
    assert not parse((ALL, slice(1, 9)), X).is_whole
    assert not parse((None, ALL), X).is_whole
    assert not parse(0, X).is_whole


def test_masks_as_positions():
    mask = gp.tensor([[False, True, False], [True, False, True]])
    found = expanded(parse((mask, [3, 0, 1]), X).advanced)
    assert [(a, d, i.tolist()) for a, d, i in found] == [(0, 0, [0, 1, 1]), (1, 1, [1, 0, 2]), (2, 2, [3, 0, 1])]


def test_parse_tensors():
    found = parse_tensors([None, gp.tensor([0, 2]), gp.tensor(3)], X)
    assert [(a, d, i.tolist()) for a, d, i in found] == [(1, 1, [0, 2]), (2, 2, 3)]
    with pytest.raises(IndexError, match="too many indices for tensor of dimension 3: got 4"):
        parse_tensors([None] * 4, X)
    with pytest.raises(TypeError, match="an index must be a Tensor, got list"):
        parse_tensors([[0]], X)


def test_lists_of_lists_are_tuples_with_a_warning():
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        parsed = parse([[0, 1], [1, 2]], X)
    assert len(parsed.advanced) == 2
    assert len(parse(([[0, 1], [1, 0]],), X).advanced) == 1


def test_byte_masks_warn():
    with pytest.warns(UserWarning, match="uint8 is deprecated"):
        parsed = parse(gp.tensor([1, 0], dtype=gp.uint8), X)
    assert parsed.advanced[0].index.tolist() == [True, False]


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (2, IndexError, "index 2 at position 0 is out of bounds for dimension 0 with size 2"),
        ((None, 0, -4), IndexError, "index -4 at position 2 is out of bounds for dimension 1 with size 3"),
        ((0, 0, 0, 0), IndexError, "too many indices for tensor of dimension 3: got 4"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        (slice(None, None, 0), ValueError, "zero"),
        (slice(0.5, 2), TypeError, "slice indices must be integers"),
        (1.0, IndexError, "only integers, slices .* got float"),
        ("a", IndexError, "got str"),
        ("a", TypeError, "got str"),
        (gp.tensor([0.5]), IndexError, "must be long, int, byte or bool tensors, got float32"),
        (gp.tensor(0.5), IndexError, "got float32"),
        (gp.tensor([1], dtype=gp.int16), IndexError, "got int16"),
        (gp.tensor([True]), IndexError, r"mask \(1,\) at position 0 of the index does not match \(2,\)"),
        ((0, np.ones((3, 3), bool)), IndexError, r"mask \(3, 3\) at position 1 of the index does not match \(3, 4\)"),
    ],
)
def test_errors(index, error, words):
    with pytest.raises(error, match=words):
        parse(index, X)


def test_errors_of_0d_tensors():
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        parse(0, np.zeros(()))
    with pytest.raises(IndexError, match=r"slice\(\) cannot be applied to a 0-dim tensor"):
        parse(slice(None), np.zeros(()))


def test_index_on_another_device(device):
    x = gp.zeros(3, device=device)
    assert parse(gp.tensor([0]), x.array).advanced[0].index.device == x.device
    if device == "cuda":
        with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same device"):
            parse(gp.tensor([0], device="cuda"), X)
