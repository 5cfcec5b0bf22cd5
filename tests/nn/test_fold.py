import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def test_layers_are_the_functions(device):
    x = gp.arange(40.0, device=device).reshape(1, 2, 4, 5)
    columns = nn.Unfold((2, 1), 1, (1, 0), 2)(x)
    assert gp.equal(columns, F.unfold(x, (2, 1), 1, (1, 0), 2))
    assert gp.equal(nn.Fold((4, 5), (2, 1), 1, (1, 0), 2)(columns), F.fold(columns, (4, 5), (2, 1), 1, (1, 0), 2))


def test_repr():
    assert repr(nn.Unfold(3)) == "Unfold(kernel_size=3, dilation=1, padding=0, stride=1)"
    assert repr(nn.Fold((4, 5), 2)) == "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)"
