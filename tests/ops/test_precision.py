"""Which operations choose their dtype inside `autocast`, by policy and device."""

import copy

import numpy as np
import pytest

import gpunn as gp
import gpunn.nn.functional as F  # noqa: N812 - PyTorch's habit
from gpunn import nn

LOW = {"cpu": gp.bfloat16, "cuda": gp.float16}
OTHER = {"cpu": gp.float16, "cuda": gp.bfloat16}


def tensor(*shape, device, dtype=gp.float32, seed=0, positive=False):
    values = np.random.default_rng(seed).normal(size=shape)
    return gp.tensor(np.abs(values) + 0.1 if positive else values, dtype=dtype, device=device)


def test_what_does_not_choose(device):
    """Sums of tensors, activations, views; integers and float64; in-place forms; what is told its dtype."""
    low, x = LOW[device], tensor(3, 3, device=device)
    half = x.to(low)
    with gp.autocast(device):
        assert [f(half).dtype for f in (F.relu, gp.tanh, gp.abs, F.gelu, gp.mean)] == [low] * 5
        assert (half + half).dtype is low and (half + x).dtype is gp.float32
        for dtype in (gp.float64, gp.int64):
            y = x.to(dtype)
            assert (y @ y).dtype is dtype and gp.sum(y).dtype is dtype
        assert gp.sum(half, dtype=low).dtype is low and half.sum(0, dtype=low).dtype is low
        assert F.softmax(half, 0, dtype=low).dtype is low
        assert copy.copy(half).exp_().dtype is low
        y = x.clone()
        y.addmm_(x, x)
    assert y.tolist() == gp.addmm(x, x, x).tolist(), "in place nothing is cast"


def test_float32_where_digits_would_be_lost(device):
    half = tensor(4, 4, device=device, dtype=LOW[device], positive=True)
    wanted = gp.float32 if device == "cuda" else LOW[device]
    with gp.autocast(device):
        for f in (gp.exp, gp.log, gp.rsqrt, gp.reciprocal, gp.sum, gp.norm, F.softplus, lambda x: x**2):
            assert f(half).dtype is wanted
        assert F.softmax(half, -1).dtype is half.cumsum(0).dtype is F.layer_norm(half, (4,)).dtype is wanted
        assert gp.prod(half).dtype is F.l1_loss(half, half).dtype is gp.float32
        assert F.cross_entropy(half, gp.arange(4, device=device)).dtype is gp.float32


def test_sums_do_not_overflow(device):
    half = gp.full((100, 1), 3e4, dtype=gp.float16, device=device)
    with gp.autocast(device, dtype=gp.float16):
        assert F.l1_loss(half, gp.zeros_like(half), reduction="sum").item() == np.float32(100 * float(np.float16(3e4)))
        total = half.sum().item()
    assert total == (3e6 if device == "cuda" else np.inf)


def test_the_widest_of_several(device):
    x, index = tensor(3, 3, device=device), gp.zeros(3, 3, dtype=gp.int64, device=device)
    half, other = x.to(LOW[device]), x.to(OTHER[device])
    with gp.autocast(device):
        if device == "cpu":
            assert gp.stack([half, x]).dtype is gp.float32 and gp.cat([half, half]).dtype is half.dtype
            assert x.index_copy(0, index[0, :1], half[:1]).dtype is gp.float32
            mixed = lambda: gp.cat([half, other])  # noqa: E731
        else:
            assert gp.dot(half[0], x[0]).dtype is gp.scatter_add(half, 0, index, x).dtype is gp.float32
            assert gp.addcmul(half, half, x).dtype is gp.float32 and gp.addcmul(half, half, half).dtype is half.dtype
            mixed = lambda: gp.dot(half[0], other[0])  # noqa: E731
        with pytest.raises(RuntimeError, match="Unexpected floating ScalarType"):
            mixed()


def test_binary_cross_entropy(device):
    x, y = tensor(3, device=device).sigmoid(), gp.ones(3, device=device)
    with gp.autocast(device):
        if device == "cpu":
            assert F.binary_cross_entropy(x.bfloat16(), y).dtype is gp.float32
        else:
            with pytest.raises(RuntimeError, match="are unsafe to autocast"):
                nn.BCELoss()(x, y)
        assert F.binary_cross_entropy_with_logits(x.to(LOW[device]), y).dtype is gp.float32
    assert F.binary_cross_entropy(x, y).dtype is gp.float32


def test_policies_that_look_at_arguments(device):
    half = tensor(1, 2, 4, 4, device=device, dtype=LOW[device])
    low = half.dtype
    up, edges = (gp.float32, low) if device == "cuda" else (low, gp.float32)
    with gp.autocast(device):
        assert F.interpolate(half, scale_factor=2, mode="bilinear").dtype is up
        assert F.interpolate(half, size=(2, 2), mode="area").dtype is low
        assert (
            F.pad(half, (1, 1, 1, 1), mode="reflect").dtype is F.pad(half[0], (1, 1), mode="replicate").dtype is edges
        )
        assert F.pad(half, (1, 1)).dtype is F.pad(half[None], (1,) * 6, mode="reflect").dtype is low
        x = half[0, 0].float()
        assert gp.einsum("ij,jk->ik", x, x).dtype is gp.einsum("ij,ij->", [x, x]).dtype is low
        assert gp.einsum("ij->i", x).dtype is (low if device == "cuda" else gp.float32)
        assert gp.einsum("ij,ij->ij", x, half[0, 0]).dtype is (low if device == "cuda" else gp.float32)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind, device):
    """States may be float32 beside inputs in lower precision, and the other way round."""
    gp.manual_seed(0)
    layer = kind(3, 4, num_layers=2, bidirectional=True).to(device)
    x, h = tensor(5, 2, 3, device=device), tensor(4, 2, 4, device=device)
    states = (h, h) if kind is nn.LSTM else h
    with gp.autocast(device):
        y, last = layer(x, states)
        again, _ = layer(x.to(LOW[device]), states)
    kept = device == "cpu" and kind is nn.GRU  # where PyTorch's CPU does not cast the state
    assert y.dtype is again.dtype is (last[0] if kind is nn.LSTM else last).dtype
    assert y.dtype is (gp.float32 if kept else LOW[device])
    np.testing.assert_allclose(
        y.float().numpy(force=True), layer(x, states)[0].numpy(force=True), atol=0.03 if device == "cpu" else 0.004
    )
    y.float().sum().backward()
    assert {p.grad.dtype for p in layer.parameters()} == {gp.float32}
    cell = {nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell, nn.RNN: nn.RNNCell}[kind](3, 4).to(device)
    with gp.autocast(device):
        found = cell(x[0])
        low = cell(x[0].to(LOW[device]))
    kept |= device == "cpu" and kind is nn.LSTM
    found, low = (found[0], low[0]) if kind is nn.LSTM else (found, low)
    assert (found.dtype, low.dtype) == (gp.float32 if kept else LOW[device], LOW[device])


@pytest.mark.parametrize("need_weights", [False, True])
def test_attention(need_weights, device):
    gp.manual_seed(0)
    layer, x = nn.MultiheadAttention(8, 2, batch_first=True).to(device), tensor(2, 3, 8, device=device)
    mask = gp.ones(3, 3, dtype=gp.bool, device=device).triu(1)
    with gp.autocast(device):
        y, weights = layer(x, x, x, attn_mask=mask, need_weights=need_weights)
    assert y.dtype is LOW[device] and (weights is None) is not need_weights
    exact = layer(x, x, x, attn_mask=mask, need_weights=False)[0]
    np.testing.assert_allclose(y.float().numpy(force=True), exact.numpy(force=True), atol=0.02)
    y.float().sum().backward()
    assert {p.grad.dtype for p in layer.parameters()} == {gp.float32}


def test_norms_take_images_in_lower_precision(device):
    layer, x = nn.BatchNorm2d(3).to(device), tensor(4, 3, 5, 5, device=device)
    with gp.autocast(device):
        y = layer(x.to(LOW[device]))
        group = nn.GroupNorm(3, 3).to(device)(x)
    assert y.dtype is LOW[device] and layer.running_var.dtype is group.dtype is gp.float32
    y.float().sum().backward()
    assert layer.weight.grad.dtype is gp.float32
