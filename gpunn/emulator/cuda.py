"""`cupy.cuda` of the emulated machine: one device, streams and events that are always done, one memory pool.

Work is finished when a call returns, so waiting waits for nothing; `storage.synchronisations` counts it.
"""

from __future__ import annotations

import threading
from itertools import count
from time import perf_counter
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn

from gpunn.emulator import recording
from gpunn.emulator.storage import (
    TOTAL_BYTES,
    Allocation,
    EmulatorError,
    MemoryHook,
    OutOfMemoryError,
    Pool,
    everything,
    pool,
    synchronisations,
    using_allocator,
)

VERSION = 12090  # of the CUDA runtime and driver that are played


class CUDARuntimeError(RuntimeError):
    """What CUDA's runtime reports; in CuPy `cupy.cuda.runtime.CUDARuntimeError`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Device:
    """The emulated device, number 0; as a context manager it becomes the current one, which it is anyway."""

    __slots__ = ("id",)

    def __init__(self, device: int | Device | None = None) -> None:
        self.id = 0 if device is None else int(device)

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        return self.use()

    def __exit__(self, *exc: object) -> None:
        return None

    def use(self) -> Device:
        set_device(self.id)
        return self

    def synchronize(self) -> None:
        synchronisations.add()

    @property
    def compute_capability(self) -> str:
        return f"{PROPERTIES['major']}{PROPERTIES['minor']}"

    @property
    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        return memory_info()


PROPERTIES: dict[str, Any] = {
    "name": b"emulated device",
    "totalGlobalMem": TOTAL_BYTES,
    "major": 8,  # the first with cp.async and with mma.sync for bfloat16 and TF32
    "minor": 0,
    "multiProcessorCount": 4,
    "warpSize": 32,
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerMultiProcessor": 2048,
    "sharedMemPerBlock": 48 << 10,
    "sharedMemPerBlockOptin": 163 << 10,
    "sharedMemPerMultiprocessor": 164 << 10,
    "regsPerBlock": 65536,
    "regsPerMultiprocessor": 65536,
    "integrated": 0,
    "l2CacheSize": 40 << 20,
    "pciBusID": 0,
}


def set_device(number: int) -> None:
    """Make device `number` the current one; CUDARuntimeError unless it is 0."""
    if number != 0:
        raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")


def device_properties(number: int) -> dict[str, Any]:
    """Name, memory and limits of device `number`, under CUDA's names."""
    set_device(number)
    return dict(PROPERTIES)


def memory_info() -> tuple[int, int]:
    """Free and total bytes of the device."""
    return TOTAL_BYTES - pool.used_bytes(), TOTAL_BYTES


class MemoryPointer:
    """Where an array's first element lies: `ptr` is an address in host memory."""

    __slots__ = ("mem", "ptr")

    def __init__(self, mem: Allocation, ptr: int) -> None:
        self.mem = mem
        self.ptr = ptr

    @property
    def device(self) -> Device:
        return Device(0)

    @property
    def device_id(self) -> int:
        return 0

    def __int__(self) -> int:
        return self.ptr


class Event:
    """A point in the order of work, which is reached as soon as it is recorded."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self.time: float | None = None if disable_timing else perf_counter()

    @property
    def ptr(self) -> int:
        return id(self)

    @property
    def done(self) -> bool:
        return True

    def record(self, stream: Stream | None = None) -> None:
        if self.time is not None:
            self.time = perf_counter()

    def synchronize(self) -> None:
        synchronisations.add()


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds from one recorded event to the other."""
    if start_event.time is None or end_event.time is None:
        raise CUDARuntimeError(400, "cudaErrorInvalidResourceHandle: invalid resource handle")
    return (end_event.time - start_event.time) * 1e3


class Stream:
    """A queue of work; as a context manager it is the current one of this thread."""

    null: ClassVar[Stream]
    ptds: ClassVar[Stream]
    _numbers = count(1)
    _current = threading.local()

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int | None = None
    ) -> None:
        self.ptr = 0 if null else 2 if ptds else next(self._numbers) << 8
        self.device_id = -1 if null or ptds else 0
        self.is_non_blocking = non_blocking
        self.priority = priority or 0
        self._before: list[Stream] = []
        self._capturing = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)

    def __repr__(self) -> str:
        return f"<Stream {self.ptr} (device {self.device_id})>"

    def __enter__(self) -> Stream:
        self._before.append(get_current_stream())
        return self.use()

    def __exit__(self, *exc: object) -> None:
        self._before.pop().use()

    def use(self) -> Stream:
        self._current.stream = self
        return self

    @property
    def done(self) -> bool:
        return True

    def synchronize(self) -> None:
        synchronisations.add()

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        return None

    def launch_host_func(self, callback: Any, arg: Any) -> None:
        callback(arg)

    def is_capturing(self) -> bool:
        return recording.current() is not None and self._capturing

    def begin_capture(self, mode: int | None = None) -> None:
        """Record what this thread does from now on."""
        if self.ptr in (0, 2):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self != get_current_stream():
            raise EmulatorError("Stream.begin_capture: the emulator captures the current stream only")
        if recording.current() is not None:
            raise CUDARuntimeError(900, "cudaErrorStreamCaptureUnsupported: operation not permitted when capturing")
        self._capturing = True
        recording.begin([root for _, root, _ in everything()])

    def end_capture(self) -> recording.Graph:
        """The graph of what was recorded, none of which has happened."""
        if not self.is_capturing():
            raise CUDARuntimeError(901, "cudaErrorStreamCaptureInvalidated: the stream is not capturing")
        self._capturing = False
        return recording.end()


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


def get_current_stream(device_id: int = -1) -> Stream:
    """The stream that this thread's work goes to."""
    stream: Stream = getattr(Stream._current, "stream", Stream.null)
    return stream


def no_cublas() -> NoReturn:
    """There is no cuBLAS: NumPy multiplies matrices."""
    raise EmulatorError("cupy.cuda.device.get_cublas_handle: the emulator plays no cuBLAS")


class Cuda:
    """The object that plays the module `cupy.cuda`."""

    Device = Device
    Event = Event
    MemoryHook = MemoryHook
    MemoryPointer = MemoryPointer
    Graph = recording.Graph
    MemoryPool = Pool
    using_allocator = using_allocator
    Stream = Stream
    get_current_stream = staticmethod(get_current_stream)
    get_elapsed_time = staticmethod(get_elapsed_time)

    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        deviceCanAccessPeer=lambda device, peer: 0,
        deviceSynchronize=synchronisations.add,
        driverGetVersion=lambda: VERSION,
        getDevice=lambda: 0,
        getDeviceCount=lambda: 1,
        getDeviceProperties=device_properties,
        is_hip=False,
        memGetInfo=memory_info,
        runtimeGetVersion=lambda: VERSION,
        setDevice=set_device,
    )
    memory = SimpleNamespace(MemoryPointer=MemoryPointer, MemoryPool=Pool, OutOfMemoryError=OutOfMemoryError)
    device = SimpleNamespace(Device=Device, get_cublas_handle=no_cublas)
    stream = SimpleNamespace(
        Event=Event, Stream=Stream, get_current_stream=get_current_stream, get_elapsed_time=get_elapsed_time
    )

    @staticmethod
    def is_available() -> bool:
        return True

    @staticmethod
    def get_device_id() -> int:
        return 0

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the emulator does not play cupy.cuda.{name}")


cuda = Cuda()
