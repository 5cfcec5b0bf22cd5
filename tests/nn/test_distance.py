import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def test_layers_are_the_functions(device):
    a, b = (gp.arange(6, dtype=gp.float32, device=device).reshape(2, 3) * k - 2 for k in (1, 3))
    assert gp.equal(nn.CosineSimilarity()(a, b), F.cosine_similarity(a, b))
    assert gp.equal(nn.CosineSimilarity(dim=0, eps=2.0)(a, b), F.cosine_similarity(a, b, 0, 2.0))
    assert gp.equal(nn.PairwiseDistance()(a, b), F.pairwise_distance(a, b))
    assert gp.equal(nn.PairwiseDistance(1.0, 0.5, True)(a, b), F.pairwise_distance(a, b, 1.0, 0.5, True))


def test_their_settings():
    assert (nn.CosineSimilarity(2).dim, nn.CosineSimilarity().eps) == (2, 1e-8)
    layer = nn.PairwiseDistance(keepdim=True)
    assert (layer.norm, layer.eps, layer.keepdim) == (2.0, 1e-6, True)
    assert repr(layer) == "PairwiseDistance()"
