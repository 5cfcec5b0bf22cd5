"""Anomaly mode: which operation, in which layer, on which line, made the first NaN."""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gpunn import backend
from gpunn.errors import AnomalyError

if TYPE_CHECKING:
    from gpunn.engine.graph import Node

_PACKAGE = f"{Path(__file__).resolve().parent.parent}{os.sep}"


class Settings(NamedTuple):
    """What `detect_anomaly` was asked for."""

    check_nan: bool


class Origin(NamedTuple):
    """Where in the user's program an operation ran."""

    layer: str
    line: str
    trace: str

    def __str__(self) -> str:
        inside = f"in layer {self.layer}, " if self.layer else ""
        return f"It ran {inside}at {self.line}."


active: ContextVar[Settings | None] = ContextVar("gpunn_anomaly", default=None)
layers: ContextVar[tuple[Any, ...]] = ContextVar("gpunn_layers", default=())  # modules being called, outermost first


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """Context in which the first NaN raises AnomalyError, naming operation, layer and source line.

    PyTorch looks at the gradients only; here a NaN born in the forward pass (out of inputs without NaN) is caught
    too. Slow: every result is read.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._settings: Settings | None = Settings(check_nan)

    def __enter__(self) -> None:
        self._before = active.get()
        active.set(self._settings)

    def __exit__(self, *exc: object) -> None:
        active.set(self._before)


class set_detect_anomaly(detect_anomaly):  # noqa: N801 - PyTorch's name
    """Switch anomaly mode on or off: at once, or for the length of a `with` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        if not mode:
            self._settings = None
        self._before = active.get()
        active.set(self._settings)

    def __enter__(self) -> None:
        active.set(self._settings)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return active.get() is not None


def layer_path(modules: tuple[Any, ...]) -> str:
    """ "LeNet5.features.0 (Conv2d)": the names that lead from the outermost module to the innermost."""
    if not modules:
        return ""
    names = [type(modules[0]).__name__]
    for outer, inner in itertools.pairwise(modules):
        found = next((name for name, module in outer.named_modules() if module is inner), None)
        names.append(f"<{type(inner).__name__}>" if found is None else found)
    path = ".".join(n for n in names if n)
    return path if len(modules) == 1 else f"{path} ({type(modules[-1]).__name__})"


def here() -> Origin:
    """The place in the user's program that is running now: the innermost frame outside gpunn."""
    frames = traceback.extract_stack(sys._getframe(1))
    outside = [f for f in frames if not f.filename.startswith(_PACKAGE)] or list(frames)
    last = outside[-1]
    line = f'File "{last.filename}", line {last.lineno}, in {last.name}: {last.line}'
    return Origin(layer_path(layers.get()), line, "".join(traceback.format_list(outside)))


def has_nan(array: Any) -> bool:
    """Whether a floating array holds a NaN; reads it all."""
    if not backend.is_array(array) or array.dtype.kind not in "fV":
        return False
    return bool(backend.array_module(array).isnan(array).any())


def check_forward(node: Any, inputs: list[Any], outputs: list[Any]) -> None:
    """In anomaly mode, note where `node` ran and raise if a NaN was born in it."""
    settings = active.get()
    if settings is None:
        return
    origin = here()
    node.origin = origin
    if settings.check_nan and any(map(has_nan, outputs)) and not any(map(has_nan, inputs)):
        ranges = "; ".join(f"input {i}: {_range(a)}" for i, a in enumerate(inputs) if backend.is_array(a))
        raise AnomalyError(f"NaN first appeared in the forward pass of {node.op_name}. {origin} {ranges}")


def check_backward(node: Node, grads: tuple[Any, ...]) -> None:
    """In anomaly mode, raise if a gradient that `node` returned holds a NaN."""
    settings = active.get()
    if settings is None or not settings.check_nan:
        return
    for i, grad in enumerate(grads):
        if grad is not None and has_nan(grad.array):
            made = "" if node.origin is None else f" {node.origin}\nForward call:\n{node.origin.trace}"
            raise AnomalyError(f"Function '{node.name()}' returned nan values in its {i}th output.{made}")


def _range(array: Any) -> str:
    if array.size == 0 or array.dtype.kind not in "fViu":
        return f"shape {array.shape}, {array.dtype}"
    return f"shape {array.shape}, min {float(array.min()):.6g}, max {float(array.max()):.6g}"
