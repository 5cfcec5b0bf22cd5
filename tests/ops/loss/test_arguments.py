import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.loss.arguments import reduction_name

F = gp.nn.functional
ELEMENTWISE = [F.mse_loss, F.l1_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits]


@pytest.mark.parametrize(
    ("size_average", "reduce", "name"),
    [
        (None, None, "sum"),
        (True, None, "mean"),
        (False, None, "sum"),
        (None, True, "mean"),
        (None, False, "none"),
        (False, True, "sum"),
        (True, False, "none"),
    ],
)
def test_flags_say_the_reduction(size_average, reduce, name):
    assert reduction_name("op", "sum", size_average, reduce) == name


@pytest.mark.parametrize("loss", [*ELEMENTWISE, F.cross_entropy, F.nll_loss])
def test_unknown_reduction(loss):
    with pytest.raises(ArgumentError, match=f"{loss.__name__}: average is not a valid value for reduction"):
        loss(gp.zeros(2, 2), gp.zeros(2, 2), reduction="average")


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_column_against_row_is_refused(loss):
    input, target = gp.full((4, 1), 0.5), gp.full((4,), 0.5)
    with pytest.raises(ShapeError) as raised:
        loss(input, target)
    text = str(raised.value)
    assert text.startswith(f"{loss.__name__}: input and target must have the same shape, got (4, 1) and (4,)")
    assert "Use target.reshape(input.shape)" in text
    with pytest.raises(ShapeError, match=r"got \(4, 1\) and \(2, 1\).*Use a target for each element"):
        loss(input, gp.zeros(2, 1))


@pytest.mark.parametrize("loss", [*ELEMENTWISE, F.cross_entropy, F.nll_loss])
def test_what_is_no_tensor_is_refused(loss):
    with pytest.raises(ArgumentTypeError, match=f"{loss.__name__}: target must be a Tensor, got int"):
        loss(gp.zeros(2, 2), 1)
    with pytest.raises(ArgumentTypeError, match=f"{loss.__name__}: input must be a Tensor, got list"):
        loss([1.0], gp.zeros(1))
