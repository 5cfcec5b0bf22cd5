import copy

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError


def test_list_registers_parameters_and_makes_them_of_tensors():
    p = nn.Parameter(gp.ones(2))
    values = nn.ParameterList([p, gp.zeros(3), "text"])
    assert list(values.state_dict()) == ["0", "1"] and values[0] is p
    assert isinstance(values[1], nn.Parameter) and values[1].requires_grad and values[2] == "text"
    assert len(values) == 3 and next(iter(values)) is p and values[-1] == "text"


def test_list_methods():
    values = nn.ParameterList()
    assert values.append(gp.ones(1)) is values and values.extend([gp.ones(2), gp.ones(3)]) is values
    values += [gp.ones(4)]
    values[1] = gp.ones(5)
    assert [p.numel() for p in values] == [1, 5, 3, 4]
    part = values[1:3]
    assert type(part) is nn.ParameterList and [p.numel() for p in part] == [5, 3] and part[0] is values[1]
    values.extend(values)
    assert len(values) == 8 and values[7] is values[3]


def test_list_errors():
    values = nn.ParameterList([gp.ones(1)])
    with pytest.raises(IndexRangeError, match="index 1 is out of range: ParameterList has 1 values"):
        values[1]
    with pytest.raises(IndexRangeError, match="index -2 is out of range"):
        values[-2] = gp.ones(1)
    with pytest.raises(ArgumentTypeError, match="extend should be called with an iterable, but got Tensor"):
        values.extend(gp.ones(1))
    with pytest.raises(ArgumentError, match="ParameterList should not be called"):
        values(gp.ones(1))
    assert len(values) == 1


def test_list_repr():
    values = nn.ParameterList([gp.ones(2, 3), 3])
    assert repr(values) == (
        "ParameterList(\n    (0): Parameter containing: [gpunn.float32 of size 2x3]\n    (1): Object of type: int\n)"
    )


def test_repr_names_the_gpu(device):
    values = nn.ParameterList([gp.ones(2, device=device)])
    assert (" (cuda:0)" in repr(values)) == (device == "cuda")


def test_dict_registers_parameters_and_makes_them_of_tensors():
    p = nn.Parameter(gp.ones(2))
    values = nn.ParameterDict({"b": p, "a": gp.zeros(3), "c": 7})
    assert list(values) == ["a", "b", "c"]  # a plain dict is sorted, as in PyTorch
    assert list(values.state_dict()) == ["a", "b"] and values["b"] is p and values.b is p
    assert isinstance(values["a"], nn.Parameter) and values["c"] == 7


def test_dict_methods():
    values = nn.ParameterDict([("b", gp.ones(1)), ("a", gp.ones(2))])
    assert list(values) == list(values.keys()) == ["b", "a"] and list(reversed(values)) == ["a", "b"]
    assert [p.numel() for p in values.values()] == [1, 2] and [k for k, _ in values.items()] == ["b", "a"]
    assert len(values) == 2 and "a" in values and "c" not in values
    assert values.get("c") is None and values.get("c", 5) == 5 and values.get("a") is values["a"]
    assert values.setdefault("a", gp.ones(9)).numel() == 2
    assert isinstance(values.setdefault("c", gp.ones(3)), nn.Parameter)
    assert values.pop("a").numel() == 2 and list(values) == ["b", "c"]
    key, last = values.popitem()
    assert key == "c" and last.numel() == 3 and list(values.state_dict()) == ["b"]
    twin = values.copy()
    assert twin["b"] is values["b"]
    del values["b"]
    assert len(values) == 0 and not hasattr(values, "b") and len(twin) == 1
    twin.clear()
    assert list(twin.state_dict()) == []
    assert dict(twin.fromkeys(["x", "y"], 2).items()) == {"x": 2, "y": 2}


def test_dict_unions():
    a, b = nn.ParameterDict({"x": gp.ones(1), "y": gp.ones(2)}), nn.ParameterDict({"y": gp.ones(3)})
    joined = a | b
    assert [p.numel() for p in joined.values()] == [1, 3] and a["y"].numel() == 2
    assert {"x": 1, "z": 2} | b == {"x": 1, "z": 2, "y": b["y"]}
    before = a
    a |= b
    assert a is before and a["y"] is b["y"]


def test_dict_errors():
    values = nn.ParameterDict({"a": gp.ones(1)})
    with pytest.raises(ArgumentTypeError, match="ParameterDict: a key must be a string, got int"):
        values[1] = gp.ones(1)
    with pytest.raises(KeyError):
        del values["b"]
    with pytest.raises(AttributeError):
        values["b"]
    with pytest.raises(ArgumentError, match="ParameterDict should not be called"):
        values()
    assert list(values) == ["a"]


def test_dict_repr_and_deepcopy():
    values = nn.ParameterDict({"a": gp.ones(2), "n": None})
    assert repr(values) == (
        "ParameterDict(\n    (a): Parameter containing: [gpunn.FloatTensor of size 2]\n"
        "    (n): Object of type: NoneType\n)"
    )
    twin = copy.deepcopy(values)
    assert twin["a"] is not values["a"] and list(twin) == ["a", "n"]
