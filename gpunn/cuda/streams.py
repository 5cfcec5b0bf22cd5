"""Streams, queues of work on a GPU that run beside each other, and events, marks in them.

Memory goes back to the stream that it was allocated on: a tensor that another stream still works on must be kept until
that stream is done, or its memory is written over.
"""

from __future__ import annotations

from typing import Any

from gpunn import backend
from gpunn.backend import DeviceLike
from gpunn.backend import device as any_device
from gpunn.cuda.devices import device, number
from gpunn.errors import ArgumentError


class Stream:
    """A queue of work of its own on a GPU; as a context manager, the one that work goes to.

    A lower `priority` goes first. The stream does not wait for the default stream: see `wait_stream`.
    """

    def __init__(self, device: DeviceLike = None, priority: int = 0) -> None:
        cupy = backend.cuda_module()
        index = number(device)
        with cupy.cuda.Device(index):
            made = cupy.cuda.Stream(non_blocking=True, priority=priority)
        self._wrap(made, index)
        self.priority = priority

    def _wrap(self, stream: Any, index: int) -> None:
        self.stream = stream  # CuPy's
        self.device = any_device("cuda", index)
        self._entered: list[StreamContext] = []

    @classmethod
    def of(cls, stream: Any, index: int) -> Stream:
        """CuPy's `stream` of GPU `index`."""
        wrapped = cls.__new__(cls)
        wrapped._wrap(stream, index)
        wrapped.priority = 0
        return wrapped

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle of the stream; 0 is the default stream."""
        return int(self.stream.ptr)

    @property
    def device_index(self) -> int:
        """The number of its GPU."""
        return int(self.device.index or 0)

    def record_event(self, event: Event | None = None) -> Event:
        """Mark what has been given to the stream up to now, by a new event if none is given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let what is given to the stream from now on wait for `event`. The host does not wait."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let what is given to this stream from now on wait for all that `stream` has been given up to now."""
        self.wait_event(stream.record_event())

    def query(self) -> bool:
        """Whether all that the stream was given is done."""
        return bool(self.stream.done)

    def synchronize(self) -> None:
        """Wait until all that the stream was given is done. Indices out of bounds raise at `cuda.synchronize()`."""
        self.stream.synchronize()

    def __enter__(self) -> Stream:
        context = StreamContext(self)
        context.__enter__()
        self._entered.append(context)
        return self

    def __exit__(self, *exc: object) -> None:
        self._entered.pop().__exit__(*exc)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Stream):
            return False
        return (self.cuda_stream, self.device) == (other.cuda_stream, other.device)

    def __hash__(self) -> int:
        return hash((self.cuda_stream, self.device))

    def __repr__(self) -> str:
        return f"<gpunn.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"

    def __cuda_stream__(self) -> tuple[int, int]:
        """Version and handle, by which other libraries take the stream."""
        return 0, self.cuda_stream


class Event:
    """A mark in a stream, reached when all before it is done. With `enable_timing` it notes the time.

    With `blocking` the host sleeps while it waits, instead of asking over and over.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        for name, asked in (("interprocess", interprocess), ("external", external)):
            if asked:
                raise ArgumentError(f"cuda.Event: {name} events are not promised; leave {name}=False")
        self.enable_timing, self.blocking = enable_timing, blocking
        self.event: Any = None  # CuPy's, from the first record on
        self.device: any_device | None = None

    @property
    def cuda_event(self) -> int:
        """CUDA's handle of the event; 0 before it is recorded."""
        return 0 if self.event is None else int(self.event.ptr)

    def record(self, stream: Stream | None = None) -> None:
        """Set the mark after all that `stream`, or the current one, has been given up to now."""
        stream = current_stream() if stream is None else stream
        if self.device not in (None, stream.device):
            raise ArgumentError(f"cuda.Event.record: the event is of {self.device}, the stream of {stream.device}")
        cupy = backend.cuda_module()
        with cupy.cuda.Device(stream.device_index):
            if self.event is None:
                self.event = cupy.cuda.Event(block=self.blocking, disable_timing=not self.enable_timing)
                self.device = stream.device
            self.event.record(stream.stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what is given to `stream`, or the current one, from now on wait for the event. The host does not wait."""
        if self.event is not None:
            (current_stream() if stream is None else stream).stream.wait_event(self.event)

    def query(self) -> bool:
        """Whether the event has been reached; True before it is recorded."""
        return self.event is None or bool(self.event.done)

    def synchronize(self) -> None:
        """Wait until the event is reached."""
        if self.event is not None:
            self.event.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to `end_event`. Both must note the time, be recorded, and be reached."""
        both = (self, end_event)
        if not all(event.enable_timing for event in both):
            raise ArgumentError(
                "cuda.Event.elapsed_time: Both events must be created with argument 'enable_timing=True'"
            )
        if any(event.event is None for event in both):
            raise ArgumentError("cuda.Event.elapsed_time: Both events must be recorded before calculating elapsed time")
        if not all(event.query() for event in both):
            raise ArgumentError(
                "cuda.Event.elapsed_time: Both events must be completed before calculating elapsed time; "
                "call end_event.synchronize()"
            )
        return float(backend.cuda_module().cuda.get_elapsed_time(self.event, end_event.event))

    def __repr__(self) -> str:
        text = "uninitialized" if self.event is None else f"{self.cuda_event:#x}"
        return f"<gpunn.cuda.Event {text}>"


class StreamContext:
    """A context in which work goes to `stream`, and its GPU is the current one. None: no change."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._device: Any = None

    def __enter__(self) -> None:
        if self.stream is not None:
            self._device = device(self.stream.device)
            self._device.__enter__()
            self.stream.stream.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self.stream is not None:
            self.stream.stream.__exit__(*exc)
            self._device.__exit__(*exc)


def stream(stream: Stream | None) -> StreamContext:
    """A context in which work goes to `stream`, and its GPU is the current one. None: no change."""
    return StreamContext(stream)


def set_stream(stream: Stream | None) -> None:
    """Let work of this thread go to `stream` from now on, and make its GPU the current one. None: no change."""
    if stream is not None:
        backend.cuda_module().cuda.Device(stream.device_index).use()
        stream.stream.use()


def current_stream(device: DeviceLike = None) -> Stream:
    """The stream of a GPU that work of this thread goes to."""
    cupy, index = backend.cuda_module(), number(device)
    with cupy.cuda.Device(index):
        return Stream.of(cupy.cuda.get_current_stream(), index)


def default_stream(device: DeviceLike = None) -> Stream:
    """The stream of a GPU that work goes to unless another one is chosen."""
    return Stream.of(backend.cuda_module().cuda.Stream.null, number(device))
