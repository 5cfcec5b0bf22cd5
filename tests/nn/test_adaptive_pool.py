import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


@pytest.mark.parametrize(
    ("shape", "output_size"),
    [((2, 3, 7), 3), ((2, 3, 7, 6), (3, None)), ((2, 3, 7, 6), 1), ((2, 3, 4, 5, 6), (2, 3, 4))],
)
def test_adaptive_pool(shape, output_size, device):
    x, rank = gp.randn(shape, device=device), len(shape) - 2
    average, maximum = (getattr(nn, f"Adaptive{kind}Pool{rank}d") for kind in ("Avg", "Max"))
    assert average(output_size)(x).tolist() == getattr(F, f"adaptive_avg_pool{rank}d")(x, output_size).tolist()
    wanted = getattr(F, f"adaptive_max_pool{rank}d")(x, output_size, return_indices=True)
    assert maximum(output_size)(x).tolist() == wanted[0].tolist()
    assert maximum(output_size, return_indices=True)(x)[1].tolist() == wanted[1].tolist()


def test_repr():
    assert repr(nn.AdaptiveMaxPool2d((3, None))) == "AdaptiveMaxPool2d(output_size=(3, None))"
    assert repr(nn.AdaptiveAvgPool1d(3)) == "AdaptiveAvgPool1d(output_size=3)"
