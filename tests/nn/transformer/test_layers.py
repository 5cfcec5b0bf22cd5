"""The layers of a Transformer against NumPy in float64."""

import math
import tracemalloc

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.nn.attention import MultiheadAttention

RELU = {"relu": lambda x: np.maximum(x, 0), "gelu": lambda x: x * erf_half(x), "tanh": np.tanh}


def erf_half(x):
    """The distribution function of the normal distribution."""
    return np.vectorize(lambda t: 0.5 * (1 + math.erf(t / math.sqrt(2))))(x)


def attention(state, name, heads, x, keys, hidden):
    """x (N, L, E), keys (N, S, E), hidden (N, 1, L, S) or smaller."""
    weights = np.split(state[f"{name}.in_proj_weight"], 3)
    biases = np.split(state.get(f"{name}.in_proj_bias", np.zeros(len(weights[0]) * 3)), 3)
    q, k, v = [
        (a @ w.T + b).reshape(*a.shape[:2], heads, -1).swapaxes(1, 2)
        for a, w, b in zip((x, keys, keys), weights, biases, strict=True)
    ]
    scores = np.where(hidden, -np.inf, q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
    e = np.exp(scores - scores.max(-1, keepdims=True))
    y = (e / e.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(x.shape)
    return y @ state[f"{name}.out_proj.weight"].T + state.get(f"{name}.out_proj.bias", 0)


def norm(state, name, x):
    z = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return z * state[f"{name}.weight"] + state.get(f"{name}.bias", 0)


def formula(layer, function, x, memory=None, hidden=False, hidden_memory=False):
    """What a layer gives without dropout, batch first."""
    state = {name: t.detach().cpu().numpy() for name, t in layer.state_dict().items()}
    heads = layer.self_attn.num_heads
    parts = [lambda a: attention(state, "self_attn", heads, a, a, hidden)]
    if memory is not None:
        parts.append(lambda a: attention(state, "multihead_attn", heads, a, memory, hidden_memory))

    def feed(a):
        h = function(a @ state["linear1.weight"].T + state.get("linear1.bias", 0))
        return h @ state["linear2.weight"].T + state.get("linear2.bias", 0)

    for i, part in enumerate([*parts, feed], 1):
        x = x + part(norm(state, f"norm{i}", x)) if layer.norm_first else norm(state, f"norm{i}", x + part(x))
    return x


def made(kind, device, **options):
    """A layer of 6 features and 3 heads, all its parameters random."""
    gp.manual_seed(1)
    layer = kind(6, 3, 10, batch_first=True, device=device, dtype=gp.float64, **options)
    with gp.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(gp.randn(parameter.shape, dtype=gp.float64) * 0.5)
    return layer


def close(y, wanted):
    np.testing.assert_allclose(y.detach().cpu().numpy(), wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize(("activation", "bias"), [("relu", True), ("gelu", False), (gp.tanh, True)])
def test_encoder_layer(norm_first, activation, bias, device):
    layer = made(nn.TransformerEncoderLayer, device, norm_first=norm_first, activation=activation, bias=bias).eval()
    function = RELU[activation if isinstance(activation, str) else "tanh"]
    x = np.random.default_rng(0).standard_normal((2, 4, 6))
    given = gp.tensor(x, device=device)
    close(layer(given), formula(layer, function, x))
    padding = np.array([[False] * 4, [False, False, False, True]])
    causal = np.triu(np.ones((4, 4), bool), 1)
    masks = [gp.tensor(m, device=device) for m in (causal, padding)]
    close(layer(given, *masks), formula(layer, function, x, hidden=causal | padding[:, None, None]))
    close(layer(given, masks[0], is_causal=True), formula(layer, function, x, hidden=causal))
    close(layer(given[0]), formula(layer, function, x)[0])
    layer.train()
    assert not np.allclose(layer(given).detach().cpu().numpy(), formula(layer, function, x))


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_layer(norm_first, device):
    layer = made(nn.TransformerDecoderLayer, device, norm_first=norm_first).eval()
    rng = np.random.default_rng(0)
    x, memory = rng.standard_normal((2, 4, 6)), rng.standard_normal((2, 5, 6))
    given = [gp.tensor(a, device=device) for a in (x, memory)]
    close(layer(*given), formula(layer, RELU["relu"], x, memory))
    hidden, of_memory = np.triu(np.ones((4, 4), bool), 1), np.eye(4, 5, dtype=bool)
    padding = np.array([[False] * 5, [False] * 3 + [True] * 2])
    y = layer(
        *given,
        gp.tensor(hidden, device=device),
        gp.tensor(of_memory, device=device),
        memory_key_padding_mask=gp.tensor(padding, device=device),
    )
    close(y, formula(layer, RELU["relu"], x, memory, hidden, of_memory | padding[:, None, None]))


@pytest.mark.parametrize("kind", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
def test_the_sequence_first(kind):
    """Unless the batch is said to come first, it is the second dimension."""
    first = made(kind, "cpu", dropout=0.0)
    second = kind(6, 3, 10, dropout=0.0, dtype=gp.float64)
    second.load_state_dict(first.state_dict())
    inputs = [gp.randn(2, 4, 6, dtype=gp.float64) for _ in range(1 if kind is nn.TransformerEncoderLayer else 2)]
    close(second(*[x.transpose(0, 1) for x in inputs]).transpose(0, 1), first(*inputs).detach().numpy())


@pytest.mark.parametrize("kind", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
def test_gradients(kind):
    layer = made(kind, "cpu", dropout=0.0, activation="gelu")
    inputs = [
        gp.randn(1, 2, 6, dtype=gp.float64, requires_grad=True)
        for _ in range(1 if kind is nn.TransformerEncoderLayer else 2)
    ]
    assert gp.autograd.gradcheck(layer, inputs)
    layer(*inputs).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_no_weights_are_asked_for(monkeypatch):
    """The attention is the one that never holds its weights in memory."""
    asked = []
    forward = MultiheadAttention.forward

    def spy(self, *args, **kwargs):
        asked.append(kwargs["need_weights"])
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(MultiheadAttention, "forward", spy)
    x = gp.randn(3, 2, 6)
    nn.TransformerEncoderLayer(6, 3, 10)(x)
    nn.TransformerDecoderLayer(6, 3, 10)(x, x)
    assert asked == [False] * 3


def test_activation_may_be_a_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=nn.PReLU())
    assert layer.state_dict()["activation.weight"].shape == (1,)
    for kind in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer):
        with pytest.raises(ArgumentError, match="activation should be relu/gelu, not tanh"):
            kind(4, 2, activation="tanh")


def test_an_error_names_the_layer():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    with pytest.raises(AssertionError, match=r"TransformerEncoderLayer.self_attn.*expecting embedding dimension of 4"):
        layer(gp.randn(3, 2, 5))


def peak(device, act):
    """The most bytes that `act` needs at once, beside what there was before."""
    if device == "cpu":
        tracemalloc.start()
        act()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most
    gp.cuda.reset_peak_memory_stats()
    before = gp.cuda.memory_allocated()
    act()
    return gp.cuda.max_memory_allocated() - before


def test_memory_does_not_grow_with_the_square_of_the_length(device):
    """Forward and backward need far less than the weights of all heads would take."""
    length = 2048 if device == "cpu" else 256
    layer = nn.TransformerEncoderLayer(8, 4, 8, dropout=0.0, device=device)
    x = gp.randn(length, 1, 8, device=device)
    layer(x[:8]).sum().backward()
    assert 0 < peak(device, lambda: layer(x).sum().backward()) < 4 * length * length * 4 / 4
