"""The state of autocasting: on which devices operations choose their own dtype. Each thread and async task has its own.

Knows no operation: `gpunn/ops/precision.py` says which one runs in which dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from gpunn import dtypes
from gpunn.dtypes import dtype
from gpunn.engine import modes
from gpunn.engine.variable import Variable
from gpunn.errors import DeviceError

DEVICE_TYPES = ("cpu", "cuda")


class Cast(NamedTuple):
    """A parameter in lower precision, and what it was made from."""

    source: Variable
    array: Any
    version: int | None
    result: Any


class State(NamedTuple):
    """What holds in one thread. Never changed: entering a region puts another in its place."""

    enabled: tuple[str, ...]  # types of devices
    lower: dict[str, dtype]  # the lower precision on each
    is_caching: bool
    casts: dict[tuple[int, bool, dtype], Cast]  # of all regions around, dropped with the outermost
    outer: State | None  # what held before the region


OUTSIDE = State((), {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}, True, {}, None)
current: ContextVar[State] = ContextVar("gpunn_autocast", default=OUTSIDE)


def enter(device_type: str, enabled: bool, lower: dtype, is_caching: bool) -> None:
    """Begin a region."""
    before = current.get()
    casts = {} if before.outer is None else before.casts
    state = State(before.enabled, {**before.lower, device_type: lower}, is_caching, casts, before)
    current.set(_switched(state, device_type, enabled))


def leave() -> None:
    """End the region that was entered last; the casts of parameters go with the outermost."""
    state = current.get()
    before = OUTSIDE if state.outer is None else state.outer
    if before.outer is None:
        state.casts.clear()
    current.set(before)


def _switched(state: State, device_type: str, enabled: bool) -> State:
    others = tuple([other for other in state.enabled if other != device_type])
    return state._replace(enabled=(*others, device_type) if enabled else others)


@contextmanager
def as_in(state: State) -> Iterator[None]:
    """Inside, operations choose their dtypes as they did when `state` held."""
    before = current.get()
    current.set(state._replace(casts={}, outer=before))
    try:
        yield
    finally:
        current.set(before)


@contextmanager
def switched_off() -> Iterator[None]:
    """Inside, no operation chooses its dtype."""
    before = current.get()
    if not before.enabled:
        yield
        return
    current.set(before._replace(enabled=()))
    try:
        yield
    finally:
        current.set(before)


def plainly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """function(*args, **kwargs), in which no operation chooses its dtype."""
    if not current.get().enabled:
        return function(*args, **kwargs)
    with switched_off():
        return function(*args, **kwargs)


def forget() -> None:
    """Be as outside of all regions: for a process that was forked inside one."""
    current.set(OUTSIDE)


def known(device_type: str) -> str:
    """The type of a device such as "cuda:1"; DeviceError if there is no autocasting for it."""
    kind = device_type.partition(":")[0]
    if kind not in DEVICE_TYPES:
        raise DeviceError(
            f"autocast: User specified an unsupported autocast device_type {device_type!r}; use 'cuda' or 'cpu'"
        )
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocasting for a type of devices: "cpu" or "cuda"."""
    return device_type in DEVICE_TYPES


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether operations on devices of this type ("cuda" by default) choose their dtypes here."""
    return known(device_type or "cuda") in current.get().enabled


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Let operations on devices of this type choose their dtypes, or not, until the region around ends."""
    current.set(_switched(current.get(), known(device_type), enabled))


def get_autocast_dtype(device_type: str) -> dtype:
    """The lower precision of autocasting on devices of this type: float16 on "cuda", bfloat16 on "cpu" by default."""
    return current.get().lower[known(device_type)]


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Set the lower precision for devices of this type, until the region around ends."""
    state = current.get()
    current.set(state._replace(lower={**state.lower, known(device_type): dtype}))


def is_autocast_cache_enabled() -> bool:
    """Whether parameters in lower precision are kept until the outermost region ends."""
    return current.get().is_caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Keep parameters in lower precision, or cast them at each use."""
    current.set(current.get()._replace(is_caching=enabled))


def clear_autocast_cache() -> None:
    """Drop the parameters that are kept in lower precision."""
    current.get().casts.clear()


def kept(x: Variable, to: dtype) -> Any:
    """The cast of `x` that was kept in this region, as long as it is what a new one would be; else None."""
    found = current.get().casts.get((id(x), modes.recording.get(), to))
    is_fresh = found is not None and found.array is x.array and found.version == _version(x)
    return found.result if found is not None and is_fresh else None


def keep(x: Variable, to: dtype, result: Any) -> None:
    """Keep `result`, the cast of the parameter `x`."""
    current.get().casts[id(x), modes.recording.get(), to] = Cast(x, x.array, _version(x), result)


def _version(x: Variable) -> int | None:
    return None if x._version is None else x._version[0]
