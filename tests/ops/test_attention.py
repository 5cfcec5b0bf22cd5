"""scaled_dot_product_attention against its formula in float64, on every device."""

import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, random
from gpunn.ops.attention import reference
from tests.harness import check_dtypes, check_op

attention = gp.nn.functional.scaled_dot_product_attention


def expected(q, k, v, mask=None, is_causal=False, scale=None, factors=1.0):
    """softmax(q kᵀ scale + mask) v; heads of k and v serve several of q; 0 where nothing is seen."""
    if k.ndim > 2 and q.shape[-3] != k.shape[-3] > 1:
        k, v = [np.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v)]
    scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(top == -np.inf, 0, top))
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) * factors @ v


def some(*shape):
    """A mask of which row 1 sees nothing."""
    mask = np.random.default_rng(7).random(shape) < 0.6
    mask[..., 1, :] = False
    return mask


SEEN = some(5, 7)
CASES = [
    ([(2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)], {}),
    ([(5, 3), (7, 3), (7, 2)], {"scale": -0.7}),
    ([(2, 5, 3), (1, 7, 3), (2, 7, 3)], {"is_causal": True}),
    ([(2, 7, 3), (2, 5, 3), (2, 5, 3)], {"is_causal": True}),
    ([(2, 4, 5, 3), (2, 2, 7, 3), (2, 2, 7, 3)], {"enable_gqa": True}),
    ([(2, 2, 5, 3), (2, 2, 7, 3), (2, 2, 7, 3)], {"mask": SEEN}),
    ([(2, 2, 5, 3), (2, 2, 7, 3), (2, 2, 7, 3)], {"mask": some(2, 1, 5, 7)}),
    ([(2, 2, 5, 3), (2, 2, 7, 3), (2, 2, 7, 3)], {"mask": np.where(some(2, 5, 7), 0.3, -np.inf)}),
    ([(2, 1, 2, 5, 3), (2, 2, 1, 7, 3), (1, 2, 2, 7, 2)], {"mask": some(2, 1, 1, 5, 7)}),
    ([(1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1)], {}),
]


def with_mask(device, mask=None, **options):
    """The op with a mask made of an array."""

    def op(*tensors):
        given = None if mask is None else gp.tensor(mask, device=device)
        given = given if given is None or mask.dtype == bool else given.to(tensors[0].dtype)
        return attention(*tensors, given, **options)

    return op


def formula(**options):
    options.pop("enable_gqa", None)
    return lambda *arrays: expected(*arrays, **options)


@pytest.mark.parametrize(("shapes", "options"), CASES)
def test_values_and_derivatives(shapes, options, device):
    check_op(with_mask(device, **options), formula(**options), shapes, device)


@pytest.mark.parametrize(("shapes", "options"), CASES[:8:2])
def test_precisions(shapes, options, device):
    shapes = [(*shape[:-1], shape[-1] + 37) for shape in shapes]
    check_dtypes(with_mask(device, **options), formula(**options), shapes, device, factor=4)


@pytest.mark.parametrize("width", [8, 16, 40, 64, 100, 130])
@pytest.mark.parametrize("length", [1, 17, 70])
def test_sizes_of_heads(width, length, device):
    shapes = [(1, 2, length, width), (1, 2, 33, width), (1, 2, 33, width)]
    check_op(attention, expected, shapes, device, derivatives=1, gradient_rtol=1e-5)


def test_a_head_wider_than_any_tile(device):
    shapes = [(3, 300), (5, 300), (5, 270)]
    check_op(attention, expected, shapes, device, derivatives=1, gradient_rtol=1e-5)
    check_dtypes(attention, expected, shapes, device, factor=4)


def test_gradient_of_an_added_mask(device):
    def op(q, k, v, mask):
        return attention(q, k, v, mask)

    check_op(op, expected, [(2, 5, 3), (2, 7, 3), (2, 7, 3), (5, 7)], device)
    check_op(op, expected, [(2, 3, 5, 3), (2, 3, 7, 3), (2, 3, 7, 3), (3, 5, 7)], device)


def drawn(seed, shape, p):
    """What weights are multiplied by, in the order of the elements of `shape`."""
    generator = random.Generator().manual_seed(seed)
    numbers = random.uniform(np, generator, shape, np.float32)
    return (numbers < np.float32(1 - p)) / (1 - p)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(
    "shapes", [[(2, 2, 5, 3), (2, 2, 7, 3), (2, 2, 7, 3)], [(1, 1, 70, 5), (1, 1, 71, 5), (1, 1, 71, 5)]]
)
def test_dropout(shapes, is_causal, device):
    """Weight i has number i of the stream: the same on every device, in blocks or not, forward and backward."""
    shape = (*shapes[0][:3], shapes[1][2])

    def op(*tensors):
        gp.manual_seed(5)
        return attention(*tensors, dropout_p=0.3, is_causal=is_causal)

    def wanted(*arrays):
        return expected(*arrays, is_causal=is_causal, factors=drawn(5, shape, 0.3))

    check_op(op, wanted, shapes, device, derivatives=1 if shape[2] > 9 else 2)


def test_dropout_of_everything(device):
    q, k, v = [gp.ones(2, 3, device=device, requires_grad=True) for _ in range(3)]
    y = attention(q, k, v, dropout_p=1.0)
    y.sum().backward()
    assert not y.detach().cpu().numpy().any() and not v.grad.cpu().numpy().any()


def test_blocks_of_queries(monkeypatch):
    """However NumPy's path cuts the work, its results agree."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in [(2, 4, 9, 3), (2, 2, 7, 3), (2, 2, 7, 3)]]
    mask = some(2, 1, 9, 7)
    results = []
    for block in (1, 30, 100, 1 << 20):
        monkeypatch.setattr(reference, "BLOCK", block)
        gp.manual_seed(3)
        leaves = [gp.tensor(a, requires_grad=True) for a in arrays]
        y = attention(*leaves, gp.tensor(mask), dropout_p=0.2, enable_gqa=True)
        grads = gp.autograd.grad([y], leaves, [gp.tensor(np.linspace(-1, 1, y.numel()).reshape(y.shape))])
        results.append([t.detach().numpy() for t in (y, *grads)])
    for found in results[:-1]:
        for mine, other in zip(found, results[-1], strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sizes", [(0, 5), (3, 0), (0, 0)])
def test_nothing(sizes, device):
    length, keys = sizes
    leaves = [gp.ones(2, n, 4, device=device, requires_grad=True) for n in (length, keys, keys)]
    y = attention(*leaves)
    y.sum().backward()
    assert y.shape == (2, length, 4) and not y.detach().cpu().numpy().any()
    assert not leaves[0].grad.cpu().numpy().any()


def test_special_values(device):
    """NaN and infinities come out where the formula has them; hidden keys do not count."""
    q, k, v = [np.linspace(-1, 1, 12).reshape(4, 3) for _ in range(3)]
    q[0, 1], k[2, 0], v[1, 2] = np.nan, 50.0, np.inf
    mask = np.ones((4, 4), bool)
    mask[3, 1] = mask[2] = False
    with np.errstate(all="ignore"):
        wanted = expected(q, k, v, mask)
    tensors = [gp.tensor(x, device=device) for x in (q, k, v)]
    found = attention(*tensors, gp.tensor(mask, device=device)).cpu().numpy()
    np.testing.assert_allclose(found[:2], wanted[:2], rtol=1e-12)
    assert np.isnan(found[0]).all() and np.isinf(found[1, 2]) and np.isnan(found[2, 2])
    np.testing.assert_allclose(found[3, :2], wanted[3, :2], rtol=1e-12)


def test_other_layouts(device):
    """(B, L, H, E) seen as (B, H, L, E), slices and repeated heads; the output lies as the query does."""
    rng = np.random.default_rng(2)
    memory = gp.tensor(rng.standard_normal((2, 5, 3, 4)), device=device)
    q = memory.transpose(1, 2)
    k = gp.tensor(rng.standard_normal((2, 3, 7, 9)), device=device)[..., 1:5]
    v = gp.tensor(rng.standard_normal((1, 1, 8, 4)), device=device)[:, :, 1:].expand(2, 3, 7, 4)
    y = attention(q, k, v)
    np.testing.assert_allclose(y.cpu().numpy(), expected(*[x.cpu().numpy() for x in (q, k, v)]), rtol=1e-12, atol=1e-13)
    assert y.transpose(1, 2).is_contiguous()


def test_only_wanted_gradients(device):
    for wanted in range(3):
        leaves = [gp.ones(2, 3, device=device, requires_grad=i == wanted) for i in range(3)]
        attention(*leaves).sum().backward()
        assert [x.grad is not None for x in leaves] == [i == wanted for i in range(3)]


def ones(*shape, **options):
    return gp.ones(*shape, **options)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((ones(2, 3), ones(2, 3), 1), {}, TypeError, "value must be a Tensor"),
        ((ones(2, 3), ones(2, 3), ones(2, 3).double()), {}, RuntimeError, "same dtype"),
        ((ones(2, 3).long(), ones(2, 3).long(), ones(2, 3).long()), {}, NotImplementedError, "floating"),
        ((ones(3), ones(2, 3), ones(2, 3)), {}, RuntimeError, "at least 2 dimensional"),
        ((ones(2, 3), ones(2, 4), ones(2, 4)), {}, RuntimeError, "last dimensions of one size"),
        ((ones(2, 3), ones(2, 3), ones(4, 3)), {}, RuntimeError, "each key needs a value"),
        ((ones(2, 2, 3), ones(3, 2, 3), ones(3, 2, 3)), {}, RuntimeError, "must broadcast"),
        ((ones(2, 3), ones(2, 3), ones(2, 3), ones(2, 4)), {}, RuntimeError, "does not broadcast"),
        ((ones(2, 3), ones(2, 3), ones(2, 3), ones(5, 2, 2)), {}, RuntimeError, "does not broadcast"),
        ((ones(2, 3), ones(2, 3), ones(2, 3), ones(2)), {}, IndexError, "two dimensions"),
        ((ones(2, 3), ones(2, 3), ones(2, 3), ones(2, 2).long()), {}, RuntimeError, "attn_mask dtype"),
        ((ones(2, 3), ones(2, 3), ones(2, 3), ones(2, 2)), {"is_causal": True}, RuntimeError, "is_causal"),
        ((ones(2, 3), ones(2, 3), ones(2, 3)), {"dropout_p": 1.5}, RuntimeError, "between 0 and 1"),
        ((ones(2, 3), ones(2, 3), ones(2, 3)), {"enable_gqa": True}, IndexError, "dimension -3"),
        ((ones(3, 2, 3), ones(2, 2, 3), ones(2, 2, 3)), {"enable_gqa": True}, RuntimeError, "must divide"),
    ],
)  # fmt: skip
def test_errors(arguments, options, error, text):
    with pytest.raises(error, match=text) as caught:
        attention(*arguments, **options)
    assert "scaled_dot_product_attention" in str(caught.value)


def test_memory_is_bounded():
    """No array of all scores: 4096 queries and keys would take 128 MiB in float64."""
    import tracemalloc

    q = gp.tensor(np.zeros((4096, 8)), requires_grad=True)
    tracemalloc.start()
    attention(q, q, q).sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 48 << 20
    assert backend.asnumpy(q.grad.array).shape == (4096, 8)
