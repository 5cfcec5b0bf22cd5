import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, ArgumentTypeError

F = nn.functional
SCORES, LABELS = gp.randn(4, 3), gp.tensor([0, 2, 1, 1])
PROBABILITIES, TARGETS = gp.rand(4, 3), gp.rand(4, 3)
WEIGHT = gp.tensor([1.0, 2.0, 0.5])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("layer", "function", "inputs", "options"),
    [
        (nn.MSELoss, F.mse_loss, (SCORES, TARGETS), {}),
        (nn.L1Loss, F.l1_loss, (SCORES, TARGETS), {}),
        (nn.BCELoss, F.binary_cross_entropy, (PROBABILITIES, TARGETS), {"weight": WEIGHT}),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, (SCORES, TARGETS), {"weight": WEIGHT}),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, (SCORES, TARGETS), {"pos_weight": WEIGHT}),
        (nn.NLLLoss, F.nll_loss, (SCORES, LABELS), {"weight": WEIGHT, "ignore_index": 1}),
        (nn.CrossEntropyLoss, F.cross_entropy, (SCORES, LABELS), {"weight": WEIGHT, "ignore_index": 2}),
        (nn.CrossEntropyLoss, F.cross_entropy, (SCORES, TARGETS), {"label_smoothing": 0.2}),
        (nn.SmoothL1Loss, F.smooth_l1_loss, (SCORES, TARGETS), {"beta": 0.1}),
        (nn.HuberLoss, F.huber_loss, (SCORES, TARGETS), {"delta": 0.1}),
        (nn.KLDivLoss, F.kl_div, (SCORES, TARGETS), {"log_target": True}),
        (nn.PoissonNLLLoss, F.poisson_nll_loss, (TARGETS, TARGETS), {"log_input": False, "eps": 0.1}),
        (nn.GaussianNLLLoss, F.gaussian_nll_loss, (SCORES, TARGETS, TARGETS), {"full": True, "eps": 0.5}),
    ],
)
def test_layer(layer, function, inputs, options, reduction, device):
    inputs = [x.to(device) for x in inputs]
    loss = layer(**options, reduction=reduction).to(device)
    own = {name: value.to(device) if isinstance(value, gp.Tensor) else value for name, value in options.items()}
    assert loss(*inputs).tolist() == function(*inputs, **own, reduction=reduction).tolist()
    assert loss(*inputs).tolist() != layer(reduction=reduction)(*inputs).tolist() or not options
    assert repr(loss) == f"{layer.__name__}()"


def test_weights_are_buffers():
    assert list(nn.CrossEntropyLoss(WEIGHT).state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=WEIGHT).state_dict()) == ["pos_weight"]
    assert list(nn.NLLLoss().state_dict()) == [] and nn.NLLLoss().weight is None
    assert nn.BCELoss(WEIGHT).double().weight.dtype is gp.float64


def test_old_flags_and_unknown_reductions():
    assert nn.MSELoss(size_average=False).reduction == "sum"
    assert nn.CrossEntropyLoss(None, None, -100, False).reduction == "none"
    with pytest.raises(ArgumentError, match="L1Loss: average is not a valid value for reduction"):
        nn.L1Loss(reduction="average")
    with pytest.raises(ArgumentTypeError, match="HuberLoss: delta must be a float or int, got: <class 'str'>"):
        nn.HuberLoss(delta="1")


def test_divergence_of_a_batch():
    loss = nn.KLDivLoss(reduction="batchmean")
    assert loss.reduction == "batchmean"
    assert loss(SCORES, TARGETS).item() == F.kl_div(SCORES, TARGETS, reduction="batchmean").item()


def test_ctc():
    x, labels = SCORES.unsqueeze(1).log_softmax(2), gp.tensor([[2, 2]])
    found = nn.CTCLoss(1, "sum")(x, labels, [4], [2])
    assert found.item() == F.ctc_loss(x, labels, [4], [2], 1, "sum").item()
