"""Streams and events, and what they say to CuPy. (The emulated GPU is done with all work at once.)"""

import threading

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, cuda, emulator
from gpunn.errors import ArgumentError, DeviceError


@pytest.fixture(autouse=True)
def default_stream(gpu):
    yield
    cuda.set_stream(cuda.default_stream())


def test_work_goes_to_the_chosen_stream():
    first, second = cuda.Stream(), cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream() != first
    with cuda.stream(first):
        assert cuda.current_stream() == first
        with second as entered:
            assert entered is second and cuda.current_stream("cuda:0") == second
            with cuda.stream(None):
                assert cuda.current_stream() == second
        assert cuda.current_stream() == first
    with pytest.raises(ZeroDivisionError), cuda.stream(first):
        _ = 1 / 0
    assert cuda.current_stream() == cuda.default_stream()
    cuda.set_stream(first)
    assert cuda.current_stream() == first
    cuda.set_stream(None)
    assert cuda.current_stream() == first
    with cuda.StreamContext(second):
        assert cuda.current_stream() == second


def test_kernels_are_launched_on_it():
    stream = cuda.Stream()
    with cuda.stream(stream):
        assert backend.cuda_module().cuda.get_current_stream().ptr == stream.cuda_stream
        y = gp.nn.functional.softmax(gp.ones(2, 4, device="cuda"), 1)
    cuda.current_stream().wait_stream(stream)
    np.testing.assert_array_equal(y.cpu().numpy(), np.full((2, 4), 0.25, np.float32))


def test_a_stream_belongs_to_the_thread_that_chose_it():
    seen = []
    with cuda.stream(cuda.Stream()):
        thread = threading.Thread(target=lambda: seen.append(cuda.current_stream()))
        thread.start()
        thread.join()
    assert seen == [cuda.default_stream()]


def test_what_a_stream_is():
    stream = cuda.Stream("cuda:0", priority=-1)
    assert stream.stream.is_non_blocking and stream.stream.priority == stream.priority == -1
    assert (stream.device, stream.device_index) == (gp.device("cuda", 0), 0)
    assert stream.__cuda_stream__() == (0, stream.cuda_stream) and cuda.default_stream().cuda_stream == 0
    assert repr(stream) == f"<gpunn.cuda.Stream device=cuda:0 cuda_stream={stream.cuda_stream:#x}>"
    assert len({stream, cuda.Stream(), cuda.current_stream(), cuda.default_stream()}) == 3
    assert stream != "a stream"
    with pytest.raises(DeviceError, match=r"there are \d+ GPUs"):
        cuda.Stream(99)
    with pytest.raises(ArgumentError, match="expected a cuda device, got cpu"):
        cuda.current_stream("cpu")


class Played:
    """A stream or event of CuPy that notes what it is told."""

    def __init__(self, done=True):
        self.told, self.done, self.ptr = [], done, 7

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, *args))


def test_waiting():
    stream, event = cuda.Stream(), cuda.Event()
    stream.stream = Played(done=False)
    assert not stream.query()
    stream.wait_event(event)  # not recorded: nothing to wait for
    assert stream.stream.told == []
    event.record(cuda.current_stream())
    stream.wait_event(event)
    event.wait(stream)
    stream.synchronize()
    assert stream.stream.told == [("wait_event", event.event)] * 2 + [("synchronize",)]
    stream.wait_stream(cuda.current_stream())
    assert stream.stream.told[-1][0] == "wait_event" and stream.stream.told[-1][1] is not event.event


def test_events(gpu):
    event = cuda.Event(blocking=True)
    assert event.query() and event.cuda_event == 0 and repr(event) == "<gpunn.cuda.Event uninitialized>"
    event.synchronize()
    before = emulator.synchronisations.count
    assert cuda.Stream().record_event(event) is event
    event.synchronize()
    assert emulator.synchronisations.count == before + (gpu == "emulated")
    assert event.query() and event.cuda_event and hex(event.cuda_event) in repr(event)
    assert isinstance(cuda.Stream().record_event(), cuda.Event)
    event.device = gp.device("cuda", 3)
    with pytest.raises(ArgumentError, match="the event is of cuda:3, the stream of cuda:0"):
        event.record()
    with pytest.raises(ArgumentError, match="interprocess"):
        cuda.Event(interprocess=True)


def test_elapsed_time():
    start, end, untimed = cuda.Event(enable_timing=True), cuda.Event(True), cuda.Event()
    with pytest.raises(ValueError, match="Both events must be recorded"):
        start.elapsed_time(end)
    start.record()
    gp.rand(64, 64, device="cuda") @ gp.rand(64, 64, device="cuda")
    end.record()
    cuda.synchronize()
    assert 0 < start.elapsed_time(end) < 60_000
    untimed.record()
    with pytest.raises(ValueError, match="enable_timing=True"):
        start.elapsed_time(untimed)
    end.event = Played(done=False)
    with pytest.raises(ValueError, match="Both events must be completed"):
        start.elapsed_time(end)
