import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from gpunn.ops.norm import launches, reference
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.norm.formulas import affine, check_gradients, standardised

EPS = 1e-2
CASES = [((4, 3), 1), ((2, 3, 5), 1), ((2, 3, 4), 2), ((6,), 1), ((5, 1), 1), ((3, 130), 1), ((2, 1029), 1)]


def layer_norm(rank):
    return lambda x, *parameters: F.layer_norm(x, tuple(x.shape[-rank:]), *parameters, eps=EPS)


def rms_norm(rank):
    return lambda x, *parameters: F.rms_norm(x, tuple(x.shape[-rank:]), *parameters, eps=EPS)


def layer_reference(rank):
    return lambda x, *rest: affine(standardised(x, tuple(range(-rank, 0)), EPS), *rest, dim=None)


def rms_reference(rank):
    axes = tuple(range(-rank, 0))
    return lambda x, *rest: affine(x / np.sqrt((x * x).mean(axes, keepdims=True) + EPS), *rest, dim=None)


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize(("shape", "rank"), CASES, ids=str)
def test_layer_norm(shape, rank, parameters, device):
    check_op(layer_norm(rank), layer_reference(rank), [shape, *[shape[-rank:]] * parameters], device)


@pytest.mark.parametrize("parameters", [0, 1])
@pytest.mark.parametrize(("shape", "rank"), CASES, ids=str)
def test_rms_norm(shape, rank, parameters, device):
    check_op(rms_norm(rank), rms_reference(rank), [shape, *[shape[-rank:]] * parameters], device)


@pytest.mark.parametrize(("op", "reference"), [(layer_norm, layer_reference), (rms_norm, rms_reference)])
def test_long_rows(op, reference, monkeypatch, device):
    """Rows that are too long for one launch."""
    monkeypatch.setattr(launches, "LONG", 4)
    for shape in ((3, 5), (2, 3, 12), (300, 8)):
        check_op(op(1), reference(1), [shape, shape[-1:]], device)


@pytest.mark.parametrize("shape", [(3, 7), (2, 3, 8), (3, 1032)], ids=str)
def test_dtypes(shape, device):
    shapes = [shape, shape[-1:], shape[-1:]]
    check_dtypes(layer_norm(1), layer_reference(1), shapes, device, factor=4)
    check_gradients(layer_norm(1), shapes, device)
    check_dtypes(rms_norm(1), rms_reference(1), shapes[:2], device, factor=4)
    check_gradients(rms_norm(1), shapes[:2], device)


@pytest.mark.parametrize("rows", [1, 700, 3000])
def test_many_rows(rows, device):
    """The gradients of weight and bias are sums over the rows."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, rows, 12))
    tensors = [
        gp.tensor(v.astype(np.float32), device=device, requires_grad=True) for v in (x, np.ones(12), np.ones(12))
    ]
    y = F.layer_norm(tensors[0], (12,), *tensors[1:])
    found = gp.autograd.grad([y], tensors[1:], [gp.tensor(g.astype(np.float32), device=device)])
    wanted = (g * standardised(x, 1, 1e-5)).sum(0), g.sum(0)
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine.cpu().numpy(), theirs, rtol=1e-5, atol=1e-4)


def test_rows_do_not_see_each_other(device):
    x = np.random.default_rng(0).standard_normal((5, 70)).astype(np.float32)
    alone = [F.layer_norm(gp.tensor(row[None], device=device), (70,)).cpu().numpy()[0] for row in x]
    together = F.layer_norm(gp.tensor(x, device=device), (70,)).cpu().numpy()
    assert np.array_equal(together, alone)
    shifted = gp.tensor(np.concatenate([[0], x.ravel()]).astype(np.float32), device=device)[1:].reshape(5, 70)
    assert np.array_equal(F.layer_norm(shifted, (70,)).cpu().numpy(), together)  # not aligned to 16 bytes


@pytest.mark.parametrize("mean", [0, 1000])
@pytest.mark.parametrize("length", [1000, 20_000])
def test_float32_keeps_its_digits(length, mean, device):
    x = (np.random.default_rng(0).standard_normal((2, length)) + mean).astype(np.float32)
    y = F.layer_norm(gp.tensor(x, device=device), (length,)).cpu().numpy()
    assert np.abs(y - standardised(x.astype(np.float64), 1, 1e-5)).max() < 1e-6


@pytest.mark.parametrize("op", [layer_norm, rms_norm])
def test_large_and_small_magnitudes(op, device):
    x = distinct((3, 40), np.random.default_rng(0))
    reference = layer_reference(1) if op is layer_norm else rms_reference(1)
    for scale in (1e30, 1e-30):
        given = (x * scale).astype(np.float32)
        wanted = reference(given.astype(np.float64))
        np.testing.assert_allclose(op(1)(gp.tensor(given, device=device)).cpu().numpy(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_row(value, device):
    x = distinct((3, 9), np.random.default_rng(0)).astype(np.float32)
    clean = layer_norm(1)(gp.tensor(x, device=device)).cpu().numpy()
    x[1, 4] = value
    y = layer_norm(1)(gp.tensor(x, device=device)).cpu().numpy()
    assert np.isnan(y[1]).all() and np.array_equal(y[[0, 2]], clean[[0, 2]])


def test_eps_of_rms_norm(device):
    x = gp.tensor(np.full((1, 4), 1e-4), device=device)
    for dtype, eps in ((gp.float64, 2.0**-52), (gp.float32, 2.0**-23), (gp.float16, 2.0**-23)):
        given = x.to(dtype)
        value = given.cpu().double().numpy()[0, 0]
        found = F.rms_norm(given, (4,)).cpu().double().numpy()
        np.testing.assert_allclose(found, value / np.sqrt(value**2 + eps), rtol=2e-3 if dtype is gp.float16 else 1e-6)


def test_weights_of_another_dtype(device):
    x = gp.tensor(distinct((2, 8), np.random.default_rng(0)).astype(np.float32), device=device)
    w = gp.full((8,), 0.5, device=device).half().requires_grad_()
    y = F.rms_norm(x, (8,), w)  # only this one takes it
    y.sum().backward()
    assert y.dtype is gp.float32 and w.grad.dtype is gp.float16
    weight, bias = gp.ones(8, device=device), gp.zeros(8, device=device).half().requires_grad_()
    F.layer_norm(x.half(), (8,), weight, bias).sum().backward()
    assert bias.grad.tolist() == [2] * 8


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0,)])
def test_nothing_to_normalise(shape, device):
    x, w, b = [gp.ones(s, device=device).requires_grad_() for s in (shape, shape[-1:], shape[-1:])]
    F.layer_norm(x, shape[-1:], w, b).sum().backward()
    assert x.grad.shape == shape
    assert w.grad.tolist() == b.grad.tolist() == [0] * shape[-1]


def test_strides_of_the_input_do_not_matter(device):
    x = distinct((4, 6, 5), np.random.default_rng(0))
    y = layer_norm(1)(gp.tensor(x, device=device)[::2].transpose(1, 2))
    np.testing.assert_allclose(y.cpu().numpy(), layer_reference(1)(x[::2].swapaxes(1, 2)), rtol=1e-12, atol=1e-12)
    w = gp.tensor(np.arange(10.0), device=device)[::2]
    y = layer_norm(1)(gp.tensor(x, device=device), w, w)
    wanted = layer_reference(1)(x, *[np.arange(0, 10.0, 2)] * 2)
    np.testing.assert_allclose(y.cpu().numpy(), wanted, rtol=1e-12, atol=1e-12)


ERRORS = [
    ((2, 3), (4,), {}, RuntimeError, "Given normalized_shape=[4], expected input with shape [*, 4]"),
    ((2, 3), (3,), {"weight": 4}, RuntimeError, "Expected weight to be of same shape as normalized_shape"),
    ((2, 3), (), {}, RuntimeError, "at least 1-dimensional"),
    ((2, 3), 3, {}, TypeError, "must be tuple of ints, not int"),
]


@pytest.mark.parametrize("op", [F.layer_norm, F.rms_norm])
@pytest.mark.parametrize(("shape", "normalized", "vectors", "kind", "words"), ERRORS)
def test_errors(shape, normalized, vectors, kind, words, op):
    given = {name: gp.ones(n) for name, n in vectors.items()}
    with pytest.raises(kind) as caught:
        op(gp.ones(shape), normalized, **given)
    assert str(caught.value).startswith(op.__name__ + ": ") and words in str(caught.value)


def test_wrong_types():
    with pytest.raises(TypeError, match="input must be a Tensor"):
        F.layer_norm(np.ones(3), (3,))
    with pytest.raises(RuntimeError, match="not for gpunn"):
        F.layer_norm(gp.ones(3).long(), (3,))
    with pytest.raises(RuntimeError, match="mixed dtype: weight is"):
        F.layer_norm(gp.ones(3), (3,), gp.ones(3).half())
    with pytest.raises(RuntimeError, match="bias to be of same shape"):
        F.layer_norm(gp.ones(3), (3,), None, gp.ones(4))


def test_blocks_on_numpy(monkeypatch):
    """What is worked on at a time changes nothing but the order in which rows are added."""
    arrays = [distinct(s, np.random.default_rng(i)) for i, s in enumerate(((9, 5), (5,), (5,)))]

    def results():
        leaves = [gp.tensor(a, requires_grad=True) for a in arrays]
        y = layer_norm(1)(*leaves)
        return [t.numpy() for t in (y.detach(), *gp.autograd.grad([y.square().sum()], leaves))]

    whole = results()
    monkeypatch.setattr(reference, "BLOCK", 12)
    for mine, theirs in zip(results(), whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
