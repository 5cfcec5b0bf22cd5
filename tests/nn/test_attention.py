"""MultiheadAttention: its parameters, and its numbers against the formula."""

import warnings

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentTypeError
from gpunn.nn import attention

F = nn.functional


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def formula(layer, query, key, value, mask=0.0):
    """Output (L, N, E) and weights (N, heads, L, S) of a layer with one weight for the three projections."""
    state = {name: t.cpu().numpy() for name, t in layer.state_dict().items()}
    weights, biases = np.split(state["in_proj_weight"], 3), np.split(state["in_proj_bias"], 3)
    projected = [x @ w.T + b for x, w, b in zip((query, key, value), weights, biases, strict=True)]
    if "bias_k" in state:
        projected[1:] = [
            np.concatenate([x, np.broadcast_to(state[name], (1, *x.shape[1:]))])
            for x, name in zip(projected[1:], ("bias_k", "bias_v"), strict=True)
        ]
    q, k, v = [x.reshape(*x.shape[:2], layer.num_heads, -1).transpose(1, 2, 0, 3) for x in projected]
    if layer.add_zero_attn:
        k, v = [np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 0))) for x in (k, v)]
    found = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + mask)
    y = (found @ v).transpose(2, 0, 1, 3).reshape(query.shape)
    return y @ state["out_proj.weight"].T + state["out_proj.bias"], found


def case(device, batch_first=False, **options):
    """A layer with random biases, and arrays for it: query (5, 2, 6), key and value (7, 2, 6)."""
    gp.manual_seed(3)
    rng = np.random.default_rng(4)
    layer = nn.MultiheadAttention(6, 3, batch_first=batch_first, device=device, dtype=gp.float64, **options)
    with gp.no_grad():
        for parameter in layer.parameters():
            if parameter.dim() == 1:
                parameter.copy_(gp.tensor(rng.standard_normal(parameter.shape), device=device))
    return layer, [rng.standard_normal((n, 2, 6)) for n in (5, 7, 7)]


@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_output_and_weights(options, device):
    layer, arrays = case(device, **options)
    wanted, weights = formula(layer, *arrays)
    tensors = [gp.tensor(a, device=device) for a in arrays]
    for need_weights in (True, False):
        y, found = layer(*tensors, need_weights=need_weights)
        np.testing.assert_allclose(y.detach().cpu().numpy(), wanted, rtol=1e-10, atol=1e-12)
        assert (found is None) != need_weights
        if found is not None:
            np.testing.assert_allclose(found.detach().cpu().numpy(), weights.mean(1), rtol=1e-10)
    _, found = layer(*tensors, average_attn_weights=False)
    np.testing.assert_allclose(found.detach().cpu().numpy(), weights, rtol=1e-10)


@pytest.mark.parametrize("need_weights", [True, False])
def test_masks(need_weights, device):
    layer, arrays = case(device)
    tensors = [gp.tensor(a, device=device) for a in arrays]
    padding, hidden = np.zeros((2, 7), bool), np.triu(np.ones((5, 7), bool), 2)
    padding[1, 3:] = True
    added = np.where(padding[:, None, None] | hidden, -np.inf, 0.0)
    y, _ = layer(*tensors, gp.tensor(padding, device=device), need_weights, attn_mask=gp.tensor(hidden, device=device))
    np.testing.assert_allclose(y.detach().cpu().numpy(), formula(layer, *arrays, added)[0], rtol=1e-10, atol=1e-12)
    per_head = np.linspace(-1, 1, 2 * 3 * 5 * 7).reshape(6, 5, 7)
    y, _ = layer(*tensors, None, need_weights, attn_mask=gp.tensor(per_head, device=device))
    wanted, _ = formula(layer, *arrays, per_head.reshape(2, 3, 5, 7))
    np.testing.assert_allclose(y.detach().cpu().numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_causal_hint(device):
    layer, (x, _, _) = case(device)
    tensor = gp.tensor(x, device=device)
    hidden = gp.tensor(np.triu(np.ones((5, 5), bool), 1), device=device)
    with_mask, _ = layer(tensor, tensor, tensor, attn_mask=hidden, need_weights=False)
    hinted, _ = layer(tensor, tensor, tensor, attn_mask=hidden, need_weights=False, is_causal=True)
    wanted, _ = formula(layer, x, x, x, np.where(np.tri(5, dtype=bool), 0.0, -np.inf))
    for y in (with_mask, hinted):
        np.testing.assert_allclose(y.detach().cpu().numpy(), wanted, rtol=1e-10, atol=1e-12)
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        layer(tensor, tensor, tensor, is_causal=True)


def test_shared_inputs_and_layouts(device):
    """One tensor for two or three inputs, the batch first, and no batch give the numbers of separate tensors."""
    layer, (q, k, _) = case(device)
    first, _ = case(device, batch_first=True)
    for query, key in ((q, k), (q, q)):
        a = gp.tensor(query, device=device, requires_grad=True)
        b = a if key is query else gp.tensor(key, device=device, requires_grad=True)
        y, weights = layer(a, b, b)
        np.testing.assert_allclose(y.detach().cpu().numpy(), formula(layer, query, key, key)[0], rtol=1e-10, atol=1e-12)
        a_first = a.transpose(0, 1)
        b_first = a_first if b is a else b.transpose(0, 1)
        turned, _ = first(a_first, b_first, b_first)
        np.testing.assert_allclose(turned.detach().cpu().numpy(), y.detach().cpu().numpy().swapaxes(0, 1), rtol=1e-10)
        alone, of_one = layer(a[:, 0], b[:, 0], b[:, 0])
        np.testing.assert_allclose(alone.detach().cpu().numpy(), y.detach().cpu().numpy()[:, 0], rtol=1e-10)
        np.testing.assert_allclose(of_one.detach().cpu().numpy(), weights.detach().cpu().numpy()[0], rtol=1e-10)


def test_other_features_of_keys_and_values():
    layer = nn.MultiheadAttention(6, 2, kdim=4, vdim=5)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert list(shapes) == [
        *("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias"),
        *("out_proj.weight", "out_proj.bias"),
    ]
    assert (shapes["k_proj_weight"], shapes["v_proj_weight"]) == ((6, 4), (6, 5))
    y, weights = layer(gp.ones(3, 2, 6), gp.ones(4, 2, 4), gp.ones(4, 2, 5))
    assert (tuple(y.shape), tuple(weights.shape)) == ((3, 2, 6), (2, 3, 4))
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_dropout_is_for_training(device):
    gp.manual_seed(0)
    layer = nn.MultiheadAttention(6, 2, dropout=0.5, device=device)
    x = gp.ones(4, 2, 6, device=device)
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert set(np.round(weights.detach().cpu().numpy(), 6).flat) == {0.0, 0.5}
    layer.eval()
    _, weights = layer(x, x, x)
    np.testing.assert_allclose(weights.detach().cpu().numpy(), 0.25, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 2e-7), ("float16", 2e-3), ("bfloat16", 1.5e-2)])
@pytest.mark.parametrize("need_weights", [True, False])
def test_short_types(need_weights, dtype, limit, device):
    """With scores of a usual size, the output is right to about two roundings of its own type."""
    layer, (x, _, _) = case(device)
    layer.to(getattr(gp, dtype))
    x = gp.tensor(x, device=device).to(getattr(gp, dtype))
    y, _ = layer(x, x, x, need_weights=need_weights)
    exact = x.double().cpu().numpy()
    wanted, _ = formula(layer.double(), exact, exact, exact)
    assert np.abs(y.detach().double().cpu().numpy() - wanted).max() < limit * np.abs(wanted).max()


def test_static_keys_and_values():
    x, weight = gp.ones(3, 2, 4), gp.ones(12, 4)
    keys, values = gp.zeros(4, 5, 2), gp.tensor(np.arange(40.0).reshape(4, 5, 2), dtype=gp.float32)
    y, found = F.multi_head_attention_forward(
        *(x, x, x, 4, 2, weight, None, None, None, False, 0.0, gp.eye(4), None), static_k=keys, static_v=values
    )
    np.testing.assert_allclose(found.numpy(), np.full((2, 3, 5), 0.2), rtol=1e-6)
    wanted = values.numpy().mean(1).reshape(2, 4)
    np.testing.assert_allclose(y.numpy(), np.broadcast_to(wanted, (3, 2, 4)), rtol=1e-6)


def test_start():
    layer = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    bound = (6 / (64 + 3 * 64)) ** 0.5
    weight = layer.in_proj_weight.detach().numpy()
    assert 0.95 * bound < np.abs(weight).max() <= bound
    assert not layer.in_proj_bias.detach().numpy().any() and not layer.out_proj.bias.detach().numpy().any()
    assert repr(layer) == "MultiheadAttention(\n  (out_proj): Linear(in_features=64, out_features=64, bias=True)\n)"


@pytest.mark.parametrize(
    ("shapes", "options", "text"),
    [
        ([(3,), (3,), (3,)], {}, "2D or batched 3D"),
        ([(3, 2, 6), (3, 6), (3, 6)], {}, "to be 3-D"),
        ([(3, 2, 5), (3, 2, 5), (3, 2, 5)], {}, "embedding dimension of 6, but got 5"),
        ([(3, 2, 6), (3, 2, 6), (4, 2, 6)], {}, "does not match value shape"),
        ([(3, 2, 6), (3, 2, 6), (3, 2, 6)], {"attn_mask": (3, 4)}, "The shape of the 2D attn_mask"),
        ([(3, 2, 6), (3, 2, 6), (3, 2, 6)], {"attn_mask": (3,)}, "2-D or 3-D"),
        ([(3, 6), (3, 6), (3, 6)], {"attn_mask": (3, 3, 3)}, "Expected `attn_mask` shape"),
        ([(3, 2, 6), (3, 2, 6), (3, 2, 6)], {"key_padding_mask": (3,)}, "or 2-D"),
        ([(3, 2, 6), (3, 2, 6), (3, 2, 6)], {"key_padding_mask": (2, 4)}, "expected a key_padding_mask"),
    ],
)
def test_errors(shapes, options, text):
    masks = {name: gp.zeros(*shape) for name, shape in options.items()}
    with pytest.raises((AssertionError, RuntimeError), match=text):
        nn.MultiheadAttention(6, 2)(*[gp.ones(*shape) for shape in shapes], **masks)


def test_errors_of_the_layer():
    with pytest.raises(ValueError, match="greater than 0"):
        nn.MultiheadAttention(0, 2)
    with pytest.raises(AssertionError, match="divisible"):
        nn.MultiheadAttention(5, 2)
    x = gp.ones(3, 2, 4)
    with pytest.raises(AssertionError, match="only bool and floating"):
        nn.MultiheadAttention(4, 2)(x, x, x, attn_mask=gp.zeros(3, 3).long())
    with warnings.catch_warnings(), pytest.raises(UserWarning, match="mismatched"):
        warnings.simplefilter("error")
        nn.MultiheadAttention(4, 2)(x, x, x, gp.zeros(2, 3), attn_mask=gp.zeros(3, 3).bool())


def test_wishes_for_an_algorithm_change_nothing():
    q = gp.rand(1, 2, 3, 4)
    plain = nn.functional.scaled_dot_product_attention(q, q, q)
    for wish in (attention.SDPBackend.MATH, [attention.SDPBackend.FLASH_ATTENTION, attention.SDPBackend.MATH]):
        with attention.sdpa_kernel(wish):
            assert gp.equal(nn.functional.scaled_dot_product_attention(q, q, q), plain)
    for wrong in ("math", [1]):
        with pytest.raises(ArgumentTypeError, match="expected an SDPBackend"), attention.sdpa_kernel(wrong):
            pass
