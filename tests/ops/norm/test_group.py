import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from gpunn.ops.norm import launches
from tests.harness import check_dtypes, check_op, distinct
from tests.ops.norm.formulas import affine, check_gradients, grouped

EPS = 1e-2
SHAPES = [((3, 4), 2), ((2, 6, 5), 3), ((2, 4, 3, 5), 2), ((1, 4, 2, 2, 3), 1), ((2, 3, 4, 4), 3), ((2, 40, 9), 1)]


def group_norm(groups):
    return lambda x, *parameters: F.group_norm(x, groups, *parameters, eps=EPS)


def instance_norm(x, *parameters):
    return F.instance_norm(x, None, None, *parameters, eps=EPS)


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize(("shape", "groups"), SHAPES, ids=str)
def test_group_norm(shape, groups, parameters, device):
    shapes = [shape, *[(shape[1],)] * parameters]
    check_op(group_norm(groups), lambda x, *rest: affine(grouped(x, groups), *rest), shapes, device)


@pytest.mark.parametrize("limit", [1 << 16, 4])
@pytest.mark.parametrize("channels_last", [False, True])
def test_every_way_of_launching(channels_last, limit, monkeypatch, device):
    """By rows in one launch, or in several, as for rows that are too long for that; by planes or by columns."""
    monkeypatch.setattr(launches, "LONG", limit)
    for shape, groups in (((2, 4, 7, 5), 2), ((3, 8, 3, 3), 2), ((2, 6, 2, 9), 6), ((1, 3, 40, 8), 3)):

        def op(x, *rest, groups=groups):
            x = x.contiguous(memory_format=gp.channels_last) if channels_last else x
            y = F.group_norm(x, groups, *rest, eps=EPS)
            assert not channels_last or y.is_contiguous(memory_format=gp.channels_last)
            return y

        shapes = [shape, (shape[1],), (shape[1],)]
        check_op(op, lambda x, *rest, groups=groups: affine(grouped(x, groups), *rest), shapes, device)


@pytest.mark.parametrize(("shape", "groups"), [((3, 4), 2), ((2, 8, 3, 5), 2), ((2, 3, 4, 4), 3)], ids=str)
def test_dtypes(shape, groups, device):
    shapes = [shape, (shape[1],), (shape[1],)]
    check_dtypes(group_norm(groups), lambda x, *rest: affine(grouped(x, groups), *rest), shapes, device, factor=4)
    check_gradients(group_norm(groups), shapes, device)
    if len(shape) == 4:
        check_gradients(group_norm(groups), shapes, device, channels_last=True)


@pytest.mark.parametrize("parameters", [0, 2])
@pytest.mark.parametrize("shape", [(3, 2, 5), (2, 3, 4, 3), (1, 2, 2, 3, 2)], ids=str)
def test_instance_norm(shape, parameters, device):
    shapes = [shape, *[(shape[1],)] * parameters]
    check_op(instance_norm, lambda x, *rest: affine(grouped(x, x.shape[1]), *rest), shapes, device)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("channels_last", [False, True])
def test_running_moments_of_instances(channels_last, momentum, device):
    x = distinct((3, 2, 4, 5), np.random.default_rng(0))
    mean, var = [gp.tensor(np.array(m), device=device) for m in ([0.5, -1.0], [1.0, 2.0])]
    memory = mean.array
    given = gp.tensor(x, device=device)
    given = given.contiguous(memory_format=gp.channels_last) if channels_last else given
    y = F.instance_norm(given, mean, var, momentum=momentum, eps=EPS)
    np.testing.assert_allclose(y.cpu().numpy(), grouped(x, 2), rtol=1e-12, atol=1e-12)
    wanted = x.mean((2, 3)).mean(0), x.var((2, 3), ddof=1).mean(0)
    assert mean.array is memory
    for found, old, new in zip((mean, var), ([0.5, -1.0], [1.0, 2.0]), wanted, strict=True):
        np.testing.assert_allclose(found.cpu().numpy(), (1 - momentum) * np.array(old) + momentum * new, rtol=1e-12)
        assert found._version[0] == 1
    F.instance_norm(given, mean, var, use_input_stats=False)
    assert mean._version[0] == 1  # eval changes nothing


def test_instances_by_running_moments(device):
    mean, var = np.array([0.5, -1.0]), np.array([1.0, 2.0])

    def op(x):
        moments = [gp.tensor(m, device=device) for m in (mean, var)]
        return F.instance_norm(x, *moments, use_input_stats=False, eps=EPS)

    def reference(x):
        return (x - mean[:, None]) / np.sqrt(var[:, None] + EPS)

    check_op(op, reference, [(3, 2, 4)], device)


def test_half_running_moments_of_two_dtypes(device):
    x = gp.ones(2, 2, 3, device=device).half()
    mean, var = gp.zeros(2, device=device), gp.ones(2, device=device).half()
    F.instance_norm(x, mean, var)
    np.testing.assert_allclose(mean.cpu().numpy(), [0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(var.cpu().numpy(), [0.9, 0.9], rtol=1e-3)
    assert (mean.dtype, var.dtype) == (gp.float32, gp.float16)


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0), (0, 4)])
def test_nothing_to_normalise(shape, device):
    x, w, b = [gp.ones(s, device=device).requires_grad_() for s in (shape, (4,), (4,))]
    F.group_norm(x, 2, w, b).sum().backward()
    assert x.grad.shape == shape
    assert w.grad.tolist() == b.grad.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_group(value, device):
    x = distinct((2, 4, 3, 3), np.random.default_rng(0)).astype(np.float32)
    clean = F.group_norm(gp.tensor(x, device=device), 2).cpu().numpy()
    x[1, 1, 0, 2] = value
    y = F.group_norm(gp.tensor(x, device=device), 2).cpu().numpy()
    assert np.isnan(y[1, :2]).all()
    assert np.array_equal(y[0], clean[0]) and np.array_equal(y[1, 2:], clean[1, 2:])


@pytest.mark.parametrize("channels_last", [False, True])
def test_large_magnitudes(channels_last, device):
    """Squares beyond float32's range: PyTorch gives zeros or NaN."""
    x = distinct((2, 4, 5, 5), np.random.default_rng(0))
    given = gp.tensor((x * 1e30).astype(np.float32), device=device)
    given = given.contiguous(memory_format=gp.channels_last) if channels_last else given
    np.testing.assert_allclose(F.group_norm(given, 2).cpu().numpy(), grouped(x, 2, 0), rtol=2e-5, atol=1e-6)


ERRORS = [
    ((2, 4, 3), (3,), {}, RuntimeError, "divisible by num_groups, but got input of shape [2, 4, 3] and num_groups=3"),
    ((2, 4, 3), (0,), {}, ValueError, "greater than 0, got 0"),
    ((2, 4, 3), (2,), {"weight": 3}, RuntimeError, "weight should contain 4 elements"),
    ((2, 4, 3), (2,), {"bias": 3}, RuntimeError, "bias should contain 4 elements"),
    ((3,), (1,), {}, RuntimeError, "at least 2 dimensions"),
    ((1, 1), (1,), {}, ValueError, "more than 1 value per channel"),
]


@pytest.mark.parametrize(("shape", "groups", "vectors", "kind", "words"), ERRORS)
def test_errors(shape, groups, vectors, kind, words, device):
    given = {name: gp.ones(n, device=device) for name, n in vectors.items()}
    with pytest.raises(kind) as caught:
        F.group_norm(gp.ones(shape, device=device), *groups, **given)
    assert str(caught.value).startswith("group_norm: ") and words in str(caught.value)


INSTANCE_ERRORS = [
    ((2, 4, 1), {}, {}, ValueError, "more than 1 spatial element"),
    ((2, 4, 3), {"running_mean": 4}, {}, ValueError, "either both be None or neither"),
    ((2, 4, 3), {"running_mean": 3, "running_var": 3}, {}, RuntimeError, "running_mean should contain 4 elements"),
    ((2, 4, 3), {}, {"use_input_stats": False}, RuntimeError, "when use_input_stats is false"),
    ((4,), {}, {"use_input_stats": False}, RuntimeError, "shape (N, C, *)"),
]


@pytest.mark.parametrize(("shape", "vectors", "options", "kind", "words"), INSTANCE_ERRORS)
def test_errors_of_instance_norm(shape, vectors, options, kind, words, device):
    given = {name: gp.ones(n, device=device) for name, n in vectors.items()}
    with pytest.raises(kind) as caught:
        F.instance_norm(gp.ones(shape, device=device), **given, **options)
    assert str(caught.value).startswith("instance_norm: ") and words in str(caught.value)
    assert all((t == 1).all() for t in given.values())


def test_wrong_types():
    x = gp.ones(2, 4, 3)
    with pytest.raises(TypeError, match="input must be a Tensor, got list"):
        F.group_norm([1.0], 1)
    with pytest.raises(TypeError, match="num_groups must be an int"):
        F.group_norm(x, 2.0)
    with pytest.raises(RuntimeError, match="not for gpunn"):
        F.group_norm(x.long(), 2)
    with pytest.raises(RuntimeError, match="mixed dtype: bias is"):
        F.group_norm(x, 2, None, gp.ones(4).double())
    with pytest.raises(RuntimeError, match="cannot require gradients"):
        F.instance_norm(x, gp.zeros(4, requires_grad=True), gp.ones(4))
