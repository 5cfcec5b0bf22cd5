import numpy as np
import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.harness import check_dtypes, check_op, distinct


def reference(x, weight, bias, stride, padding, dilation):
    """Position by position, each with its own filters."""
    rows, columns, channels, _, *kernel = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), *[(p, p) for p in padding]))
    y = np.empty((len(x), channels, rows, columns), x.dtype)
    for p, q in np.ndindex(rows, columns):
        h, w = (
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, s, d, k in zip((p, q), stride, dilation, kernel, strict=True)
        )
        y[:, :, p, q] = np.einsum("ncij,kcij->nk", padded[:, :, h, w], weight[p, q])
    return y if bias is None else y + bias


# input, output, kernel, stride, padding, dilation
CASES = [
    ((4, 5), (3, 4), (2, 2), (1, 1), (0, 0), (1, 1)),
    ((5, 4), (3, 2), (3, 1), (2, 2), (1, 0), (1, 1)),
    ((5, 6), (2, 3), (2, 2), (2, 3), (0, 2), (2, 3)),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("biased", [False, True])
def test_local_connections(case, biased, device):
    size, out, kernel, *settings = case
    shapes = [(2, 3, *size), (*out, 4, 3, *kernel), *[(4, *out)] * biased]

    def op(x, weight, bias=None):
        return F.locally_connected2d(x, weight, bias, *settings)

    def wanted(x, weight, bias=None):
        return reference(x, weight, bias, *settings)

    check_op(op, wanted, shapes, device)
    check_dtypes(op, wanted, shapes, device, factor=4)


def test_equal_filters_are_a_convolution(device):
    rng = np.random.default_rng(0)
    x, weight = (gp.tensor(distinct(s, rng), device=device) for s in [(2, 3, 5, 4), (6, 3, 2, 3)])
    found = F.locally_connected2d(x, weight.expand(4, 2, 6, 3, 2, 3))
    np.testing.assert_allclose(found.cpu().numpy(), F.conv2d(x, weight).cpu().numpy(), atol=1e-13)
    one = F.locally_connected2d(x[0], weight.expand(4, 2, 6, 3, 2, 3))
    np.testing.assert_allclose(one.cpu().numpy(), found[0].cpu().numpy(), atol=1e-13)
    assert F.locally_connected2d(x[:0], weight.expand(4, 2, 6, 3, 2, 3)).shape == (0, 6, 4, 2)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(2, 3, 4, 4), (3, 3, 5, 2, 2, 2)], r"expected input .* got \(2, 3, 4, 4\) and \(3, 3, 5, 2, 2, 2\)"),
        ([(2, 3, 4, 4), (9, 5, 3, 2, 2)], "expected input"),
        ([(3, 4), (3, 3, 5, 3, 2, 2)], "expected input"),
        ([(2, 3, 4, 4), (3, 4, 5, 3, 2, 2)], r"has 3 x 3 windows, the weight .* has filters for 3 x 4; stride=1"),
        ([(2, 3, 0, 4), (3, 3, 5, 3, 2, 2)], "must not be empty"),
        ([(2, 3, 4, 4), (3, 3, 5, 3, 2, 2), (5,)], r"expected bias \(5, 3, 3\) .* got \(5,\)"),
    ],
)
def test_errors(shapes, words):
    with pytest.raises(RuntimeError, match=words):
        F.locally_connected2d(*map(gp.ones, shapes))
