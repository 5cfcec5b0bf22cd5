"""CUDA graphs of the emulated machine: what a capturing stream records, and its replay.

A captured operation does not run. Kernels are only noted; NumPy's functions do run, on whatever is there, since they
must tell shapes and types of results, but at the end of the capture all memory is as it was before, and what was
allocated meanwhile is unwritten. A replay runs all of it on the same memory, kernels with the arguments that were
packed for them.

Refused, as CUDA or CuPy refuse it or as it would go wrong later in silence: reads by the host, copies from the host,
cuBLAS and cuSOLVER, and memory of a pool that others allocate from.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gpunn.capture import users_line
from gpunn.errors import GpunnError

HostArray = np.ndarray[Any, Any]


class EmulatorError(GpunnError, RuntimeError):
    """Something that CuPy would do wrongly in silence, or that the emulator does not play."""


class CaptureRefusedError(EmulatorError):
    """Something that must not be done while a stream is capturing."""


class Operation(NamedTuple):
    """A recorded operation: its name, how to run it, and the host's numbers that it was given."""

    name: str
    run: Callable[[], Any]
    numbers: tuple[Any, ...]
    line: str  # of the user's program


class Recording:
    """What has been recorded, and the memory that the operations use."""

    def __init__(self, memory: list[HostArray]) -> None:
        self.operations: list[Operation] = []
        self.allocated: list[HostArray] = []  # alive as long as the graph: nothing else may get this memory
        self.own: set[int] = set()  # the ids of the allocations that were made meanwhile
        self.outside: dict[int, weakref.ref[Any]] = {}  # allocations of before that operations use, by id
        self._before = [(array, array.copy()) for array in memory]

    def finish(self) -> Graph:
        """The graph; all memory is as it was before, new memory is unwritten."""
        for array, content in self._before:
            if array.flags.writeable:
                array[...] = content
        for array in self.allocated:
            _spoil(array)
        self._before = []
        return Graph(self.operations, self.allocated, list(self.outside.values()))

    def uses(self, args: Iterable[Any]) -> None:
        """Note which memory the emulated arrays among `args` lie in: it must be there when the graph is launched."""
        for arg in args:
            memory = getattr(arg, "_memory", None)
            if memory is not None and id(memory) not in self.own:
                self.outside.setdefault(id(memory), weakref.ref(memory))


def _spoil(array: HostArray) -> None:
    flat = array.reshape(-1, order="A")
    if flat.size and np.shares_memory(flat, array):
        flat.view(np.uint8)[...] = 1 if array.dtype == bool else 0xFF


class Graph:
    """Plays `cupy.cuda.Graph`: recorded operations."""

    def __init__(self, operations: list[Operation], memory: list[HostArray], outside: list[Any]) -> None:
        self.operations, self._memory, self._outside = operations, memory, outside

    def launch(self, stream: Any = None) -> None:
        """Run all operations, in the order in which they were recorded."""
        if current() is not None:
            refuse("Graph.launch: the emulator records no graphs in graphs")
        if any(memory() is None for memory in self._outside):
            raise EmulatorError("Graph.launch: the graph uses memory that was freed after it was recorded")
        with np.errstate(all="ignore"):
            for operation in self.operations:
                operation.run()

    def upload(self, stream: Any = None) -> None:
        """Nothing to send."""

    @property
    def numbers(self) -> list[tuple[str, tuple[Any, ...], str]]:
        """The operations, with the host's numbers that they were given and the lines they come from."""
        return [(name, numbers, line) for name, _, numbers, line in self.operations]

    @property
    def nbytes(self) -> int:
        """What was allocated while the graph was recorded."""
        return sum(array.nbytes for array in self._memory)


_state = threading.local()


def current() -> Recording | None:
    """The recording that this thread's work goes into."""
    found: Recording | None = getattr(_state, "recording", None)
    return found


def begin(memory: list[HostArray]) -> None:
    """Record from now on; `memory`: all that is alive on the device."""
    _state.recording = Recording(memory)


def end() -> Graph:
    """Stop recording."""
    recording: Recording = _state.recording
    _state.recording = None
    return recording.finish()


def note(name: str, run: Callable[[], Any], numbers: tuple[Any, ...] = ()) -> None:
    """Record an operation, if this thread is recording."""
    recording = getattr(_state, "recording", None)
    if recording is not None:
        recording.operations.append(Operation(name, run, numbers, users_line()))


def note_result(name: str, compute: Callable[[], Any], results: Any, numbers: tuple[Any, ...] = ()) -> None:
    """Record an operation whose `results`, host arrays, get what `compute` answers."""

    def run() -> None:
        found = compute()
        if isinstance(results, tuple):
            for result, value in zip(results, found, strict=True):
                if result is not None:
                    result[...] = value
        elif results is not None:
            results[...] = found

    note(name, run, numbers)


def numbers_in(values: Any) -> tuple[Any, ...]:
    """The host's numbers among arguments."""
    return tuple([v for v in values if isinstance(v, (bool, int, float, complex, np.generic))])


def refuse(text: str) -> NoReturn:
    """Raise the error for something that must not be done during a capture."""
    raise CaptureRefusedError(f"while the stream is capturing: {text}")


def check_host_copy(what: str) -> None:
    """Refuse a copy from the host while this thread is recording."""
    if getattr(_state, "recording", None) is not None:
        refuse(f"{what}: a copy from the host, whose memory the graph would read again at each replay")
