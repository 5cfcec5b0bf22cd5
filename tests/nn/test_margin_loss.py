import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional
A, B, C = gp.randn(4, 3), gp.randn(4, 3), gp.randn(4, 3)
SIGNS, LABELS = gp.randn(4, 3).sign(), gp.tensor([0, 2, 1, 1])
WEIGHT = gp.tensor([1.0, 2.0, 0.5])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("layer", "function", "inputs", "options"),
    [
        (nn.HingeLoss, F.hinge_loss, (A, SIGNS), {}),
        (nn.SoftMarginLoss, F.soft_margin_loss, (A, SIGNS), {}),
        (nn.HingeEmbeddingLoss, F.hinge_embedding_loss, (A, SIGNS), {"margin": 5.0}),
        (nn.MarginRankingLoss, F.margin_ranking_loss, (A, B, SIGNS), {"margin": 5.0}),
        (nn.CosineEmbeddingLoss, F.cosine_embedding_loss, (A, B, gp.tensor([1, -1, -1, 1])), {"margin": -0.9}),
        (nn.TripletMarginLoss, F.triplet_margin_loss, (A, B, C), {"margin": 9.0, "p": 1.0, "eps": 0.1, "swap": True}),
        (
            nn.TripletMarginWithDistanceLoss,
            F.triplet_margin_with_distance_loss,
            (A, B, C),
            {"margin": 9.0, "swap": True, "distance_function": F.cosine_similarity},
        ),
        (nn.MultiMarginLoss, F.multi_margin_loss, (A, LABELS), {"p": 2, "margin": 5.0, "weight": WEIGHT}),
        (nn.MultiLabelMarginLoss, F.multilabel_margin_loss, (A, gp.tensor([[0, 2, -1]] * 4)), {}),
        (nn.MultiLabelSoftMarginLoss, F.multilabel_soft_margin_loss, (A, (SIGNS + 1) / 2), {"weight": WEIGHT}),
    ],
)
def test_layer(layer, function, inputs, options, reduction):
    loss = layer(**options, reduction=reduction)
    assert loss(*inputs).tolist() == function(*inputs, **options, reduction=reduction).tolist()
    assert loss(*inputs).tolist() != layer(reduction=reduction)(*inputs).tolist() or not options
    assert repr(loss).startswith(f"{layer.__name__}(")


def test_distance_of_triplets():
    """Unless given it is a layer, as PyTorch's; a layer that is given is part of the loss."""
    assert isinstance(nn.TripletMarginWithDistanceLoss().distance_function, nn.PairwiseDistance)
    layer = nn.TripletMarginWithDistanceLoss(distance_function=nn.CosineSimilarity())
    assert [name for name, _ in layer.named_children()] == ["distance_function"]
    with pytest.raises(ValueError, match="expected margin to be greater than 0, got -1 instead"):
        nn.TripletMarginWithDistanceLoss(margin=-1)


def test_what_multi_margin_loss_refuses_when_it_is_made():
    with pytest.raises(ValueError, match="only p == 1 and p == 2 supported, got 3"):
        nn.MultiMarginLoss(p=3)
    with pytest.raises(ValueError, match="None or 1D tensor, got 2D"):
        nn.MultiMarginLoss(weight=gp.ones(2, 2))
