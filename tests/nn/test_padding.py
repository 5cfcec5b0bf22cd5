import numpy as np
import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional
MODES = {"Zero": "constant", "Constant": "constant"}
MODES |= {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular"}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", MODES)
def test_every_dimension(kind, rank, device):
    x = gp.rand(2, 3, *(6, 5, 7)[:rank], device=device)
    make, value = getattr(nn, f"{kind}Pad{rank}d"), 2.5 if kind == "Constant" else None
    more = () if value is None else (value,)
    for padding in (2, (1, 2, 0, 3, 2, 1)[: 2 * rank]):
        amounts = (padding,) * (2 * rank) if isinstance(padding, int) else padding
        layer = make(padding, *more)
        assert layer(x).tolist() == F.pad(x, amounts, MODES[kind], value).tolist()
        shown = f"padding={amounts}, value=2.5" if more else f"{amounts}"
        assert repr(layer) == f"{kind}Pad{rank}d({shown})"


def test_the_amount_may_be_a_number_of_numpy():
    assert nn.ZeroPad2d(np.int64(1))(gp.ones(1, 1, 1)).tolist() == nn.ZeroPad2d(1)(gp.ones(1, 1, 1)).tolist()
