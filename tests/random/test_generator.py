"""Generators: seeds, states, copies, threads."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, random
from gpunn.errors import ArgumentError
from gpunn.random import Generator
from tests.random.plain import seeded


@pytest.mark.parametrize(
    ("seed", "wanted"),
    [(0, 0), (7, 7), (-1, 2**64 - 1), (-(2**63), 2**63), (2**64 - 1, 2**64 - 1), (np.int32(-2), 2**64 - 2)],
)
def test_manual_seed(seed: int, wanted: int) -> None:
    generator = Generator()
    generator.reserve(5)
    assert generator.manual_seed(seed) is generator
    assert generator.initial_seed() == wanted
    assert generator.reserve(0) == (wanted, 0)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "7", None, True])
def test_manual_seed_errors(seed: Any) -> None:
    generator = seeded()
    with pytest.raises(ArgumentError, match="manual_seed: expected"):
        generator.manual_seed(seed)
    assert generator.initial_seed() == 1234


def test_a_new_generator_starts_as_in_pytorch() -> None:
    assert Generator().initial_seed() == 67280421310721
    assert Generator().device == backend.device("cpu")


def test_seed_draws_a_new_one() -> None:
    generator = seeded()
    generator.reserve(9)
    first = generator.seed()
    assert generator.reserve(0) == (first, 0) and generator.initial_seed() == first
    assert 0 <= first < 2**64 and generator.seed() != first


def test_state_is_seed_and_offset() -> None:
    generator = seeded(-2)
    generator.reserve(0x0102)
    state = generator.get_state_array()
    assert state.dtype == np.uint8
    assert state.tolist() == [0xFE] + [0xFF] * 7 + [2, 1] + [0] * 6
    after = random.uniform(np, generator, (5,), np.float32)
    other = Generator()
    other.set_state_array(np.repeat(state, 2)[::2])
    np.testing.assert_array_equal(random.uniform(np, other, (5,), np.float32), after)
    assert other.initial_seed() == 2**64 - 2


@pytest.mark.parametrize(
    ("state", "given"),
    [
        (np.zeros(15, np.uint8), r"got uint8 \(15,\)"),
        (np.zeros((2, 8), np.uint8), r"got uint8 \(2, 8\)"),
        (np.zeros(16, np.int64), r"got int64 \(16,\)"),
        ([0] * 16, "got list"),
    ],
)
def test_state_errors(state: Any, given: str) -> None:
    generator = seeded()
    with pytest.raises(RuntimeError, match=given):
        generator.set_state_array(state)
    assert generator.reserve(0) == (1234, 0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_go_their_own_way(duplicate: Callable[[Generator], Generator]) -> None:
    generator = seeded()
    generator.reserve(3)
    twin = duplicate(generator)
    assert twin.reserve(4) == (1234, 3) and twin.reserve(0) == (1234, 7)
    assert generator.reserve(0) == (1234, 3) and twin.device == generator.device


def test_offset_wraps() -> None:
    generator = Generator()
    generator.set_state_array(np.frombuffer((5).to_bytes(8, "little") + b"\xff" * 8, np.uint8))
    assert generator.reserve(2) == (5, 2**64 - 1)
    assert generator.reserve(0) == (5, 1)


def test_threads_get_different_blocks() -> None:
    class Slow(int):
        """A number that another thread may overtake while it is added."""

        def __radd__(self, other: int) -> int:
            time.sleep(0.002)
            return int(other) + int(self)

    generator, offsets = seeded(), []
    threads = [threading.Thread(target=lambda: offsets.append(generator.reserve(Slow(2))[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(offsets) == list(range(0, 16, 2))


def test_default_generator() -> None:
    before = random.default_generator.get_state_array()
    try:
        assert random.manual_seed(42) is random.default_generator
        assert random.initial_seed() == 42
        assert random.manual_seed(1.9).initial_seed() == 1  # type: ignore[arg-type]  # int(seed), as in PyTorch
        drawn = random.seed()
        assert random.initial_seed() == drawn == random.default_generator.initial_seed()
    finally:
        random.default_generator.set_state_array(before)


def test_the_default_generator_is_public() -> None:
    before = gp.default_generator.get_state()
    try:
        gp.manual_seed(5)
        assert gp.default_generator.initial_seed() == 5
        state = gp.default_generator.get_state()
        first = gp.rand(3).tolist()
        gp.default_generator.set_state(state)
        assert gp.rand(3).tolist() == first
    finally:
        gp.default_generator.set_state(before)
