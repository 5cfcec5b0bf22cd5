"""Stacks of layers are their layers one after the other; masks that are causal are found."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ShapeError


def values(x):
    return x.detach().cpu().numpy()


@pytest.fixture
def small():
    gp.manual_seed(2)
    return nn.Transformer(6, 3, 2, 2, 10, dropout=0.0, batch_first=True, dtype=gp.float64)


def test_stacks_are_layers_in_a_row(small):
    src, tgt = gp.randn(2, 4, 6, dtype=gp.float64), gp.randn(2, 3, 6, dtype=gp.float64)
    memory = src
    for layer in small.encoder.layers:
        memory = layer(memory)
    memory = small.encoder.norm(memory)
    np.testing.assert_array_equal(values(small.encoder(src)), values(memory))
    y = tgt
    for layer in small.decoder.layers:
        y = layer(y, memory)
    np.testing.assert_array_equal(values(small(src, tgt)), values(small.decoder.norm(y)))
    bare = nn.TransformerEncoder(small.encoder.layers[0], 1)
    np.testing.assert_array_equal(values(bare(src)), values(small.encoder.layers[0](src)))


def test_copies_are_apart():
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    stack = nn.TransformerEncoder(layer, 3)
    weights = [each.linear1.weight for each in [layer, *stack.layers]]
    assert len({w.data_ptr() for w in weights}) == 4
    assert all(np.array_equal(values(w), values(weights[0])) for w in weights)
    assert stack.layers[0].training and not stack.eval().layers[2].dropout1.training


def test_names_and_shapes():
    found = {name: tuple(p.shape) for name, p in nn.Transformer(8, 2, 1, 1, 16).named_parameters()}
    part = {
        **{"in_proj_weight": (24, 8), "in_proj_bias": (24,)},
        **{"out_proj.weight": (8, 8), "out_proj.bias": (8,)},
    }
    feed = {"linear1.weight": (16, 8), "linear1.bias": (16,), "linear2.weight": (8, 16), "linear2.bias": (8,)}
    wanted = {}
    for side, attentions, norms in (("encoder", ["self_attn"], 2), ("decoder", ["self_attn", "multihead_attn"], 3)):
        wanted |= {f"{side}.layers.0.{a}.{name}": shape for a in attentions for name, shape in part.items()}
        wanted |= {f"{side}.layers.0.{name}": shape for name, shape in feed.items()}
        for i in range(1, norms + 1):
            wanted |= {f"{side}.layers.0.norm{i}.{name}": (8,) for name in ("weight", "bias")}
        wanted |= {f"{side}.norm.{name}": (8,) for name in ("weight", "bias")}
    assert list(found.items()) == list(wanted.items())


def test_start(small):
    """Every matrix is Xavier uniform, and no two layers of a Transformer start alike."""
    for name, parameter in small.named_parameters():
        if parameter.dim() > 1:
            bound = (6 / sum(parameter.shape)) ** 0.5
            assert 0.8 * bound < np.abs(values(parameter)).max() <= bound, name
    first, second = [values(layer.linear1.weight) for layer in small.encoder.layers]
    assert not np.array_equal(first, second)


def test_square_subsequent_mask(device):
    mask = nn.Transformer.generate_square_subsequent_mask(3, device=device, dtype=gp.float64)
    inf = np.inf
    assert mask.dtype is gp.float64 and mask.device.type == device
    np.testing.assert_array_equal(mask.cpu().numpy(), [[0, -inf, -inf], [0, 0, -inf], [0, 0, 0]])
    assert nn.Transformer.generate_square_subsequent_mask(2).dtype is gp.float32
    of_bools = nn.Transformer.generate_square_subsequent_mask(2, dtype=gp.bool)
    np.testing.assert_array_equal(of_bools.numpy(), [[False, True], [False, False]])


@pytest.mark.parametrize("dtype", ["float64", "bool"])
def test_causal_masks_are_found(small, dtype, monkeypatch):
    """A causal mask is left to the attention as a hint; any other mask is passed on as it is."""
    hints = []
    attention = type(small.encoder.layers[0].self_attn)
    forward = attention.forward

    def spy(self, *args, **kwargs):
        hints.append(kwargs["is_causal"])
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(attention, "forward", spy)
    x = gp.randn(2, 4, 6, dtype=gp.float64)
    mask = small.generate_square_subsequent_mask(4, dtype=getattr(gp, dtype))
    other = mask.clone()
    other[0, 1] = False if dtype == "bool" else 0.0
    for given, said, wanted in ((mask, None, True), (other, None, False), (mask, False, False), (None, None, False)):
        hints.clear()
        small.encoder(x, given, is_causal=said)
        assert hints == [wanted] * 2
        hints.clear()
        small.decoder(x, x, given, tgt_is_causal=said)
        assert hints == [wanted, False] * 2
    np.testing.assert_allclose(
        values(small.encoder(x, mask)), values(small.encoder(x, mask, is_causal=False)), rtol=1e-9
    )


def test_a_causal_decoder_cannot_look_ahead(small):
    src, tgt = gp.randn(1, 4, 6, dtype=gp.float64), gp.randn(1, 5, 6, dtype=gp.float64)
    mask = small.generate_square_subsequent_mask(5, dtype=gp.float64)
    before = values(small(src, tgt, tgt_mask=mask))
    tgt[0, 3] = 9.0
    after = values(small(src, tgt, tgt_mask=mask))
    np.testing.assert_allclose(after[0, :3], before[0, :3], rtol=1e-9)
    assert not np.allclose(after[0, 3:], before[0, 3:])


def test_padding_counts_for_nothing(small):
    src, tgt = gp.randn(1, 4, 6, dtype=gp.float64), gp.randn(1, 3, 6, dtype=gp.float64)
    padding = gp.tensor([[False, False, True, True]])
    y = small(src, tgt, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    np.testing.assert_allclose(values(y), values(small(src[:, :2], tgt)), rtol=1e-9, atol=1e-12)


def test_custom_parts_take_the_place():
    class Same(nn.Module):
        def forward(self, src, **options):
            return src * 2

    model = nn.Transformer(4, 2, custom_encoder=Same(), custom_decoder=nn.TransformerDecoder(Same(), 0))
    assert list(model.encoder.parameters()) == [] and len(model.decoder.layers) == 0


@pytest.mark.parametrize("batch_first", [False, True])
def test_sizes_are_checked(batch_first):
    model = nn.Transformer(4, 2, 1, 1, 8, batch_first=batch_first)
    a, b = ((2, 3, 4), (1, 3, 4)) if batch_first else ((3, 2, 4), (3, 1, 4))
    with pytest.raises(ShapeError, match=r"batch number of src and tgt must be equal.*got src \("):
        model(gp.ones(a), gp.ones(b))
    with pytest.raises(RuntimeError, match=r"must be equal to d_model, 4; got src \(3, 5\) and tgt \(3, 4\)"):
        model(gp.ones(3, 5), gp.ones(3, 4))


def test_on_the_gpu_as_on_the_cpu(device):
    gp.manual_seed(0)
    model = nn.Transformer(8, 2, 1, 1, 8, dropout=0.0)
    src, tgt = gp.randn(5, 2, 8), gp.randn(4, 2, 8)
    mask = model.generate_square_subsequent_mask(4)
    wanted = model(src, tgt, tgt_mask=mask)
    wanted.square().sum().backward()
    gradients = [values(p.grad) for p in model.parameters()]
    model.zero_grad()
    model.to(device)
    found = model(src.to(device), tgt.to(device), tgt_mask=mask.to(device))
    np.testing.assert_allclose(values(found), values(wanted), rtol=1e-4, atol=1e-5)
    found.square().sum().backward()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_allclose(values(parameter.grad), gradient, rtol=1e-3, atol=2e-4)
