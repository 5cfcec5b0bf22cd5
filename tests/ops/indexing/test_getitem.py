import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from tests.harness import check_dtypes, check_op

ALL = slice(None)
MASK = np.arange(12).reshape(3, 4) % 3 == 0
BASIC = [
    0,
    -1,
    (1, 2, 3),
    (),
    ...,
    slice(1, None),
    (ALL, slice(0, 3, 2)),
    (..., 1),
    (None, 0, None, ..., None),
    (slice(2, 1), 0),
]
DISTINCT = [
    [1, 0],
    (ALL, [2, -3]),
    (ALL, [[0], [2]], [1, 3]),
    ([[1], [0]], None, [0, 2]),
    (slice(0, 1), [2, 0], slice(1, 4, 2)),
    (np.array([True, False]),),
    (ALL, MASK),
    (0, MASK),
    (MASK[:2, :3],),
    (MASK[:2, :3], [1, 0]),
    (ALL, MASK[:, 0], slice(1, 3)),
    (MASK[:2, :3], None),
    True,
    (False, 0),
    [],
    (..., []),
]
REPEATED = [
    [0, 1, 1, 0],
    (ALL, [2, 0, 2]),
    (ALL, ALL, [[3, 0], [-1, 0]]),
    ([0, 1, 1], [2, 0, 0]),
    ([1, 1], ALL, [0, 0]),
    (True, [0, 1, 1]),
]
ADVANCED = DISTINCT + REPEATED


def as_index(part, device):
    """`part` with tensors on `device` in place of arrays and lists."""
    if isinstance(part, tuple):
        return tuple(as_index(p, device) for p in part)
    if isinstance(part, (list, np.ndarray)):
        array = np.asarray(part)
        return gp.tensor(array if array.size else array.astype(np.int64), device=device)
    return part


def read(index):
    return lambda x: x[as_index(index, x.device)]


def numpy_index(index):
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(p, int if not len(p) else None) if isinstance(p, list) else p for p in parts)


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=str)
def test_values_and_gradients(index, device):
    check_op(read(index), lambda a: a[numpy_index(index)], [(2, 3, 4)], device)


@pytest.mark.parametrize("index", [1, (ALL, [2, 0, 2, 2]), MASK[:2, :3]], ids=str)
def test_dtypes(index, device):
    check_dtypes(read(index), lambda a: a[numpy_index(index)], [(2, 3, 4)], device)


@pytest.mark.parametrize("index", BASIC, ids=str)
def test_basic_indexing_gives_views(index, device):
    x = gp.zeros(2, 3, 4, device=device)
    x[index].fill_(1)
    wanted = np.zeros((2, 3, 4))
    wanted[index] = 1
    np.testing.assert_array_equal(backend.asnumpy(x.array), wanted)


@pytest.mark.parametrize("index", ADVANCED, ids=str)
def test_advanced_indexing_copies(index, device):
    x = gp.zeros(2, 3, 4, device=device)
    x[as_index(index, device)].fill_(1)
    assert not backend.asnumpy(x.array).any()


def test_integers_select_before_index_tensors(device):
    """NumPy counts them as index arrays and moves the dimensions to the front; PyTorch does not."""
    x = gp.tensor(np.arange(24).reshape(2, 3, 4), device=device)
    assert x[0, :, gp.tensor([1, 0], device=device)].tolist() == x[0].array[:, [1, 0]].tolist()
    assert x[gp.tensor(1), :, [1, 0]].shape == (3, 2)


def test_names_in_the_graph():
    x = gp.zeros(2, 3, requires_grad=True)
    names = [x[i].grad_fn.name() for i in (0, slice(1), [0], x.detach() > 0)]
    assert names == ["SelectBackward0", "SliceBackward0", "IndexBackward0", "MaskBackward0"]


def test_an_index_changed_in_place_is_noticed():
    x, index = gp.zeros(3, requires_grad=True), gp.tensor([0, 1])
    y = x[index]
    index.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gradients_of_repeated_rows_are_accurate(device):
    x = gp.zeros(3, 4, device=device, requires_grad=True)
    y = x[gp.zeros(20_000, dtype=gp.int64, device=device)]
    y.backward(gp.full((20_000, 4), 0.1, device=device))
    np.testing.assert_allclose(backend.asnumpy(x.grad.array)[0], 20_000 * np.float64(np.float32(0.1)), rtol=2e-7)


def test_half_gradients_are_rounded_once(device):
    x = gp.zeros(2, dtype=gp.float16, device=device, requires_grad=True)
    x[gp.zeros(3000, dtype=gp.int64, device=device)].sum().backward()
    assert x.grad.tolist() == [3000, 0]


def test_not_contiguous(device):
    x = gp.tensor(np.arange(24.0).reshape(2, 3, 4), device=device).transpose(0, 2)
    index = gp.tensor([1, 0, 1], device=device)
    assert x[index].tolist() == backend.asnumpy(x.array)[[1, 0, 1]].tolist()
    assert x[:, index].tolist() == backend.asnumpy(x.array)[:, [1, 0, 1]].tolist()


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ([0, 2], "index 2 at position 1 is out of bounds for dimension 0 with size 2"),
        ((0, [[0], [-4]]), r"index -4 at position \(1, 0\) is out of bounds for dimension 1 with size 3"),
        (([0, 1], [0, 1, 2]), r"could not be broadcast together with shapes \[2\], \[3\]"),
        ((False, [0, 1]), "could not be broadcast"),
    ],
)
def test_errors(index, words, device):
    x = gp.zeros(2, 3, 4, device=device)
    with pytest.raises(IndexError, match=words):
        x[as_index(index, device)].cpu()


SLICES = st.builds(slice, st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5), st.integers(1, 3))


@st.composite
def indexed(draw):
    """A shape and an index for it, of slices, Nones, index arrays and perhaps an Ellipsis for at least one dimension.

    (An Ellipsis for none parts index arrays in NumPy, but not in PyTorch.)
    """
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    common = draw(st.sampled_from([(), (1,), (2,), (3, 1), (3, 2)]))
    left_out = range(0)
    if draw(st.booleans()):
        start = draw(st.integers(0, len(shape) - 1))
        left_out = range(start, draw(st.integers(start + 1, len(shape))))
    items = []
    for d, n in enumerate(shape):
        if d in left_out:
            items += [...] if d == left_out[0] else []
        elif common and draw(st.booleans()):
            size = draw(st.sampled_from([common, common[-1:], (1,)]))
            numbers = st.lists(st.integers(-n, n - 1), min_size=int(np.prod(size)), max_size=int(np.prod(size)))
            items.append(np.array(draw(numbers)).reshape(size))
        else:
            items.append(draw(SLICES))
        if draw(st.integers(0, 4)) == 0:
            items.append(None)
    return tuple(shape), tuple(items)


@settings(max_examples=150, deadline=None)
@given(indexed())
def test_any_index_reads_and_writes_what_numpy_does(case):
    shape, index = case
    a = np.arange(float(np.prod(shape))).reshape(shape)
    x = gp.tensor(a, requires_grad=True)
    y = x[as_index(index, "cpu")]
    np.testing.assert_array_equal(y.array, a[index])
    weights = np.arange(1.0, a[index].size + 1).reshape(a[index].shape)
    (grad,) = gp.autograd.grad(y, x, gp.tensor(weights))
    wanted = np.zeros(shape)
    np.add.at(wanted, index, weights)
    np.testing.assert_array_equal(grad.array, wanted)
    x = gp.tensor(a)
    x[as_index(index, "cpu")] = gp.tensor(weights)
    a[index] = weights
    np.testing.assert_array_equal(x.array, a)
