import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError

one_hot = gp.nn.functional.one_hot


@pytest.mark.parametrize("labels", [[0, 2, 1], [[3, 0], [1, 1]], 2])
def test_with_as_many_classes_as_there_are(labels, device):
    y = one_hot(gp.tensor(labels, device=device))
    assert y.dtype is gp.int64 and y.device.type == device
    assert y.tolist() == np.eye(np.max(labels) + 1, dtype=int)[labels].tolist()


def test_with_more_classes_and_strides(device):
    labels = np.arange(12).reshape(3, 4)
    y = one_hot(gp.tensor(labels, device=device).T[::2], 20)
    assert y.tolist() == np.eye(20, dtype=int)[labels.T[::2]].tolist()


def test_empty(device):
    assert one_hot(gp.zeros(0, 3, dtype=gp.int64, device=device), 5).shape == (0, 3, 5)


@pytest.mark.parametrize(
    ("labels", "classes", "error", "words"),
    [
        (
            [[0, 1], [2, -7]],
            3,
            IndexRangeError,
            r"one_hot: .*non-negative, got -7 at index \[1, 1\] of a tensor of shape|index -7 at position \(1, 1\) ",
        ),
        (
            [0, 3],
            3,
            IndexRangeError,
            r"smaller than num_classes \(3\), got 3 at index \[1\]|index 3 at position 1 .* with size 3",
        ),
        ([0, 1], 0, ArgumentError, "num_classes must be -1 or positive, got 0"),
        ([0, 1], -2, ArgumentError, "num_classes must be -1 or positive, got -2"),
        ([], -1, ArgumentError, "Can not infer total number of classes from empty tensor"),
    ],
)
def test_values_out_of_range(labels, classes, error, words, device):
    with pytest.raises(error, match=words) as raised:
        one_hot(gp.tensor(labels, dtype=gp.int64, device=device), classes).cpu()
    assert isinstance(raised.value, RuntimeError)


def test_wrong_types():
    with pytest.raises(DtypeError, match=r"applicable to index tensor of type LongTensor, got gpunn.int32; use x.long"):
        one_hot(gp.tensor([1], dtype=gp.int32))
    with pytest.raises(ArgumentTypeError, match="one_hot: expected a Tensor, got list"):
        one_hot([1])
