import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn.utils import skip_init


def test_nothing_is_drawn(device):
    gp.manual_seed(0)
    before = gp.get_rng_state().tolist()
    for kind, args in ((nn.Linear, (5, 1)), (nn.LSTM, (3, 4)), (nn.Conv2d, (2, 3, 3)), (nn.Embedding, (4, 2))):
        layer = skip_init(kind, *args, device=device)
        assert type(layer) is kind and next(layer.parameters()).device == gp.ones(0, device=device).device
    assert gp.get_rng_state().tolist() == before
    assert skip_init(nn.Linear, in_features=2, out_features=3).weight.device.type == "cpu"
    weight = gp.zeros(2, 2)
    assert nn.init.ones_(tensor=weight) is weight and weight.tolist() == [[1, 1], [1, 1]]
    nn.Linear(5, 1)
    assert gp.get_rng_state().tolist() != before


def test_errors():
    with pytest.raises(RuntimeError, match="Expected a Module"):
        skip_init(int, 5)
    with pytest.raises(RuntimeError, match="'device' arg"):
        skip_init(nn.Sequential)

    class Failing(nn.Module):
        def __init__(self, device):
            super().__init__()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        skip_init(Failing)
    assert nn.init.ones_(gp.zeros(1)).tolist() == [1]
