import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import IndexRangeError
from gpunn.ops.loss.labels import Labels

F = gp.nn.functional


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize(
    ("shape", "labels", "value", "place"),
    [
        ((3, 10), [0, 10, 11], 10, "1"),
        ((2, 3), [0, -1], -1, "1"),
        ((1, 3, 2, 2), [[[0, 1], [2, 7]]], 7, r"\(0, 1, 1\)"),
    ],
)
def test_labels_out_of_range(loss, shape, labels, value, place, device):
    """At once on the CPU, when the result is read on a GPU, which works on."""
    at_once = rf"Target {value} is out of bounds: at position {place} of the batch, for {shape[1]} classes"
    late = rf"index {value} at position {place} is out of bounds for dimension 1 with size {shape[1]}"
    with pytest.raises(IndexRangeError, match=f"^{loss.__name__}: ({at_once}|{late})") as raised:
        loss(gp.zeros(shape, device=device), gp.tensor(labels, device=device)).item()
    assert isinstance(raised.value, IndexError)
    assert gp.ones(1, device=device).item() == 1


def test_a_label_out_of_range_may_be_ignored(device):
    x = gp.zeros(2, 4, device=device)
    y = F.cross_entropy(x, gp.tensor([99, 1], device=device), ignore_index=99)
    np.testing.assert_allclose(y.item(), np.log(4), rtol=1e-6)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 4.0])])
def test_shares_sum_to_what_each_row_weighs(weight):
    labels = Labels("op", np.array([0, 2, -100]), 3, weight, -100, 0.3)
    labels.keep()
    table = labels.share(np.dtype(np.float64), (3, 3))
    own = np.ones(3) if weight is None else weight
    np.testing.assert_allclose(table.sum(1), [0.7 * own[0] + 0.3 * own.mean(), 0.7 * own[2] + 0.3 * own.mean(), 0])
    np.testing.assert_allclose(labels.factor("mean"), 1 / (own[0] + own[2]))
