import numpy as np
import pytest

from gpunn.kernels import pieces
from gpunn.kernels.lines import along


@pytest.mark.parametrize(
    ("shape", "axis", "sizes"),
    [
        ((3, 5), 1, (3, 5, 1, 5)),
        ((3, 40_000), 1, (9, 40_000, 1, 16_384)),
        ((40_000, 3), 0, (120, 40_000, 3, 1024)),
        ((2, 16_384), 1, (2, 16_384, 1, 16_384)),
    ],
)
def test_pieces_of_lines(shape, axis, sizes):
    found = pieces.divided(along(np.zeros(shape), axis))
    assert found.sizes[:4] == sizes
    assert found.lines.block == 256


@pytest.mark.parametrize("axes", [(1,), (0, 2), (2, 0), (0, 1, 2)])
@pytest.mark.parametrize("turned", [(0, 1, 2), (2, 0, 1)])
def test_arrays_as_lines_and_back(axes, turned):
    x = np.arange(60.0).reshape(3, 4, 5).transpose(turned)
    lines = pieces.Reduced(x, axes)
    np.testing.assert_array_equal(lines.back(lines.lines.array), x)
    np.testing.assert_array_equal(lines.back(lines.like(x + 1)), x + 1)
    for keepdim in (False, True):
        sums = x.sum(axis=axes, keepdims=keepdim)
        np.testing.assert_array_equal(lines.results_back(lines.of_lines(sums), keepdim, axes), sums)


@pytest.mark.parametrize("shape", [(3, 9), (9, 3)])
def test_results_of_pieces_are_reduced_again(shape, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 4)
    monkeypatch.setattr(pieces, "APART", 4)
    axis, calls = shape.index(9), []

    def launch(results, array, divided, is_first):
        """Sums, by NumPy, of the pieces that a kernel is told of."""
        number, length, inner, piece, _ = divided.sizes
        whole = array.reshape(-1, length, inner)
        parts = [whole[:, at : at + piece].sum(axis=1) for at in range(0, length, piece)]
        results[...] = np.stack(parts, axis=1).reshape(number)
        calls.append(is_first)

    x = np.arange(27.0).reshape(shape)
    lines = pieces.Reduced(x, (axis,))
    np.testing.assert_array_equal(lines.reduce(lines.lines.array, launch), x.sum(axis=axis))
    assert lines.is_long and calls == [True, False]
