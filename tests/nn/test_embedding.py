import numpy as np
import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


def test_embedding(device):
    gp.manual_seed(0)
    layer = nn.Embedding(5, 3, padding_idx=-4, device=device)
    assert layer.padding_idx == 1
    assert layer.weight[1].tolist() == [0, 0, 0]
    index = gp.tensor([[0, 1], [4, 0]], device=device)
    assert layer(index).tolist() == layer.weight[index].tolist()
    layer(index).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [2, 0, 0, 0, 1]
    assert repr(layer) == "Embedding(5, 3, padding_idx=1)"


def test_every_setting_is_shown_and_passed_on():
    layer = nn.Embedding(4, 2, None, 0.5, 1.0, True, True)
    assert layer.extra_repr() == "4, 2, max_norm=0.5, norm_type=1.0, scale_grad_by_freq=True, sparse=True"
    layer(gp.tensor([0, 0, 2])).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [1, 0, 1, 0]
    assert np.abs(layer.weight.detach().numpy()[[0, 2]]).sum(1).max() <= 0.5001
    bag = nn.EmbeddingBag(4, 2, 0.5, 1.0, True, "sum", padding_idx=-1)
    wanted = "4, 2, max_norm=0.5, norm_type=1.0, scale_grad_by_freq=True, mode='sum', padding_idx=3"
    assert bag.extra_repr() == wanted


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode, device):
    layer = nn.EmbeddingBag(5, 3, mode=mode, include_last_offset=True, device=device)
    index, offsets = gp.tensor([0, 4, 2, 2], device=device), gp.tensor([0, 3, 4], device=device)
    found = layer(index, offsets)
    first = F.embedding_bag(index[:3][None], layer.weight, mode=mode)
    assert found.tolist() == [*first.tolist(), layer.weight[2].tolist()]


def test_from_pretrained():
    table = gp.tensor([[1.0, 2.3, 3], [4, 5.1, 6.3]])
    layer, bag = nn.Embedding.from_pretrained(table), nn.EmbeddingBag.from_pretrained(table, freeze=False)
    assert not layer.weight.requires_grad
    assert bag.weight.requires_grad
    assert layer(gp.tensor([1])).tolist() == table[1:].tolist()
    np.testing.assert_allclose(bag(gp.tensor([[1, 0]])).tolist(), [[2.5, 3.7, 4.65]], rtol=1e-6)


def test_a_frozen_table_may_hold_integers():
    layer = nn.Embedding.from_pretrained(gp.tensor([[1, 2], [3, 4]]))
    assert layer(gp.tensor([1])).tolist() == [[3, 4]] and layer.weight.dtype is gp.int64
    assert not nn.Embedding(3, 2, _freeze=True).weight.requires_grad


def test_errors():
    with pytest.raises(AssertionError, match="padding_idx must be within num_embeddings, -3 to 2, got 3"):
        nn.Embedding(3, 2, 3)
    with pytest.raises(RuntimeError, match=r"got \(2, 2\) for \(3, 2\)"):
        nn.EmbeddingBag(3, 2, _weight=gp.zeros(2, 2))
    with pytest.raises(RuntimeError, match="expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(gp.zeros(2))
