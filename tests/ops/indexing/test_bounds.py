import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.errors import IndexRangeError
from gpunn.ops.indexing.bounds import check_bounds, check_index


def on(device, values):
    return backend.to_device(np.array(values), backend.device(device))


def test_what_is_in_range_passes(device):
    check_bounds("op", on(device, [0, 2]), 1, 3)
    check_bounds("op", on(device, [-3, 2]), 1, 3, negative=True)
    check_bounds("op", on(device, np.zeros(0, int)), 1, 0)


@pytest.mark.parametrize(
    ("values", "negative", "words"),
    [
        ([0, 3, 4], False, "op: index 3 at position 1 is out of bounds for dimension 2 with size 3"),
        ([[0, 1], [-1, 5]], False, r"index -1 at position \(1, 0\) is out of bounds"),
        ([-3, -4], True, "index -4 at position 1 is out of bounds"),
        (7, True, "index 7 is out of bounds for dimension 2"),
        ([0], False, None),
    ],
)
def test_the_first_offender_is_named(values, negative, words, device):
    if words is None:
        with pytest.raises(IndexRangeError, match="with size 0"):
            check_bounds("op", on(device, values), 0, 0)
        return
    for error in (IndexError, RuntimeError):  # PyTorch raises either
        with pytest.raises(error, match=words):
            check_bounds("op", on(device, values), 2, 3, negative=negative)


def test_check_index():
    check_index("op", gp.tensor([1]))
    check_index("op", gp.tensor([1], dtype=gp.int32), "int32 int64")
    with pytest.raises(RuntimeError, match=r"op: Expected dtype int64 for index, got int32; use index.long\(\)"):
        check_index("op", gp.tensor([1], dtype=gp.int32))
    with pytest.raises(TypeError, match="the index must be a Tensor, got list"):
        check_index("op", [1])
