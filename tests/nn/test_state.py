from collections import OrderedDict

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentTypeError
from gpunn.nn.state import StateDictError


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False)))


KEYS = [
    "0.weight",
    "0.bias",
    "1.0.weight",
    "1.0.bias",
    "1.0.running_mean",
    "1.0.running_var",
    "1.0.num_batches_tracked",
    "1.1.weight",
]


def values(state):
    return {key: value.tolist() for key, value in state.items()}


def test_names_and_metadata():
    state = net().state_dict()
    assert isinstance(state, OrderedDict) and list(state) == KEYS
    versions = {"": 1, "0": 1, "1": 1, "1.0": 2, "1.1": 1}
    assert state._metadata == {path: {"version": version} for path, version in versions.items()}


def test_tensors_share_memory_and_are_detached_unless_asked():
    model = net()
    state = model.state_dict()
    assert not any(value.requires_grad for value in state.values())
    state["0.bias"].fill_(7)
    assert model[0].bias.tolist() == [7, 7, 7]
    assert model.state_dict(keep_vars=True)["0.bias"] is model[0].bias


def test_destination_and_prefix():
    mine = {"before": 1}
    found = nn.Linear(1, 1).state_dict(destination=mine, prefix="a.")
    assert found is mine and list(mine) == ["before", "a.weight", "a.bias"]


def test_what_is_none_or_not_persistent_is_left_out():
    model = nn.Linear(1, 1, bias=False)
    model.register_buffer("scratch", gp.ones(1), persistent=False)
    model.register_buffer("nothing", None)
    assert list(model.state_dict()) == ["weight"]


def test_round_trip(device):
    one, two = net().to(device), net().to(device)
    one(gp.randn(4, 2, device=device))
    result = two.load_state_dict(one.state_dict())
    assert values(two.state_dict()) == values(one.state_dict())
    assert result == ([], []) and repr(result) == "<All keys matched successfully>"
    assert two[0].weight is not one[0].weight and two[0].weight.requires_grad


def test_loading_converts_dtype_and_device(device):
    model = nn.Linear(2, 1).to(device)
    weight = model.weight
    model.load_state_dict({"weight": gp.tensor([[1.5, 2.5]], dtype=gp.float64), "bias": gp.tensor([3])})
    assert model.weight is weight and weight.tolist() == [[1.5, 2.5]] and model.bias.tolist() == [3]
    assert weight.dtype is gp.float32 and weight.device.type == device


def test_assign_takes_the_tensors_over():
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    model[0].bias.requires_grad_(False)
    state = {key: value.double() for key, value in model.state_dict().items()}
    state["0.bias"] = nn.Parameter(state["0.bias"])
    model.load_state_dict(state, assign=True)
    assert model[0].weight.dtype is gp.float64 and model[0].weight.requires_grad
    assert isinstance(model[0].weight, nn.Parameter) and model[0].weight.array is state["0.weight"].array
    assert model[0].bias is state["0.bias"] and not model[0].bias.requires_grad
    assert model[1].running_mean is state["1.running_mean"]


def changed(new):
    """A state dict with some values replaced; None takes a key out."""
    state = {**net().state_dict(), **new}
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (changed({"0.bias": None}), 'Missing key(s) in state_dict: "0.bias". '),
        (changed({"extra": gp.ones(1)}), 'Unexpected key(s) in state_dict: "extra". '),
        (
            changed({"0.weight": None, "0.wieght": gp.ones(3, 2)}),
            'Missing key(s) in state_dict: "0.weight" (is "0.wieght" meant?). \n\t'
            'Unexpected key(s) in state_dict: "0.wieght" (is "0.weight" meant?). ',
        ),
        (
            changed({"0.bias": gp.ones(4)}),
            "size mismatch for 0.bias: copying a param with shape gpunn.Size([4]) from checkpoint, the shape in "
            "current model is gpunn.Size([3]).",
        ),
        (
            changed({"0.bias": np.ones(3)}),
            'While copying the parameter named "0.bias", expected gpunn.Tensor from checkpoint but received '
            "<class 'numpy.ndarray'>",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_copied(state, words):
    model = net()
    before = values(model.state_dict())
    with pytest.raises(StateDictError) as raised:
        model.load_state_dict(state)
    assert str(raised.value) == f"Error(s) in loading state_dict for Sequential:\n\t{words}"
    assert isinstance(raised.value, RuntimeError)
    assert values(model.state_dict()) == before


def test_all_that_is_wrong_is_said_at_once():
    state = changed({"0.bias": gp.ones(4), "0.weight": None, "more": gp.ones(1), "1.1.weight": gp.ones(2, 3)})
    with pytest.raises(StateDictError) as raised:
        net().load_state_dict(state)
    lines = str(raised.value).split("\n\t")
    assert [line.split()[0] for line in lines] == ["Error(s)", "Missing", "Unexpected", "size", "size"]


def test_not_strict_lets_names_pass_but_no_shapes():
    model = net()
    result = model.load_state_dict(changed({"0.bias": None, "more": gp.ones(1)}), strict=False)
    assert result.missing_keys == ["0.bias"] and result.unexpected_keys == ["more"]
    assert repr(result) == "_IncompatibleKeys(missing_keys=['0.bias'], unexpected_keys=['more'])"
    with pytest.raises(StateDictError, match=r"size mismatch for 0.bias.*\[4\]"):
        model.load_state_dict(changed({"0.bias": gp.ones(4)}), strict=False)


def test_a_number_may_come_with_one_dimension():
    model = nn.BatchNorm1d(2)
    model.load_state_dict({**model.state_dict(), "num_batches_tracked": gp.tensor([5])})
    assert model.num_batches_tracked.item() == 5 and model.num_batches_tracked.shape == ()


def test_shared_parameters_are_saved_under_each_name_and_loaded():
    def tied():
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        model[1].weight = model[0].weight
        return model

    one, two = tied(), tied()
    assert list(one.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    two.load_state_dict(one.state_dict())
    assert two[1].weight is two[0].weight and two[0].weight.tolist() == one[0].weight.tolist()


def test_the_given_dict_is_not_changed():
    model = nn.BatchNorm1d(2)
    state = {key: value for key, value in model.state_dict().items() if key != "num_batches_tracked"}
    model.load_state_dict(state)
    assert "num_batches_tracked" not in state


def test_what_is_no_mapping_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"to be dict-like, got <class 'list'>\. Of a file: load_state_dict"):
        net().load_state_dict([])


def test_a_common_prefix_is_named():
    model = nn.Linear(1, 1)
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    words = r'All names begin with "module.": load \{k.removeprefix\("module."\): v for k, v in state.items\(\)\}'
    with pytest.raises(StateDictError, match=words):
        model.load_state_dict(state)
    for mixed in ({**state, "other.bias": gp.ones(1)}, {"module.weight": gp.ones(1, 1)}):
        with pytest.raises(StateDictError) as caught:
            model.load_state_dict(mixed)
        assert "All names" not in str(caught.value)


class Counter(nn.Module):
    """A module with state that is no tensor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def test_extra_state():
    one, two = nn.Sequential(Counter()), nn.Sequential(Counter())
    one[0].count = 4
    assert one.state_dict() == {"0._extra_state": {"count": 4}}
    two.load_state_dict(one.state_dict())
    assert two[0].count == 4
    with pytest.raises(StateDictError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        two.load_state_dict({})


def test_a_layer_may_read_older_formats():
    class Renamed(nn.Linear):
        _version = 3

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            if local_metadata.get("version", 1) < 3:
                state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}w")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    model = nn.Sequential(Renamed(1, 1, bias=False))
    model.load_state_dict({"0.w": gp.tensor([[5.0]])})
    assert model[0].weight.item() == 5
    model.load_state_dict(model.state_dict())


def test_save_and_load_of_a_large_number_of_names_is_quick():
    model = nn.ModuleList([nn.Linear(1, 1) for _ in range(300)])
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    with pytest.raises(StateDictError) as raised:
        model.load_state_dict(state)
    assert str(raised.value).count("is ") <= 20


def test_arguments_in_order():
    layer, found = nn.Linear(1, 1), {}
    with pytest.warns(FutureWarning, match="by name"):
        assert layer.state_dict(found, "a.", True) is found
    assert list(found) == ["a.weight", "a.bias"]
    assert found["a.weight"] is layer.weight


def test_modules_without_extra_state_say_so():
    layer = nn.Linear(2, 2)
    assert "_extra_state" not in layer.state_dict()
    for call in (layer.get_extra_state, lambda: layer.set_extra_state(1)):
        with pytest.raises(RuntimeError, match="there is none"):
            call()
