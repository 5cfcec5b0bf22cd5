"""layout= and pin_memory= of the functions that make tensors."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import gpunn as gp

X = gp.tensor([[1.0, 2.0]])
MADE = {
    "zeros": lambda **k: gp.zeros(2, 3, **k),
    "full": lambda **k: gp.full((2, 3), 4, **k),
    "empty_like": lambda **k: gp.empty_like(X, **k),
    "arange": lambda **k: gp.arange(3, **k),
    "randn": lambda **k: gp.randn(2, generator=gp.Generator().manual_seed(0), **k),
    "randperm": lambda **k: gp.randperm(1, **k),
    "new_zeros": lambda **k: X.new_zeros(2, **k),
}


@pytest.mark.parametrize("name", MADE)
def test_both_change_nothing(name: str) -> None:
    plain, told = (
        MADE[name](),
        MADE[name](layout=gp.strided, pin_memory=True, dtype=None if name != "randperm" else gp.int64),
    )
    assert told.shape == plain.shape
    assert told.dtype is plain.dtype
    if name != "empty_like":
        assert np.array_equal(told.numpy(), plain.numpy())
    assert MADE[name](layout=None).dtype is plain.dtype


@pytest.mark.parametrize("name", MADE)
def test_other_values_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match="layout"):
        MADE[name](layout="strided")
    with pytest.raises(RuntimeError, match="sparse_coo"):
        MADE[name](layout=gp.layout("sparse_coo"))
    with pytest.raises(TypeError, match="pin_memory"):
        MADE[name](pin_memory=1)


def test_the_signature_says_so() -> None:
    *_, kept, pinned = inspect.signature(gp.zeros).parameters.values()
    assert (kept.name, kept.default, pinned.name, pinned.default) == ("layout", gp.strided, "pin_memory", False)


def test_there_is_one_layout() -> None:
    assert X.layout is gp.strided
    assert copy.deepcopy(gp.strided) is gp.strided
    assert repr(gp.strided) == "gpunn.strided"
