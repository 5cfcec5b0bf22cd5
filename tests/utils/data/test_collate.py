from collections import OrderedDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import gpunn as gp
from gpunn.utils.data import default_collate, default_convert

Point = namedtuple("Point", "x y")


def test_leaves():
    assert default_collate([gp.ones(2), gp.zeros(2)]).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert default_collate([np.ones(2, np.int32), np.zeros(2, np.int32)]).dtype is gp.int32
    assert default_collate([np.float32(1), np.float32(2)]).dtype is gp.float32
    assert default_collate([1.5, 2.5]).dtype is gp.float64
    assert default_collate([1, 2]).dtype is gp.int64
    assert default_collate([True, False]).dtype is gp.bool
    assert default_collate(["a", "b"]) == ["a", "b"] and default_collate(("a", "b")) == ("a", "b")


def test_structures():
    found = default_collate([{"a": (1, "x"), "p": Point(1.0, 2)}, {"a": (3, "y"), "p": Point(4.0, 5)}])
    assert found["a"][0].tolist() == [1, 3] and found["a"][1] == ("x", "y")
    assert isinstance(found["p"], Point) and found["p"].y.tolist() == [2, 5]


def test_mappings_keep_their_type():
    for sample in (OrderedDict(k=1), defaultdict(list, k=1), MappingProxyType({"k": 1})):
        found = default_collate([sample, sample])
        assert type(found) is type(sample) and found["k"].tolist() == [1, 1] and sample["k"] == 1
    assert default_collate([defaultdict(list, k=1)])["new"] == []


def test_mappings_that_cannot_be_made_from_a_dict():
    class Odd(dict):
        def update(self, other):
            raise TypeError("fixed")

    sample = Odd(k=1)
    assert type(default_collate([sample, sample])) is dict


def test_what_cannot_be_collated():
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1, 2], [3]])
    with pytest.raises(RuntimeError, match=r"one size, got \[\(2,\), \(3,\)\]"):
        default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(TypeError, match="found object; pass a collate_fn"):
        default_collate([object()])


def test_convert():
    found = default_convert(
        {"a": np.ones(2), "b": (np.float64(1.0), "s"), "p": Point(np.zeros(1), None), "t": gp.ones(1)}
    )
    assert isinstance(found["a"], gp.Tensor) and isinstance(found["b"][0], gp.Tensor) and found["b"][1] == "s"
    assert isinstance(found["p"].x, gp.Tensor) and found["p"].y is None and found["t"].tolist() == [1.0]


def test_texts_of_numpy_stay_texts():
    assert default_collate([np.str_("a"), np.str_("b")]) == ["a", "b"]
    words, things = np.array(["a"]), np.array([None])
    assert default_convert(words) is words and default_convert(things) is things
    with pytest.raises(TypeError, match="found <U1"):
        default_collate([words])
