"""Hooks of modules: functions that are called before and after forward, and in backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from gpunn.engine import Hooks, RemovableHandle
from gpunn.errors import ArgumentError
from gpunn.nn.backward_hooks import BackwardWatch


class Hook(NamedTuple):
    """A function to call, and what was asked for when it was registered."""

    call: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False  # also if forward raises


class ModuleHooks:
    """The hooks of Module, by kind. Only Module derives from this."""

    forward: Callable[..., Any]
    _hooks: dict[str, Hooks]

    def _add_hook(self, kind: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        return self._hooks.setdefault(kind, Hooks()).add(hook, prepend)

    def _hooks_of(self, kind: str) -> list[tuple[int, Hook]]:
        return list(self._hooks.get(kind, {}).items())

    def _run_hooks(self, kind: str, *args: Any) -> None:
        for _, hook in self._hooks_of(kind):
            hook.call(self, *args)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, unless None, replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)`, and returns None or the pair (args, kwargs).
        """
        return self._add_hook("forward_pre", Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns, unless None, replaces the output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`. With `always_call` it is called, with the
        output None, even if something before it raises.
        """
        return self._add_hook("forward", Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when backward has passed this module.

        Both gradients are tuples, one element for each positional argument or output, None where there is no
        gradient. What the hook returns, unless None, replaces grad_input.
        """
        return self._add_hook("backward", Hook(hook), prepend)

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when backward comes to this module; what it returns, unless None,
        replaces grad_output."""
        return self._add_hook("backward_pre", Hook(hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` reads this module."""
        return self._add_hook("state_dict_pre", Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict` has read this module."""
        return self._add_hook("state_dict", Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`
        before this module is loaded; it may change the state dict, which is a copy."""
        return self._add_hook("load_pre", Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; what it takes out of the two lists is forgiven."""
        return self._add_hook("load_post", Hook(hook))

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = None
        called: set[int] = set()
        try:
            args, kwargs = self._run_forward_pre_hooks(args, kwargs)
            watch = self._watch_backward()
            args = args if watch is None else watch.inputs(args)
            result = self.forward(*args, **kwargs)
            for key, hook in self._hooks_of("forward"):
                called.add(key)
                result = self._run_forward_hook(hook, args, kwargs, result)
        except Exception:
            for key, hook in self._hooks_of("forward"):
                if hook.always and key not in called:
                    self._run_quietly(hook, args, kwargs, result)
            raise
        return result if watch is None else watch.outputs(result)

    def _run_forward_pre_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for _, hook in self._hooks_of("forward_pre"):
            found = hook.call(self, args, kwargs) if hook.with_kwargs else hook.call(self, args)
            if found is None:
                continue
            if not hook.with_kwargs:
                args = found if isinstance(found, tuple) else (found,)
            elif isinstance(found, tuple) and len(found) == 2:
                args, kwargs = found
            else:
                raise ArgumentError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {type(found).__name__}"
                )
        return args, kwargs

    def _run_forward_hook(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        found = hook.call(self, args, kwargs, result) if hook.with_kwargs else hook.call(self, args, result)
        return result if found is None else found

    def _run_quietly(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Run a hook while an exception is on its way, which one out of the hook must not replace."""
        try:
            self._run_forward_hook(hook, args, kwargs, result)
        except Exception as error:
            warnings.warn(
                "module forward hook with `always_call=True` raised an exception that was silenced as another error "
                f"was raised in forward: {error}",
                stacklevel=2,
            )

    def _watch_backward(self) -> BackwardWatch | None:
        """What puts the backward hooks around the call, if there are any."""
        before, after = self._hooks_of("backward_pre"), self._hooks_of("backward")
        if not before and not after:
            return None
        return BackwardWatch(self, [hook.call for _, hook in before], [hook.call for _, hook in after])
