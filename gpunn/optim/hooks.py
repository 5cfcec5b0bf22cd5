"""Hooks of optimizers: functions that are called around steps, and around the saving and loading of their states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn.engine import Hooks, RemovableHandle
from gpunn.errors import GraphError


class OptimizerHooks:
    """The hooks of Optimizer, by kind. Only Optimizer derives from this."""

    _hooks: dict[str, Hooks]

    def _hooks_of(self, kind: str) -> list[Callable[..., Any]]:
        return list(self._hooks.get(kind, {}).values())

    def _add_hook(self, kind: str, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        return self._hooks.setdefault(kind, Hooks()).add(hook, prepend)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return another (args, kwargs).

        `args` is (optimizer,) or (optimizer, closure).
        """
        return self._add_hook("pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._add_hook("post", hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`; with `prepend` before the hooks that are there."""
        return self._add_hook("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` at the end of `state_dict`; what it returns, unless None, replaces it."""
        return self._add_hook("state_dict", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`, with a shallow copy of what that got.

        What it returns, unless None, is loaded instead.
        """
        return self._add_hook("load_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return self._add_hook("load_post", hook, prepend)

    def _arguments_after_hooks(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a step as the hooks before it leave them."""
        kwargs: dict[str, Any] = {}
        for hook in self._hooks_of("pre"):
            found = hook(self, args, kwargs)
            if found is not None and not (isinstance(found, tuple) and len(found) == 2):
                raise GraphError(f"step: a pre-hook must return None or a tuple (args, kwargs), but got {found!r}")
            args, kwargs = (args, kwargs) if found is None else found
        return args, kwargs

    def _replaced(self, kind: str, state_dict: dict[str, Any]) -> dict[str, Any]:
        """`state_dict`, or what the hooks of this kind put in its place."""
        for hook in self._hooks_of(kind):
            found = hook(self, state_dict)
            state_dict = state_dict if found is None else found
        return state_dict
