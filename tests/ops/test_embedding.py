"""F.embedding and F.embedding_bag."""

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op, distinct

F = gp.nn.functional
RNG = np.random.default_rng(0)


def on(values, device, dtype=None):
    return gp.tensor(np.asarray(values), dtype=dtype, device=device)


@pytest.mark.parametrize(
    "index", [np.array(3), RNG.integers(0, 5, 7), RNG.integers(0, 5, (2, 3)).astype(np.int32), np.zeros((2, 0), int)]
)
@pytest.mark.parametrize("length", [1, 3, 8])
def test_embedding(index, length, device):
    check_op(lambda t: F.embedding(on(index, device), t), lambda t: t[index], [(5, length)], device)
    check_dtypes(lambda t: F.embedding(on(index, device), t), lambda t: t[index], [(5, length)], device)


def counted(index, size, padding=None, by_frequency=False):
    """How often each row is used, as the gradient counts."""
    counts = np.bincount(np.ravel(index), minlength=size).astype(float)
    if by_frequency:
        counts = np.minimum(counts, 1)
    if padding is not None:
        counts[padding] = 0
    return counts


@pytest.mark.parametrize("padding", [None, 2, -5])
@pytest.mark.parametrize("by_frequency", [False, True])
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64"])
def test_gradient(padding, by_frequency, name, device):
    table = gp.zeros(5, 3, dtype=getattr(gp, name), device=device, requires_grad=True)
    index = RNG.integers(0, 4, (40, 9))
    y = F.embedding(on(index, device), table, padding, scale_grad_by_freq=by_frequency)
    y.backward(gp.ones_like(y))
    wanted = counted(index, 5, padding, by_frequency).astype(getattr(gp, name).numpy).astype(float)
    np.testing.assert_allclose(table.grad.to(gp.float64).tolist(), np.outer(wanted, np.ones(3)), rtol=1e-15)


def test_second_gradient_with_padding(device):
    table = on(distinct((4, 2), RNG), device).requires_grad_()
    y = F.embedding(on([0, 1, 1], device), table, 1)
    (grad,) = gp.autograd.grad((y**3).sum(), table, create_graph=True)
    (again,) = gp.autograd.grad(grad.sum(), table)
    wanted = np.zeros((4, 2))
    wanted[0] = 6 * table.detach().cpu().numpy()[0]
    np.testing.assert_allclose(again.cpu().numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("op", ["embedding", "embedding_bag"])
def test_max_norm(power, op, device):
    numbers = np.linspace(-2, 3, 700).reshape(4, 175)
    numbers[3] /= 1e6
    table = on(numbers, device)
    version, index = table._version[0], on([[0, 3], [0, 2]], device)
    getattr(F, op)(index, table, max_norm=0.5, norm_type=power)
    norms = np.linalg.norm(table.cpu().numpy(), power, axis=1)
    before = np.linalg.norm(numbers, power, axis=1)
    np.testing.assert_allclose(norms, [0.5, before[1], 0.5, before[3]], rtol=1e-6)
    assert table._version[0] > version


def bags(table, index, offsets, mode, weights=None, padding=None):
    """embedding_bag with a loop over the bags."""
    out = np.zeros((len(offsets), table.shape[1]))
    for b, (begin, end) in enumerate(zip(offsets, [*offsets[1:], len(index)], strict=True)):
        used = [j for j in range(begin, end) if index[j] != padding]
        rows = table[index[used]] * (1 if weights is None else weights[used, None])
        if used:
            out[b] = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode](rows, 0)
    return out


INDEX, OFFSETS = np.array([1, 4, 2, 1, 1, 0, 2, 3]), np.array([0, 3, 3, 7])


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_embedding_bag(mode, padding, dtype, device):
    def op(t):
        return F.embedding_bag(on(INDEX.astype(dtype), device), t, on(OFFSETS, device), mode=mode, padding_idx=padding)

    def reference(t):
        return bags(t, INDEX, OFFSETS, mode, padding=padding)

    check_op(op, reference, [(5, 3)], device)
    check_dtypes(op, reference, [(5, 3)], device)


def test_weights_of_a_bag(device):
    def op(t, w):
        return F.embedding_bag(
            on(INDEX, device), t, on(OFFSETS, device), mode="sum", per_sample_weights=w, padding_idx=1
        )

    check_op(op, lambda t, w: bags(t, INDEX, OFFSETS, "sum", w, 1), [(5, 3), (8,)], device)


def test_rows_are_bags_and_the_last_offset_is_an_end(device):
    table = on(distinct((5, 3), RNG), device)
    rows = F.embedding_bag(on(INDEX.reshape(2, 4), device), table)
    np.testing.assert_allclose(rows.tolist(), bags(table.cpu().numpy(), INDEX, [0, 4], "mean"), rtol=1e-12)
    some = F.embedding_bag(on(INDEX, device), table, on([0, 3, 5], device), include_last_offset=True)
    np.testing.assert_allclose(some.tolist(), bags(table.cpu().numpy(), INDEX[:5], [0, 3], "mean"), rtol=1e-12)
    assert F.embedding_bag(on([], device, gp.int64), table, on([0, 0], device)).tolist() == np.zeros((2, 3)).tolist()
    assert F.embedding_bag(on([], device, gp.int64), table, on([], device, gp.int64)).shape == (0, 3)


def test_equal_and_missing_numbers_of_a_maximum(device):
    table = gp.tensor([[1.0, float("nan")], [1.0, 2.0], [0.0, float("inf")]], device=device, requires_grad=True)
    y = F.embedding_bag(on([[1, 0], [2, 1]], device), table, mode="max")
    np.testing.assert_array_equal(y.tolist(), [[1, np.nan], [1, np.inf]])
    y.sum().backward()
    assert table.grad.tolist() == [[0, 1], [2, 0], [0, 1]]


@pytest.mark.parametrize("wrong", [-1, 5, 2**33])
def test_numbers_out_of_bounds(wrong, device):
    table = gp.ones(5, 2, device=device)
    with pytest.raises(IndexError, match=rf"embedding: index {wrong} at position \(0, 1\) .* with size 5"):
        F.embedding(on([[0, wrong]], device), table).cpu()
    with pytest.raises(IndexError, match=rf"embedding_bag: index {wrong} at position 1 .* with size 5"):
        F.embedding_bag(on([[0, wrong]], device), table).cpu()
    with pytest.raises(IndexError, match=rf"embedding: index {wrong} at position 0"):
        F.embedding(on([wrong], device), table, max_norm=1.0)
        gp.cuda.synchronize() if device == "cuda" else None
    assert (table == 1).all().item()
    with pytest.raises(IndexError, match="embedding_bag: index 3 at position 1"):
        F.embedding_bag(on([0, 1], device), table, on([0, 3], device)).cpu()


PAIR = gp.tensor([0, 1])
ERRORS = [
    (lambda w: F.embedding([0], w), TypeError, "embedding: input must be a Tensor, got list"),
    (
        lambda w: F.embedding(PAIR.float(), w),
        RuntimeError,
        "one of the following scalar types: int64, int32; but got float32",
    ),
    (lambda w: F.embedding(PAIR, w[0]), RuntimeError, r"'weight' must be 2-D.* got shape \(2,\)"),
    (lambda w: F.embedding(PAIR, w, 4), IndexError, "padding_idx must be within .* -4 through 3, got 4"),
    (lambda w: F.embedding(PAIR, w, max_norm=1.0, norm_type=0), RuntimeError, "norm_type must be positive"),
    (lambda w: F.embedding(PAIR, w, 1.5), TypeError, "padding_idx"),
    (lambda w: F.embedding(PAIR, w.long(), max_norm=1.0), RuntimeError, "of a floating type, got gpunn.int64"),
    (
        lambda w: F.embedding_bag(PAIR[None], w.long()),
        RuntimeError,
        "embedding_bag: expected a weight of a floating type",
    ),
    (lambda w: F.embedding_bag(PAIR, w), ValueError, "offsets has to be a 1D Tensor but got None"),
    (lambda w: F.embedding_bag(PAIR[None], w, PAIR), ValueError, "if input is 2D, then offsets has to be None"),
    (
        lambda w: F.embedding_bag(PAIR[0], w),
        RuntimeError,
        "input has to be 1D or 2D Tensor, but got Tensor of dimension 0",
    ),
    (
        lambda w: F.embedding_bag(PAIR[None], w, mode="min"),
        ValueError,
        "mode has to be one of sum, mean or max, got 'min'",
    ),
    (lambda w: F.embedding_bag(PAIR[None], w, mode="max", sparse=True), ValueError, "sparse"),
    (lambda w: F.embedding_bag(PAIR[None], w, None, None, 2, True, "max"), ValueError, "frequency"),
    (
        lambda w: F.embedding_bag(PAIR[None], w, per_sample_weights=w[:1]),
        NotImplementedError,
        "only supported for mode='sum'",
    ),
    (
        lambda w: F.embedding_bag(PAIR, w, PAIR, mode="sum", per_sample_weights=w[0, :1]),
        ValueError,
        "same shape as the input",
    ),
    (
        lambda w: F.embedding_bag(PAIR, w, PAIR, mode="sum", per_sample_weights=w[0].double()),
        RuntimeError,
        "per_sample_weights of",
    ),
    (lambda w: F.embedding_bag(PAIR, w, PAIR[1:]), RuntimeError, r"offsets\[0\] has to be 0.* got 1"),
    (lambda w: F.embedding_bag(PAIR, w, PAIR.float()), RuntimeError, "offsets must be int64 or int32"),
    (lambda w: F.embedding_bag(PAIR, w, PAIR[:0], include_last_offset=True), RuntimeError, "at least 1"),
]


@pytest.mark.parametrize(("call", "error", "words"), ERRORS)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(gp.ones(4, 2))


@pytest.mark.parametrize("name", ["float16", "float64"])
@pytest.mark.parametrize("padding", [None, 2])
def test_second_gradient_by_frequency(name, padding, device):
    """The gradient is linear in what comes in: its own gradient divides by how often the index names the row."""
    table = gp.zeros(5, 3, dtype=getattr(gp, name), device=device, requires_grad=True)
    index = on([[1, 0, 1, 2], [1, 2, 4, 4]], device)
    y = F.embedding(index, table, padding, scale_grad_by_freq=True)
    weight = gp.ones_like(y).requires_grad_()
    (grad,) = gp.autograd.grad(y, table, weight, create_graph=True)
    rows = gp.tensor([1.0, 3, 5, 7, 8], dtype=table.dtype, device=device)
    (again,) = gp.autograd.grad((grad * rows[:, None]).sum(), weight)
    wanted = np.array([1.0, 1, 0 if padding == 2 else 2.5, 0, 4])[index.cpu().numpy()]
    np.testing.assert_array_equal(again.cpu().double().numpy(), np.repeat(wanted.astype(name)[..., None], 3, -1))
    assert again.dtype is table.dtype
