"""What is noted while a step runs, and what acts differently while it is recorded."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gpunn import capture, random
from gpunn.capture import Capture, CaptureError


class Array:
    """An array at an address."""

    def __init__(self, address: int) -> None:
        self.data = SimpleNamespace(mem=SimpleNamespace(ptr=address))


def test_nothing_is_noted_at_first():
    assert capture.noted() is capture.current() is None
    assert not capture.has_own_products()


def test_noting_and_recording():
    seen, recording = Capture(False), Capture(True)
    with capture.noting(seen):
        assert capture.noted() is seen and capture.current() is None and capture.has_own_products()
        with capture.noting(recording):
            assert capture.noted() is capture.current() is recording
            found = []
            thread = threading.Thread(target=lambda: found.append(capture.noted()))
            thread.start()
            thread.join()
            assert found == [None]
        assert capture.noted() is seen
    assert capture.noted() is None and not capture.has_own_products()


def test_constants_are_sent_at_the_end():
    host = np.arange(4.0)[::2]
    np.testing.assert_array_equal(capture.constant(np, host), host)
    sent = []

    class Module:
        @staticmethod
        def empty(shape, dtype):
            assert (shape, dtype) == ((2,), np.float64)
            return SimpleNamespace(set=sent.append)

    recording = Capture(True)
    with capture.noting(recording):
        made = capture.constant(Module, host)
        np.testing.assert_array_equal(capture.numbers_of(made), host)
        assert capture.numbers_of(SimpleNamespace()) is None
    assert capture.numbers_of(made) is None
    assert not sent
    recording.fill_constants()
    np.testing.assert_array_equal(sent, [host])
    assert sent[0].flags.c_contiguous


def test_launches_keep_the_arrays_of_others():
    recording, mine, other = Capture(True), Array(64), Array(128)
    recording.allocated(64)
    assert recording.owns(mine) and not recording.owns(other)
    recording.launched("relu", (mine, 3, other, 0.5), Array)
    assert recording.kept == [other] and [launch[:2] for launch in recording.launches] == [("relu", (3, 0.5))]
    assert "test_launches_keep" in recording.launches[0][2]
    kept = []
    with capture.noting(recording):
        capture.keep(*kept, mine)
    capture.keep(other)
    assert recording.kept == [other, mine]


def test_a_graph_does_not_seed():
    generator = random.Generator().manual_seed(3)
    state = generator.get_state_array()
    with capture.noting(Capture(True)):
        with pytest.raises(CaptureError, match="seed it outside"):
            generator.manual_seed(3)
        generator.set_state_array(state)  # the same stream
        with pytest.raises(CaptureError, match="outside"):
            generator.set_state_array(random.Generator().get_state_array())
    assert generator.initial_seed() == 3


def test_a_program_beside_the_package_is_the_users():
    def program():
        return capture.users_line()

    beside = f"{Path(capture.__file__).parent}_train.py"
    program.__code__ = program.__code__.replace(co_filename=beside)
    assert f'File "{beside}"' in program()
