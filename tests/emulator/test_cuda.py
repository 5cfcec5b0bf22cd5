"""`cupy.cuda` of the emulated machine: device, streams, events, memory."""

import threading

import numpy as np
import pytest

from gpunn import emulator
from gpunn.emulator.cuda import (
    PROPERTIES,
    CUDARuntimeError,
    Device,
    Event,
    Stream,
    device_properties,
    get_current_stream,
    get_elapsed_time,
    memory_info,
    set_device,
)
from gpunn.emulator.namespace import cupy as xp


def test_one_device():
    runtime = xp.cuda.runtime
    assert xp.cuda.is_available()
    assert xp.is_available()
    assert runtime.getDeviceCount() == 1
    assert runtime.getDevice() == xp.cuda.get_device_id() == 0
    assert runtime.getDeviceProperties(0)["name"] == b"emulated device"
    assert runtime.runtimeGetVersion() >= 12000
    assert not runtime.is_hip
    for call in (runtime.getDeviceProperties, runtime.setDevice, set_device, device_properties):
        with pytest.raises(CUDARuntimeError, match="invalid device ordinal") as caught:
            call(1)
        assert caught.value.status == 101
    runtime.setDevice(0)


def test_properties_are_a_copy():
    device_properties(0)["name"] = b"changed"
    assert PROPERTIES["name"] == b"emulated device"


def test_device_is_a_context_manager():
    with xp.cuda.Device(0) as device:
        assert device.id == 0
    assert Device() == Device(0) == Device(Device(0))
    assert hash(Device(0)) == hash(Device())
    assert int(Device(0)) == 0
    assert repr(Device(0)) == "<CUDA Device 0>"
    assert Device(0).compute_capability == "80"
    with pytest.raises(CUDARuntimeError), Device(1):
        pass


def test_memory_info_counts_live_arrays():
    free, total = xp.cuda.runtime.memGetInfo()
    x = xp.zeros(1 << 10)
    assert xp.cuda.runtime.memGetInfo() == (free - 8192, total)
    assert Device(0).mem_info == memory_info()
    assert xp.get_default_memory_pool().used_bytes() == total - free + 8192
    del x
    assert xp.cuda.runtime.memGetInfo() == (free, total)
    assert xp.get_default_pinned_memory_pool().n_free_blocks() == 0
    assert xp.get_default_pinned_memory_pool().free_all_blocks() is None


def test_current_stream():
    assert get_current_stream() == Stream.null
    stream, inner = xp.cuda.Stream(), xp.cuda.Stream(non_blocking=True)
    with stream:
        assert xp.cuda.get_current_stream() is stream
        with inner:
            assert get_current_stream() is inner
        assert get_current_stream() is stream
    assert get_current_stream() == Stream.null
    stream.use()
    assert get_current_stream() is stream
    Stream.null.use()


def test_streams_are_distinct():
    assert Stream() != Stream()
    assert Stream(null=True) == Stream.null
    assert len({Stream.null, Stream(null=True), Stream.ptds}) == 2
    assert Stream.null.ptr == 0
    assert "Stream" in repr(Stream.null)
    assert Stream(priority=-1).priority == -1


def test_the_current_stream_belongs_to_the_thread():
    seen = []
    with Stream():
        thread = threading.Thread(target=lambda: seen.append(get_current_stream()))
        thread.start()
        thread.join()
    assert seen == [Stream.null]


def test_work_is_always_done():
    stream, event = Stream(), Event()
    called = []
    stream.launch_host_func(called.append, 7)
    assert called == [7]
    assert stream.done
    assert event.done
    assert stream.record(event) is event
    assert isinstance(stream.record(), Event)
    assert stream.wait_event(event) is None
    assert not stream.is_capturing()


def test_elapsed_time():
    start, end = Event(), Event()
    start.record()
    np.linalg.inv(np.eye(50))
    end.record(Stream.null)
    assert 0 < get_elapsed_time(start, end) < 60_000
    assert xp.cuda.get_elapsed_time(end, start) < 0
    with pytest.raises(CUDARuntimeError, match="invalid resource handle"):
        get_elapsed_time(Event(disable_timing=True), end)
    with pytest.raises(ValueError, match="Timing"):
        Event(interprocess=True)


def test_waiting_is_counted():
    before = emulator.synchronisations.count
    for wait in (Stream().synchronize, Event().synchronize, Device().synchronize):
        wait()
    xp.cuda.runtime.deviceSynchronize()
    assert emulator.synchronisations.count == before + 4


def test_memory_hooks():
    told = []

    class Hook(xp.cuda.MemoryHook):
        name = "test"

        def malloc_postprocess(self, device_id, size, mem_size, mem_ptr, pmem_id):
            told.append((device_id, size, mem_size))

        def free_postprocess(self, device_id, mem_size, mem_ptr, pmem_id):
            told.append((device_id, -mem_size))

    with Hook():
        x = xp.empty(100, np.float32)
        with pytest.raises(KeyError, match="already exists"), Hook():
            pass
        thread = threading.Thread(target=lambda: xp.empty(7))
        thread.start()
        thread.join()
        del x
    xp.empty(5)
    assert told == [(0, 400, 512), (0, -512)]
    with xp.cuda.MemoryHook():
        xp.empty(5)


def test_what_is_not_played():
    with pytest.raises(AttributeError, match="does not play"):
        _ = xp.cuda.MemoryAsyncPool
    assert not hasattr(xp.cuda, "nccl")
