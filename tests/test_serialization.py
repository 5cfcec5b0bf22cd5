"""Whole modules in files, as a program saves and loads them."""

import io
import json

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn, serialization
from gpunn.errors import ArgumentTypeError, FileFormatError


class Block(nn.Module):
    """Everything that a layer may hold; __init__ needs an argument, and loading does not call it."""

    def __init__(self, width):
        super().__init__()
        self.lower = nn.Linear(width, width)
        self.same = self.lower
        self.norm_class, self.activation = nn.BatchNorm1d, nn.functional.relu
        self.norm = self.norm_class(width)
        self.sizes, self.name, self.table = (1, [2, 3]), "block", {"a": gp.arange(3)}
        self.register_buffer("mask", gp.ones(width, dtype=gp.bool), persistent=False)
        self.absent = None
        self.register_parameter("bias", None)

    def forward(self, x):
        return self.activation(self.norm(self.lower(x)))


def written(obj):
    file = io.BytesIO()
    gp.save(obj, file)
    return file.getvalue()


def load(content, **options):
    return gp.load(io.BytesIO(content), **options)


def test_a_module_is_what_it_was(device):
    model = Block(4).to(device)
    model(gp.ones(3, 4, device=device))  # moves the running averages
    content = written({"model": model.eval(), "step": 3})
    with serialization.safe_globals([Block]):
        found = load(content)["model"]
    x = gp.randn(3, 4, device=device)
    assert type(found) is Block and found.training is False and found.lower is found.same
    assert (
        gp.equal(found(x), model(x)) and found.activation is nn.functional.relu and found.norm_class is nn.BatchNorm1d
    )
    assert found.sizes == (1, [2, 3]) and found.table["a"].tolist() == [0, 1, 2] and found.absent is None
    assert list(found.state_dict()) == list(model.state_dict()) and "mask" not in found.state_dict()
    assert isinstance(found.lower.weight, nn.Parameter) and found.lower.weight.requires_grad and found.bias is None
    assert str(load(content, weights_only=False)["model"]) == str(model)


LAYERS = (
    nn.Linear(2, 3), nn.Conv2d(1, 2, 3), nn.LSTM(2, 3, 2, bidirectional=True), nn.GRUCell(2, 3),
    nn.Transformer(4, 2, 1, 1), nn.MultiheadAttention(4, 2), nn.Embedding(3, 4),
    nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.1), nn.GELU("tanh")),
    nn.CrossEntropyLoss(gp.ones(3)), nn.ModuleDict({"a": nn.PReLU()}), nn.ParameterList([gp.ones(2)]), nn.MaxPool2d(2),
)  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers_of_gpunn_need_no_permission(layer):
    found = load(written(layer))
    assert repr(found) == repr(layer) and type(found) is type(layer)
    for (name, mine), (other, theirs) in zip(found.state_dict().items(), layer.state_dict().items(), strict=True):
        assert name == other and gp.equal(mine, theirs)


class Fresh(nn.Module):
    """Its state is made when it is asked for, and gone when it is written."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def __getstate__(self):
        return {**vars(self), "drawn": gp.full((2,), self.value), "inner": nn.Sequential(nn.Identity())}


def test_states_that_are_gone_are_not_taken_for_later_ones():
    with serialization.safe_globals([Fresh]):
        found = load(written([Fresh(float(i)) for i in range(20)]))
    assert [layer.drawn.tolist() for layer in found] == [[i, i] for i in range(20)]
    assert len({id(layer.inner) for layer in found}) == 20


def test_other_tools_see_the_tensors_by_name():
    content = written(nn.Sequential(nn.Linear(2, 3)))
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(header) == {"__metadata__", "0.weight", "0.bias"}


def test_a_class_of_the_program_needs_permission():
    with pytest.raises(FileFormatError, match=r"names .*Block, which is not among the safe ones"):
        load(written(Block(2)))


def test_what_has_no_name_is_refused():
    class Local(nn.Module):
        pass

    hooked = nn.Linear(2, 3)
    hooked.register_forward_hook(print)
    loud = nn.ReLU()
    loud.shout = lambda: None
    for bad, why in ((Local(), "Local"), (hooked, "with hooks"), (loud, "at shout"), (nn.Sequential(hooked), "at 0")):
        with pytest.raises(ArgumentTypeError, match=why):
            written(bad)


def test_a_forged_class_is_not_made():
    for forged in ("gpunn.nn.functional:relu", "builtins:dict", "os:getcwd"):
        content = forge(written(nn.ReLU()), "gpunn.nn:ReLU", forged)
        with pytest.raises(FileFormatError, match=r"as a module, which is none|not among the safe ones"):
            load(content)
    with pytest.raises(FileFormatError, match="as a module, which is none"):
        load(forge(written(nn.ReLU()), "gpunn.nn:ReLU", "builtins:dict"), weights_only=False)


@pytest.mark.parametrize(
    ("forged", "why"),
    [('{"size":[]}', "a Size where a Module"), ('"text"', "a str where a Module"), ('{"list":3}', "is damaged")],
)
def test_parts_of_a_module_are_of_their_kind(forged, why):
    inner = (
        '{"module":"gpunn.nn:ReLU","number":1,"tables":[[],[],[]],'
        '"rest":[["training",true],["_not_saved",{"set":[]}],["inplace",false]]}'
    )
    with pytest.raises(FileFormatError, match=why):
        load(forge(written(nn.Sequential(nn.ReLU())), inner, forged))


def test_what_every_module_has_need_not_be_in_the_file():
    content = forge(written(nn.ReLU()), '["training",true],["_not_saved",{"set":[]}],', "")
    found = load(content)
    assert found.training and found.eval().state_dict() == {} and found(gp.tensor([-1.0])).tolist() == [0]


def forge(content, old, new):
    """The file with another name in it, and the checksum that belongs to it."""
    import zlib

    from safetensors.numpy import save as serialize

    before = header_of(content)["gpunn"]
    text = before.replace(old, new)
    assert text != before
    return serialize(
        {"value": np.zeros(0)} if "value" in text else {},
        {"gpunn": text, "gpunn_crc32": str(zlib.crc32(text.encode()))},
    )


def header_of(content):
    """The names and texts in a file."""
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
