"""Indices out of bounds, found on the device, become an IndexRangeError when the host next waits."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.errors import IndexRangeError
from gpunn.kernels import bounds


def note(faults, slot, position, value):
    """What kernels/bounds.cuh does, in NumPy: the minimum of each of three words."""
    words = [(position << 24) | (value >> (24 * i) & 0xFFFFFF if i < 2 else value >> 48 & 0xFFFF) for i in range(3)]
    for i, word in enumerate(words):
        faults[slot, i] = min(int(faults[slot, i]), word)


@pytest.fixture
def cupy():
    with emulator.enable():
        bounds._faults.clear()
        yield backend.cuda_module()
        bounds._faults.clear()


@pytest.mark.parametrize("value", [7, -1, -(2**40), 2**62 + 12345, -(2**63)])
def test_the_error_names_op_value_position_and_size(cupy, value):
    index = cupy.zeros((2, 3), np.int64)
    faults, slot = bounds.slot("embedding", index, 0, 5)
    note(faults, slot, 4, value % 2**64)
    words = rf"embedding: index {value} at position \(1, 1\) is out of bounds for dimension 0 with size 5"
    with pytest.raises(IndexRangeError, match=words):
        gp.tensor(1.0, device="cuda").item()


def test_the_lowest_position_wins_in_any_order(cupy):
    for positions in ([5, 2, 9], [9, 5, 2], [2, 9, 5]):
        faults, slot = bounds.slot("take", cupy.zeros(10, np.int64), 0, 1)
        for position in positions:
            note(faults, slot, position, 2**50 * position + position)
        with pytest.raises(IndexRangeError, match=f"index {2**50 * 2 + 2} at position 2 "):
            gp.cuda.synchronize()


def test_the_first_launch_wins_and_the_rest_is_forgotten(cupy):
    slots = [bounds.slot(op, cupy.zeros(3, np.int64), 0, 2) for op in ("a", "b", "c")]
    note(*slots[2], 0, 2)
    note(*slots[1], 1, 3)
    with pytest.raises(IndexRangeError, match="b: index 3 at position 1"):
        bounds.check()
    bounds.check()
    faults, slot = bounds.slot("d", cupy.zeros((), np.int64), 1, 2)
    note(faults, slot, 0, 4)
    with pytest.raises(IndexRangeError, match="d: index 4 is out of bounds for dimension 1 with size 2"):
        bounds.check()


def test_no_fault_no_error_and_no_copy(cupy):
    gp.cuda.synchronize()
    before = emulator.synchronisations.count
    bounds.check()
    assert emulator.synchronisations.count == before
    bounds.slot("take", cupy.zeros(3, np.int64), 0, 2)
    bounds.check()


def test_more_launches_than_slots_share_the_last(cupy):
    slots = [bounds.slot(f"op{i}", cupy.zeros(3, np.int64), 0, 2)[1] for i in range(bounds.SLOTS + 10)]
    assert slots[: bounds.SLOTS] == list(range(bounds.SLOTS))
    assert set(slots[bounds.SLOTS :]) == {bounds.SLOTS - 1}
    bounds.check()


def test_an_index_that_was_seen_before_has_no_slot(cupy):
    first, slot = bounds.slot(None, cupy.zeros(3, np.int64), 0, 2)
    assert slot == -1
    faults, slot = bounds.slot("take", cupy.zeros(3, np.int64), 0, 2)
    assert faults is first
    assert slot == 0
    bounds.check()


def test_streams_have_slots_of_their_own_which_are_read_when_they_are_done(cupy, monkeypatch):
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    noted = []
    for i, stream in enumerate(streams):
        with stream:
            noted.append(bounds.slot(f"op{i}", cupy.zeros(3, np.int64), 0, 2))
            note(*noted[i], i, 5 + i)
    assert noted[0][0] is not noted[1][0]
    busy = streams[:1]
    monkeypatch.setattr(type(streams[0]), "done", property(lambda stream: stream not in busy))
    with pytest.raises(IndexRangeError, match="op1: index 6 at position 1"):
        bounds.check()
    bounds.check()
    busy.clear()
    with pytest.raises(IndexRangeError, match="op0: index 5 at position 0"):
        bounds.check()
    bounds.check()
