import pytest

import gpunn as gp
from gpunn import nn


class Net(nn.Module):
    """A shared layer, a shared parameter, a missing module, a nested container."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.same = self.first
        self.nothing = None
        self.add_module("none", None)
        self.rest = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.Linear(2, 2, bias=False)))
        self.rest[1][0].weight = self.first.weight
        self.scale = nn.Parameter(gp.ones(1))
        self.register_buffer("mask", gp.ones(2))


def names(pairs):
    return [name for name, _ in pairs]


def test_modules():
    net = Net()
    found = ["", "first", "rest", "rest.0", "rest.1", "rest.1.0"]
    assert names(net.named_modules()) == found
    assert list(net.modules()) == [net.get_submodule(name) for name in found]
    assert names(net.named_modules(remove_duplicate=False)) == [*found[:2], "same", *found[2:]]
    assert names(net.named_modules(prefix="net")) == ["net", *(f"net.{name}" for name in found[1:])]
    assert names(net.named_modules({net.first})) == ["", "rest", "rest.0", "rest.1", "rest.1.0"]


def test_children():
    net = Net()
    assert names(net.named_children()) == ["first", "rest"]
    assert list(net.children()) == [net.first, net.rest]


def test_parameters():
    net = Net()
    found = ["scale", "first.weight", "first.bias", "rest.0.weight", "rest.0.bias"]
    assert names(net.named_parameters()) == found
    assert [id(p) for p in net.parameters()] == [id(net.get_parameter(name)) for name in found]
    every = ["scale", "first.weight", "first.bias", "same.weight", "same.bias", "rest.0.weight", "rest.0.bias"]
    assert names(net.named_parameters(remove_duplicate=False)) == [*every, "rest.1.0.weight"]
    assert names(net.named_parameters(recurse=False)) == ["scale"]
    assert [p is net.scale for p in net.parameters(recurse=False)] == [True]
    assert names(net.named_parameters(prefix="a", recurse=False)) == ["a.scale"]


def test_buffers():
    net = Net()
    found = ["mask", "rest.0.running_mean", "rest.0.running_var", "rest.0.num_batches_tracked"]
    assert names(net.named_buffers()) == found
    assert [id(b) for b in net.buffers()] == [id(net.get_buffer(name)) for name in found]
    assert names(net.named_buffers(recurse=False)) == ["mask"]


def test_get():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("rest.1.0") is net.rest[1][0]
    assert net.get_parameter("rest.1.0.weight") is net.first.weight
    assert net.get_buffer("rest.0.running_mean") is net.rest[0].running_mean


@pytest.mark.parametrize(
    ("get", "path", "words"),
    [
        ("get_submodule", "rest.7", "Sequential has no attribute `7`"),
        ("get_submodule", "first.weight", "`weight` of Linear is not an nn.Module"),
        ("get_parameter", "rest.0.scale", "BatchNorm1d has no attribute `scale`"),
        ("get_parameter", "mask", "`mask` of Net is not an nn.Parameter"),
        ("get_parameter", "rest.1.0.bias", "`bias` of Linear is not an nn.Parameter"),
        ("get_buffer", "first.weight", "`weight` of Linear is not a buffer"),
        ("get_buffer", "nope", "Net has no attribute `nope`"),
    ],
)
def test_get_what_is_not_there(get, path, words):
    with pytest.raises(AttributeError, match=words):
        getattr(Net(), get)(path)


def test_modules_more_than_once():
    net = Net()
    assert len(list(net.modules(remove_duplicate=False))) == len(list(net.modules())) + 1


def test_set_submodule():
    net = Net()
    layer = nn.Linear(2, 2)
    net.set_submodule("rest.1.0", layer, strict=True)
    assert net.rest[1][0] is layer
    net.set_submodule("fresh", layer)
    assert net.fresh is layer
    for target, error, words in (
        ("", ValueError, "without a target"),
        ("rest.7.0", AttributeError, "no attribute `7`"),
        ("scale", AttributeError, "not an nn.Module"),
        ("other", AttributeError, "no attribute `other`"),
    ):
        with pytest.raises(error, match=words):
            net.set_submodule(target, layer, strict=True)
    with pytest.raises(ValueError, match="is not an nn"):
        net.set_submodule("fresh", 3)
