"""A module whose own calls are recorded: what `Module.compile` makes of it."""

from __future__ import annotations

import threading
from typing import Any

from gpunn.compile.step import compile
from gpunn.nn import Module


class InPlace:
    """The calls of a module through `gp.compile`, with its arguments. What they run is the module as it is."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        self._module, self._state = module, threading.local()
        self.call = compile(self._plain, *args, **kwargs)

    @property
    def is_running(self) -> bool:
        """Whether this thread is inside such a call, so that the module computes."""
        return getattr(self._state, "is_running", False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def _plain(self, *args: Any, **kwargs: Any) -> Any:
        self._state.is_running = True
        try:
            return self._module(*args, **kwargs)
        finally:
            self._state.is_running = False


Module._compiler = InPlace
