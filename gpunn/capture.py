"""The CUDA graph that is being recorded, for those floors that must act differently meanwhile. gpunn/compile records.

A graph repeats launches with the same addresses and numbers. So what changes from step to step lies in device memory
(places in random streams, rates, counts), what the host knows of it is moved on by `after`, what the host may have
changed in between is looked at by `before`, and what is sent from the host is sent once, when recording has ended.
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gpunn.errors import GpunnError

Array = Any
_PACKAGE = f"{Path(__file__).resolve().parent}{os.sep}"


class CaptureError(GpunnError, RuntimeError):
    """Something that a captured step cannot do: the host waits for the device, or a number comes from the host."""


class StaleError(CaptureError):
    """What a graph was recorded from has gone: parameters or states have other memory. It must be recorded anew."""


class Capture:
    """What is noted while a step runs: for its graph, or, if not `is_recording`, for the recording that follows."""

    def __init__(self, is_recording: bool) -> None:
        self.is_recording = is_recording
        self.modules: dict[int, Any] = {}  # that were called, by id
        self.gradients: dict[int, tuple[Any, Any]] = {}  # by id: leaves that got one, and what they had before
        self.before: list[Callable[[], None]] = []  # what the host does before a launch; may raise StaleError
        self.after: list[Callable[[], None]] = []  # what the host does after a launch
        self.at_end: list[Callable[[], None]] = []  # what is recorded last
        self.undo: list[Callable[[], None]] = []  # what the host does when recording has ended or failed
        self.parts: dict[Hashable, Any] = {}  # what others keep for this recording
        self.launches: list[tuple[str, tuple[Any, ...], str]] = []  # kernels, the numbers that they got, the line
        self.kept: list[Any] = []  # arrays that live as long as the graph
        self._constants: list[tuple[Array, np.ndarray[Any, Any]]] = []
        self._owned: set[int] = set()  # addresses of the memory that was allocated meanwhile

    def allocated(self, address: int) -> None:
        """Note that the graph's own memory has a block at `address`."""
        self._owned.add(address)

    def owns(self, array: Array) -> bool:
        """Whether `array` lies in memory that was allocated for the graph."""
        return int(array.data.mem.ptr) in self._owned

    def constant(self, xp: Any, host: np.ndarray[Any, Any]) -> Array:
        """An array on the GPU that gets the numbers `host` when recording has ended, and keeps them."""
        array = xp.empty(host.shape, host.dtype)
        self._constants.append((array, np.ascontiguousarray(host)))
        return array

    def numbers_of(self, array: Array) -> np.ndarray[Any, Any] | None:
        """The numbers that `array` gets, if it is one of the constants."""
        return next((host for constant, host in self._constants if constant is array), None)

    def fill_constants(self) -> None:
        """Send the constants. They stay alive as long as this object."""
        for array, host in self._constants:
            if host.size:
                array.set(host)

    def launched(self, name: str, args: Sequence[Any], array_type: type[Any]) -> None:
        """Note a launch, and keep the arrays that are not the graph's own: nobody else may keep them."""
        arrays = [arg for arg in args if isinstance(arg, array_type)]
        self.kept += [array for array in arrays if not self.owns(array)]
        numbers = tuple([arg for arg in args if not isinstance(arg, array_type)])
        self.launches.append((name, numbers, users_line()))


def users_line() -> str:
    """The line of the user's program that is running: the innermost outside gpunn."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return line_at(frame.f_code, frame.f_lineno)


def line_at(code: Any, number: int) -> str:
    """A line as tracebacks show it."""
    text = linecache.getline(code.co_filename, number).strip()
    return f'File "{code.co_filename}", line {number}, in {code.co_name}: {text}'


class _State(threading.local):
    """Of each thread: what is noted, and whether products of matrices are to be of a kind that can be captured."""

    noted: Capture | None = None
    own_products: bool = False


_state = _State()


def current() -> Capture | None:
    """What the work of this thread is recorded in; None if it is simply done."""
    noted = _state.noted
    return noted if noted is not None and noted.is_recording else None


def noted() -> Capture | None:
    """What the step that runs in this thread is noted in, also while it is not recorded."""
    return _state.noted


def has_own_products() -> bool:
    """Whether products of matrices are computed without cuBLAS, which CuPy refuses while a graph is recorded."""
    return _state.own_products


@contextmanager
def noting(capture: Capture | None) -> Iterator[None]:
    """Inside, the work of this thread is noted in `capture`, and products can be captured."""
    before = _state.noted, _state.own_products
    _state.noted, _state.own_products = capture, True
    try:
        yield
    finally:
        _state.noted, _state.own_products = before


def constant(xp: Any, host: np.ndarray[Any, Any]) -> Array:
    """`host` as an array of the module `xp`: sent now, or while a graph is recorded, when that has ended."""
    now = current()
    return xp.asarray(host) if now is None else now.constant(xp, host)


def numbers_of(array: Array) -> np.ndarray[Any, Any] | None:
    """What the host knows of `array` without waiting: the numbers of a constant of the graph that is being recorded."""
    now = current()
    return None if now is None else now.numbers_of(array)


def keep(*arrays: Array) -> None:
    """Let `arrays`, which a cache might drop, live as long as the graph that is being recorded."""
    now = current()
    if now is not None:
        now.kept += arrays
