import pytest

from gpunn import nn
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn.container.pairs import pairs


def test_pairs():
    assert pairs("Box", {"a": 1, "b": 2}) == [("a", 1), ("b", 2)]
    assert pairs("Box", [["a", 1], ("b", 2)]) == [("a", 1), ("b", 2)]
    assert pairs("Box", iter([("a", 1)])) == [("a", 1)]
    assert pairs("Box", []) == []


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (3, ArgumentTypeError, "Box.update should be called with an iterable of key/value pairs, but got int"),
        ([("a", 1), 3], ArgumentTypeError, "Box update sequence element #1 should be Iterable; is int"),
        ([("a", 1, 2)], ArgumentError, "Box update sequence element #0 has length 3; 2 is required"),
    ],
)
def test_refused(given, error, words):
    with pytest.raises(error, match=words):
        pairs("Box", given)


@pytest.mark.parametrize("container", [nn.ModuleDict, nn.ParameterDict])
def test_a_failed_update_changes_nothing(container):
    values = container()
    with pytest.raises(ArgumentError, match=f"{container.__name__} update sequence element #1 has length 1"):
        values.update([("a", nn.ReLU()), ("b",)])
    assert len(values) == 0
