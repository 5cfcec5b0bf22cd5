import pytest

import gpunn as gp
from gpunn import nn
from gpunn.func import functional_call
from gpunn.nn.utils import parametrizations, stateless


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("count", gp.zeros(()))

    def forward(self, x, scale=1):
        self.count = self.count + 1
        return self.second(self.first(x)) * scale


def test_other_parameters_for_one_call(device):
    layer = nn.Linear(2, 3).to(device)
    own = dict(layer.named_parameters())
    x, weight = gp.ones(4, 2, device=device), gp.ones(3, 2, device=device)
    assert functional_call(layer, {"weight": weight, "bias": gp.zeros(3, device=device)}, x).tolist() == [[2] * 3] * 4
    assert dict(layer.named_parameters()) == own and all(layer._parameters[n] is p for n, p in own.items())
    with pytest.warns(FutureWarning, match="func.functional_call"):
        assert stateless.functional_call(layer, {"weight": weight}, (x,), {}).shape == (4, 3)


def test_the_module_is_left_as_it_was_when_the_call_fails():
    layer = nn.Linear(2, 3)
    weight = layer.weight
    with pytest.raises(RuntimeError):
        functional_call(layer, {"weight": gp.ones(3, 7)}, gp.ones(2))
    assert layer.weight is weight


def test_what_forward_changes_goes_into_the_dict():
    model, given = Tied(), {"count": gp.ones(())}
    functional_call(model, given, gp.ones(1, 2), {"scale": 2})
    assert given["count"].item() == 2 and model.count.item() == 0 and list(given) == ["count"]
    norm = nn.BatchNorm1d(2)
    state = {name: b.clone() for name, b in norm.named_buffers()}
    functional_call(norm, state, gp.rand(5, 2))
    assert state["num_batches_tracked"].item() == 1 and norm.num_batches_tracked.item() == 0


def test_tied_weights():
    model, x, zero = Tied(), gp.ones(1, 2), gp.zeros(2, 2)
    model.first.weight.data.fill_(1)
    assert functional_call(model, {"first.weight": gp.eye(2)}, x).tolist() == [[1, 1]]
    assert functional_call(model, {"first.weight": gp.eye(2)}, x, tie_weights=False).tolist() == [[2, 2]]
    both = {"first.weight": gp.eye(2), "second.weight": zero}
    assert functional_call(model, both, x, tie_weights=False).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="which are tied"):
        functional_call(model, both, x)
    assert functional_call(model, dict.fromkeys(both, zero), x).tolist() == [[0, 0]]


def test_strict_asks_for_all_names_and_no_others():
    model = Tied()
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'a'.\n\tMissing key\(s\): 'count'"):
        functional_call(model, {"first.weight": gp.eye(2), "a": gp.eye(2)}, gp.ones(1, 2), strict=True)
    whole = {"first.weight": gp.eye(2), "count": gp.zeros(())}
    assert functional_call(model, whole, gp.ones(1, 2), strict=True).tolist() == [[1, 1]]


def test_names_that_are_no_parameters():
    layer = nn.Linear(2, 2)
    functional_call(layer, {"other": gp.ones(2)}, gp.ones(2))
    assert not hasattr(layer, "other")
    layer.other = gp.ones(1)
    functional_call(layer, {"other": gp.ones(2)}, gp.ones(2))
    assert layer.other.shape == (1,)
    with pytest.raises(AttributeError, match="no attribute"):
        functional_call(layer, {"a.weight": gp.ones(2)}, gp.ones(2))
    for wrong in ({"weight": 5}, {"forward": gp.ones(2)}):
        with pytest.raises(TypeError, match="not an instance"):
            functional_call(layer, wrong, gp.ones(2))
    with pytest.raises(RuntimeError, match="DataParallel"):
        functional_call(nn.DataParallel(layer), {}, gp.ones(2))
    with pytest.raises(ValueError, match=r"give its originals, such as parametrizations\.weight\.original"):
        functional_call(parametrizations.weight_norm(layer), {"weight": gp.ones(2, 2)}, gp.ones(2))
