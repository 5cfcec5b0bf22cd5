import numpy as np
import pytest

import gpunn as gp
from gpunn import random
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, GraphError, ShapeError

F = gp.nn.functional


def zeros_of(y):
    return np.asarray(y.tolist()) == 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_zeroes_and_scales(p, device):
    gp.manual_seed(3)
    y = F.dropout(gp.ones(100, 200, device=device), p)
    dropped = zeros_of(y)
    assert abs(dropped.mean() - p) < 4 * np.sqrt(p * (1 - p) / dropped.size)
    np.testing.assert_allclose(np.asarray(y.tolist())[~dropped], 1 / (1 - p), rtol=1e-6)


def test_the_mask_is_the_same_on_every_device_and_follows_the_seed(device):
    masks = []
    for where in ("cpu", device):
        gp.manual_seed(11)
        masks.append(F.dropout(gp.ones(50, device=where)).tolist())
    assert masks[0] == masks[1]
    assert masks[0] != F.dropout(gp.ones(50)).tolist()


def test_gradients_of_all_orders_use_the_mask_of_forward(device):
    gp.manual_seed(0)
    x = gp.tensor(np.linspace(1, 2, 20), device=device, requires_grad=True)
    y = F.dropout(x, 0.4)
    kept = ~zeros_of(y)
    weights = gp.tensor(np.linspace(0.5, 1.5, 20), device=device, requires_grad=True)
    (g,) = gp.autograd.grad(y, x, weights, create_graph=True)
    np.testing.assert_allclose(g.tolist(), np.linspace(0.5, 1.5, 20) * kept / 0.6, rtol=1e-14)
    (gg,) = gp.autograd.grad(g.sum(), weights)
    np.testing.assert_allclose(gg.tolist(), kept / 0.6, rtol=1e-14)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False), (1.0, False)])
def test_does_nothing_in_eval_and_with_probability_0(p, training):
    x = gp.tensor([1.0, 2.0])
    assert F.dropout(x, p, training) is x
    assert F.dropout(gp.tensor([1, 2]), p, training).dtype is gp.int64


def test_probability_1_leaves_zeros(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32])
def test_rounded_once(dtype, device):
    values = np.linspace(1, 3, 64).astype(dtype.numpy)
    y = F.dropout(gp.tensor(values, device=device), 0.1)
    assert y.dtype is dtype
    kept = ~zeros_of(y)
    wanted = (values.astype(np.float64) / 0.9).astype(np.float32).astype(dtype.numpy)
    tolerance = 2.4e-7 if dtype is gp.float32 else 0
    np.testing.assert_allclose(np.asarray(y.tolist())[kept], wanted.astype(np.float64)[kept], rtol=tolerance)


def test_in_place(device):
    gp.manual_seed(5)
    leaf = gp.ones(30, device=device, requires_grad=True)
    x = leaf * 2
    array, version = x.array, x._version[0]
    assert F.dropout(x, 0.5, inplace=True) is x
    assert x.array is array and x._version[0] == version + 1
    assert sorted(set(x.tolist())) == [0.0, 4.0]
    x.sum().backward()
    assert leaf.grad.tolist() == x.tolist()


def test_in_place_on_a_leaf_is_refused():
    x = gp.ones(3, requires_grad=True)
    with pytest.raises(GraphError, match="leaf Variable"):
        F.dropout(x, inplace=True)
    assert x.tolist() == [1, 1, 1]


def kept(seed, shape, p):
    """The mask of the first draw after `manual_seed(seed)`."""
    return random.uniform(np, random.Generator().manual_seed(seed), shape, np.float32) < np.float32(1 - p)


ORDERS = {
    "contiguous": (0, 1, 2, 3),
    "channels_last": (0, 2, 3, 1),
    "transposed": (3, 2, 1, 0),
    "batch last": (1, 2, 3, 0),
}


def ordered(x, order, device):
    """A tensor with the values of `x` whose dimensions lie in memory in the order `axes`."""
    axes = ORDERS[order]
    back = sorted(range(x.ndim), key=axes.__getitem__)
    return gp.tensor(np.ascontiguousarray(x.transpose(axes)), device=device).permute(*back)


SHAPES = [(2, 3, 4, 5), (1, 8, 1, 4), (3, 1, 2, 2), (2, 5, 3, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("whole_channels", [False, True])
def test_the_mask_does_not_depend_on_the_order_in_memory(shape, order, whole_channels, device):
    values = np.linspace(1, 2, np.prod(shape)).reshape(shape)
    x = ordered(values, order, device).requires_grad_()
    gp.manual_seed(7)
    y = (F.dropout2d if whole_channels else F.dropout)(x, 0.4)
    assert [s for s, n in zip(y.stride(), shape, strict=True) if n > 1] == [
        s for s, n in zip(x.stride(), shape, strict=True) if n > 1
    ]
    mask = kept(7, (*shape[:2], 1, 1) if whole_channels else shape, 0.4)
    np.testing.assert_allclose(y.tolist(), values * mask / 0.6, rtol=1e-14)
    y.backward(gp.tensor(values, device=device))  # of another order than y
    np.testing.assert_allclose(x.grad.tolist(), values * mask / 0.6, rtol=1e-14)


def test_slices_and_gaps(device):
    base = gp.tensor(np.arange(1.0, 41).reshape(5, 8), device=device)
    for view in (base.flatten()[1:], base[:, 1:], base[::2, ::3], base[1:2].expand(4, 8)):
        gp.manual_seed(1)
        y = F.dropout(view, 0.3)
        np.testing.assert_allclose(y.tolist(), np.asarray(view.tolist()) * kept(1, view.shape, 0.3) / 0.7, rtol=1e-14)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7, 1023])
@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32, gp.float64])
def test_every_length_and_dtype(n, dtype, device):
    gp.manual_seed(2)
    y = F.dropout(gp.ones(n, dtype=dtype, device=device))
    assert y.dtype is dtype and y.tolist() == (kept(2, (n,), 0.5) * 2.0).tolist()


def test_dropped_nan_and_infinity_stay_seen(device):
    """As in PyTorch, where the mask is a factor."""
    gp.manual_seed(2)
    y = F.dropout(gp.tensor([np.nan, np.inf, -np.inf] * 8, device=device))
    mask = kept(2, (24,), 0.5)
    assert mask.any() and not mask.all()
    np.testing.assert_array_equal(np.isnan(y.tolist()), np.tile([True, False, False], 8) | ~mask)


@pytest.mark.parametrize(
    ("op", "shape", "mask_shape"),
    [
        (F.dropout1d, (4, 3, 6), (4, 3, 1)),
        (F.dropout1d, (5, 6), (5, 1)),
        (F.dropout2d, (4, 3, 2, 5), (4, 3, 1, 1)),
        (F.dropout3d, (2, 3, 2, 5, 3), (2, 3, 1, 1, 1)),
        (F.dropout3d, (6, 2, 5, 3), (6, 1, 1, 1)),
    ],
)
def test_whole_channels(op, shape, mask_shape, device):
    x = gp.ones(*shape, device=device, requires_grad=True)
    gp.manual_seed(3)
    y = op(x, 0.25)
    wanted = np.broadcast_to(kept(3, mask_shape, 0.25) / np.float32(0.75), shape)
    np.testing.assert_allclose(y.tolist(), wanted, rtol=1e-6)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert op(x, training=False) is x


@pytest.mark.parametrize(
    ("op", "shape", "words"),
    [
        (F.dropout2d, (2, 3, 4), "Received a 3D input to dropout2d and assuming that channel-wise 1D"),
        (F.dropout2d, (2, 3), "Received a 2-D input to dropout2d, which is deprecated"),
        (F.dropout3d, (2, 3, 4), "Received a 3-D input to dropout3d, which is deprecated"),
    ],
)
def test_warns_of_other_ranks(op, shape, words):
    gp.manual_seed(4)
    with pytest.warns(UserWarning, match=words) as caught:
        y = op(gp.ones(*shape))
    assert y.shape == shape and caught[0].filename == __file__


@pytest.mark.parametrize(("op", "mask_shape"), [(F.alpha_dropout, (64, 32, 4)), (F.feature_alpha_dropout, (64, 32, 1))])
def test_alpha_dropout(op, mask_shape, device):
    values = np.random.default_rng(0).standard_normal((64, 32, 4))
    x = gp.tensor(values, device=device, requires_grad=True)
    gp.manual_seed(5)
    y = op(x, 0.3, training=True)
    mask = np.broadcast_to(kept(5, mask_shape, 0.3), values.shape)
    scale = (0.7 + 1.7580993408473766**2 * 0.7 * 0.3) ** -0.5  # the paper's a
    shift = scale * 0.3 * 1.7580993408473766
    np.testing.assert_allclose(
        y.tolist(), scale * np.where(mask, values, -1.7580993408473766) + shift, rtol=1e-13, atol=1e-13
    )
    found = np.asarray(y.tolist())
    assert abs(found.mean()) < 0.08 and abs(found.std() - 1) < 0.05
    y.sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), mask * scale, rtol=1e-13)
    assert op(x, 0.3) is x
    assert set(op(x, 1.0, training=True).flatten().tolist()) == {0.0}


def test_classic_dropout_scales_in_evaluation(device):
    x = gp.tensor([1.0, 2.0, 3.0, 4.0], device=device)
    gp.manual_seed(6)
    assert F.classic_dropout(x, 0.25).tolist() == (np.arange(1, 5) * kept(6, (4,), 0.25)).tolist()
    assert F.classic_dropout(x, 0.25, training=False).tolist() == [0.75, 1.5, 2.25, 3.0]
    assert F.classic_dropout(x, 0.5, training=False, inplace=True) is x and x.tolist() == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize("op", [F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout])
def test_in_place_of_every_form(op, device):
    x = gp.ones(2, 8, 4, device=device) if op is F.dropout1d else gp.ones(2, 8, 2, 2, device=device)
    gp.manual_seed(8)
    wanted = op(x, 0.4, True).tolist()
    gp.manual_seed(8)
    assert op(x, 0.4, True, True) is x and x.tolist() == wanted


def test_backward_twice_needs_retain_graph(device):
    x = gp.ones(8, device=device, requires_grad=True)
    y = F.dropout(x).sum()
    y.backward()
    with pytest.raises(GraphError, match="second time"):
        y.backward()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.dropout(gp.ones(4).int()), DtypeError, "dropout: expected a floating dtype"),
        (lambda: F.dropout1d(gp.ones(4)), ShapeError, "dropout1d: Expected 2D or 3D input, but received a 1D input"),
        (
            lambda: F.feature_alpha_dropout(gp.ones(4), training=True),
            ShapeError,
            r"Feature dropout requires at least 2 dimensions in the input, got \(4,\)",
        ),
        (lambda: F.alpha_dropout(gp.ones(4), 2.0), ArgumentError, "probability has to be between 0 and 1, but got 2.0"),
    ],
)
def test_a_failed_call_does_not_move_the_stream(call, error, words):
    gp.manual_seed(9)
    with pytest.raises(error, match=words):
        call()
    assert random.default_generator.reserve(0) == (9, 0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probability_out_of_range(p):
    with pytest.raises(ArgumentError, match="dropout probability has to be between 0 and 1, but got"):
        F.dropout(gp.ones(3), p)


def test_wrong_types():
    with pytest.raises(DtypeError, match=r"dropout: expected a floating dtype, got gpunn.int64; use x.float\(\)"):
        F.dropout(gp.tensor([1, 2]))
    with pytest.raises(ArgumentTypeError, match="dropout: expected a Tensor, got list"):
        F.dropout([1.0])
