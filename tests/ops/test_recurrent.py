"""One direction of recurrent layers against a plain loop, with sequences of equal and of other lengths."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.backend import device_of
from gpunn.ops.recurrent import cells, persistent
from gpunn.ops.recurrent.layers import Weights, direction
from gpunn.ops.recurrent.steps import Steps
from tests.harness import check_dtypes, check_op

SIZES = [(2, 2, 2), (3, 2, 2, 1), (1,), (3, 3, 1)]
CELLS = {"lstm": cells.LSTM, "gru": cells.GRU, "tanh": cells.TANH, "relu": cells.RELU}
INS, HIDDEN, OUT = 3, 4, 2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_step(name, x, h, c, bias_x, bias_h, w_x, w_h):
    """The next state of one sequence."""
    a, b = w_x @ x + bias_x, w_h @ h + bias_h
    if name == "lstm":
        i, f, g, o = np.split(a + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    if name == "gru":
        (r, z, n), (r_h, z_h, n_h) = np.split(a, 3), np.split(b, 3)
        r, z = sigmoid(r + r_h), sigmoid(z + z_h)
        n = np.tanh(n + r * n_h)
        return (1 - z) * n + z * h, c
    return (np.tanh(a + b) if name == "tanh" else np.maximum(a + b, 0)), c


def reference(name, sizes, is_reverse):
    """The layer, sequence by sequence and step by step."""

    def run(x, first, memory, w_x, w_h, bias_x, bias_h, projection=None):
        starts = np.cumsum([0, *sizes])
        y, last, memories = np.zeros((len(x), first.shape[1])), [], []
        for sequence in range(sizes[0]):
            h, c = first[sequence], memory[sequence]
            steps = [t for t, rows in enumerate(sizes) if rows > sequence]
            for t in reversed(steps) if is_reverse else steps:
                row = starts[t] + sequence
                h, c = one_step(name, x[row], h, c, bias_x, bias_h, w_x, w_h)
                h = h if projection is None else projection @ h
                y[row] = h
            last.append(h)
            memories.append(c)
        return (y, np.array(last), np.array(memories)) if name == "lstm" else (y, np.array(last))

    return run


def op(name, sizes, is_reverse):
    def run(x, first, memory, w_x, w_h, bias_x, bias_h, projection=None):
        cell = CELLS[name]
        weights = Weights(w_x, w_h, bias_x, bias_h, projection)
        found = direction(cell, x, sizes, is_reverse, first, memory if cell.has_memory else None, weights)
        return found if cell.has_memory else found[:2]

    return run


def shapes(name, sizes, projected=False):
    rows, out = CELLS[name].gates * HIDDEN, OUT if projected else HIDDEN
    found = [(sum(sizes), INS), (sizes[0], out), (sizes[0], HIDDEN), (rows, INS), (rows, out), (rows,), (rows,)]
    return [*found, (OUT, HIDDEN)] if projected else found


@pytest.mark.parametrize("is_reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_values_and_derivatives(name, sizes, is_reverse, device):
    check_op(op(name, sizes, is_reverse), reference(name, sizes, is_reverse), shapes(name, sizes), device)


@pytest.mark.parametrize("is_reverse", [False, True], ids=["forward", "reverse"])
def test_projection(is_reverse, device):
    sizes = (3, 2, 2)
    check_op(op("lstm", sizes, is_reverse), reference("lstm", sizes, is_reverse), shapes("lstm", sizes, True), device)


@pytest.mark.parametrize("way", ["one launch", "step by step"])
@pytest.mark.parametrize("is_reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", CELLS)
def test_dtypes(name, is_reverse, way, device, monkeypatch):
    sizes = (3, 3, 2)
    if way == "step by step":
        monkeypatch.setattr(persistent, "MOST_PRODUCTS", 0)
    check_dtypes(op(name, sizes, is_reverse), reference(name, sizes, is_reverse), shapes(name, sizes), device, factor=4)


@pytest.mark.parametrize(
    ("name", "hidden", "sizes"),
    [
        ("lstm", 13, (9, 9, 3)),
        ("lstm", 30, (2, 2, 2)),
        ("gru", 16, (35, 20)),
        ("tanh", 32, (5, 1)),
        ("relu", 9, (3, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_reverse", [False, True], ids=["forward", "reverse"])
def test_several_blocks_are_as_the_cpu(name, hidden, sizes, is_reverse, device):
    rng, results = np.random.default_rng(0), []
    rows, batch, gates = sum(sizes), sizes[0], CELLS[name].gates * hidden
    given = [(rows, INS), (batch, hidden), (batch, hidden), (gates, INS), (gates, hidden), (gates,), (gates,)]
    arrays = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in given]
    for place in ("cpu", device):
        leaves = [gp.tensor(a, device=place, requires_grad=True) for a in arrays]
        outputs = op(name, sizes, is_reverse)(*leaves)
        weights = [gp.tensor(np.cos(np.arange(y.numel())).reshape(y.shape), device=place).float() for y in outputs]
        sum((y * w).sum() for y, w in zip(outputs, weights, strict=True)).backward()
        found = [*[y.detach() for y in outputs], *[t.grad for t in leaves if t.grad is not None]]
        results.append([t.cpu().numpy() for t in found])
    for wanted, mine in zip(*results, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("hidden", "batch", "dtype", "wanted"),
    [
        (512, 32, np.float32, 4),
        (1024, 16, np.float32, 8),
        (1024, 128, np.float32, None),  # long products
        (1056, 1, np.float32, 8),
        (1057, 1, np.float32, None),  # more blocks than multiprocessors
        (512, 32, np.float64, None),
        (20, 1, np.float16, 4),
    ],
)
def test_where_one_launch_is_right(hidden, batch, dtype, wanted):
    limits = persistent.Limits(132, 227 << 10)  # of an H100
    size, dtype = persistent.Size(hidden, 4, is_back=False), np.dtype(dtype)
    assert persistent.units(Steps((batch,) * 9, False), size, dtype, limits) == wanted
    assert persistent.units(Steps((batch,), False), size, dtype, limits) is None
    assert persistent.units(Steps((0, 0), False), size, dtype, limits) is None
    small = persistent.Limits(132, 100 << 10)
    assert (
        persistent.units(Steps((1,) * 9, False), persistent.Size(1024, 4, False), np.dtype(np.float32), small) is None
    )


def test_the_way_back_reads_more():
    limits, steps = persistent.Limits(132, 227 << 10), Steps((32,) * 9, False)
    wanted = {512: 4, 1024: None}
    for hidden, count in wanted.items():
        assert persistent.units(steps, persistent.Size(hidden, 4, is_back=True), np.dtype(np.float32), limits) == count
    assert persistent.Size(10, 4, is_back=True).shared(4, 4) == 4 * 64 * 4
    assert persistent.Size(10, 4, is_back=False).shared(4, 4) == 16 * 32 * 4


@pytest.mark.parametrize("way", ["one launch", "step by step"])
@pytest.mark.parametrize(("dtype", "limit"), [(gp.float32, 2e-5), (gp.float16, 2e-2)], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_gradients_of_low_precision_are_those_of_high(name, dtype, limit, way, device, monkeypatch):
    sizes = (3, 3, 2)
    if way == "step by step":
        monkeypatch.setattr(persistent, "MOST_PRODUCTS", 0)
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, shape).astype(np.float16) for shape in shapes(name, sizes)]
    found = {}
    for kind in (dtype, gp.float64):
        leaves = [gp.tensor(a, device=device, dtype=kind, requires_grad=True) for a in arrays]
        outputs = op(name, sizes, True)(*leaves)
        sum((y * y).sum() for y in outputs).backward()
        found[kind] = [None if t.grad is None else t.grad.double().cpu().numpy() for t in leaves]
    for mine, wanted in zip(found[dtype], found[gp.float64], strict=True):
        if wanted is not None:
            np.testing.assert_allclose(mine, wanted, rtol=limit, atol=limit)


@pytest.mark.parametrize("name", CELLS)
def test_without_gradients_the_same_comes_out(name, device):
    sizes = (3, 2, 2)
    rng = np.random.default_rng(0)
    inputs = [gp.tensor(rng.standard_normal(shape), device=device) for shape in shapes(name, sizes)]
    plain = op(name, sizes, True)(*inputs)
    inputs[3].requires_grad_()
    for a, b in zip(plain, op(name, sizes, True)(*inputs), strict=True):
        assert np.array_equal(a.cpu().numpy(), b.detach().cpu().numpy())


@pytest.mark.parametrize("name", CELLS)
def test_nan_and_infinity_stay_in_their_sequence(name, device):
    sizes = (3, 3)
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, shape) for shape in shapes(name, sizes)]
    arrays[0][0, 0], arrays[0][1] = np.nan, 1e300
    y = op(name, sizes, False)(*[gp.tensor(a, device=device) for a in arrays])[0].cpu().numpy()
    wanted = reference(name, sizes, False)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, wanted(*arrays)[0], rtol=1e-12)
    assert np.isnan(y[0::3]).all()
    assert np.isfinite(y[2::3]).all()


def test_no_sequences(device):
    inputs = [gp.zeros(shape, device=device, requires_grad=True) for shape in shapes("lstm", (0, 0))]
    y, h, c = op("lstm", (0, 0), False)(*inputs)
    (y.sum() + h.sum() + c.sum()).backward()
    assert y.shape == h.shape == c.shape == (0, HIDDEN)
    assert not inputs[4].grad.cpu().numpy().any()


def test_rows_of_the_state_before(device):
    """With sequences of lengths 3, 2, 2 in reverse: the second and third begin at step 1."""
    steps = Steps((3, 3, 1), True)
    rows, first = gp.arange(7, device=device).array, (10 + gp.arange(3, device=device)).array
    before = gp.tensor(steps.all_before(rows, first)).cpu()
    assert device_of(rows).type == device
    assert before.tolist() == [3, 4, 5, 6, 11, 12, 10]
    assert gp.tensor(steps.last(rows)).cpu().tolist() == [0, 1, 2]
    assert gp.tensor(Steps((3, 3, 1), False).last(rows)).cpu().tolist() == [6, 4, 5]
