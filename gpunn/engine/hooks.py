"""Tables of hooks, and the handles that take a hook out again."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from gpunn.errors import ArgumentTypeError, DtypeError, ShapeError

_ids = itertools.count()


def replaced(hook: Any, grad: Any) -> Any:
    """What `hook` makes of the gradient `grad`: a tensor of its shape and dtype, or `grad` itself for None."""
    result = hook(grad)
    if result is None:
        return grad
    if not isinstance(result, type(grad)):
        raise ArgumentTypeError(f"a gradient hook must return a Tensor or None, got {type(result).__name__}")
    if result.array.shape != grad.array.shape:
        raise ShapeError(f"a gradient hook changed the shape from {grad.array.shape} to {result.array.shape}")
    if result.array.dtype != grad.array.dtype:
        raise DtypeError(f"a gradient hook changed the dtype from {grad.array.dtype} to {result.array.dtype}")
    return result


class Hooks(dict[int, Any]):
    """Hooks by number, in the order of registration. Handles refer to it weakly."""

    __slots__ = ("__weakref__",)

    def add(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Put `hook` at the end, or before all others."""
        handle = RemovableHandle(self)
        self[handle.id] = hook
        if prepend:
            for key in list(self)[:-1]:
                self[key] = self.pop(key)  # move it behind the new one
        return handle


class LeafHooks(Hooks):
    """The hooks of a leaf: those that its gradient goes through, and `after`, called when `.grad` has it."""

    __slots__ = ("after",)

    def __init__(self) -> None:
        super().__init__()
        self.after = Hooks()

    def call_after(self, leaf: Any) -> None:
        """Tell those who wait for it that the gradient of `leaf` has been added to `leaf.grad`."""
        for hook in list(self.after.values()):
            if hook(leaf) is not None:
                raise ArgumentTypeError("a hook after the accumulation of a gradient must return None")


class RemovableHandle:
    """What `register_…_hook` returns: `remove()` takes the hook out; also a context manager."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = weakref.ref(hooks)
        self.id = next(_ids)

    def remove(self) -> None:
        """Take the hook out; does nothing the second time."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
