import numpy as np
import pytest

from gpunn.ops.resize.taps import Axis, taps_of

KINDS = ("nearest", "nearest-exact", "linear", "cubic", "linear-antialias", "cubic-antialias")


def matrix(taps):
    """The weights (out, size)."""
    found = np.zeros((taps.out, taps.size))
    for o, (first, count) in enumerate(zip(taps.first, taps.count, strict=True)):
        assert first >= 0 and first + count <= taps.size
        assert not taps.weights[o, count:].any()
        found[o, first : first + count] = taps.weights[o, :count]
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "out"), [(5, 12), (12, 5), (1, 7), (7, 1), (6, 6), (40, 3)])
def test_the_transposed_taps_are_the_transposed_matrix(kind, size, out):
    for axis in (Axis(size, out, kind), Axis(size, out, kind, True), Axis(size, out, kind, False, (out + 0.3) / size)):
        wanted = matrix(taps_of(axis, "float64", False))
        np.testing.assert_allclose(wanted.sum(1), np.ones(out), rtol=1e-12)
        np.testing.assert_array_equal(matrix(taps_of(axis, "float64", True)), wanted.T)


def test_weights_of_bytes_have_15_bits():
    weights = taps_of(Axis(7, 11, "cubic"), "uint8", False).weights
    scaled = weights * 2.0**15
    assert weights.dtype == np.float32 and (scaled == np.rint(scaled)).all()
    np.testing.assert_allclose(weights, taps_of(Axis(7, 11, "cubic"), "float64", False).weights, atol=2**-14)
