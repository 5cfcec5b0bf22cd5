"""Backward hooks of modules: identity operations around a call that see the gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn.engine import Function
from gpunn.tensor import Tensor


class Passing(Function):
    """Passes tensors on unchanged, and their gradients through `on_backward`."""

    takes_none = True
    returns_fresh = False

    def __init__(self, on_backward: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
        self.on_backward = on_backward

    def forward(self, *arrays: Any) -> Any:
        return tuple(a.view() for a in arrays)

    def backward(self, *grads: Any) -> tuple[Any, ...]:
        return self.on_backward(grads)


class BackwardWatch:
    """The backward hooks of one call of one module. grad_output is known before grad_input."""

    def __init__(self, module: Any, before: list[Callable[..., Any]], after: list[Callable[..., Any]]) -> None:
        self.module, self.before, self.after = module, before, after
        self.grad_output: tuple[Any, ...] | None = None
        self.has_inputs = False

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with the tensors among them passed through the place where grad_input is seen."""
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.has_inputs = any(args[i].requires_grad for i in places) and bool(self.after)
        if not self.has_inputs:
            return args
        passed = list(args)
        for i, tensor in zip(places, Passing(self._see_input)(*[args[i] for i in places]), strict=True):
            passed[i] = tensor
        return tuple(passed)

    def outputs(self, result: Any) -> Any:
        """The result, with its tensors passed through the place where grad_output is seen."""
        several = result if isinstance(result, tuple) else (result,)
        places = [i for i, r in enumerate(several) if isinstance(r, Tensor)]
        if not any(several[i].requires_grad for i in places):
            return result
        passed = list(several)
        for i, tensor in zip(places, Passing(self._see_output)(*[several[i] for i in places]), strict=True):
            passed[i] = tensor
        return tuple(passed) if isinstance(result, tuple) else passed[0]

    def _see_output(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.before:
            changed = hook(self.module, grads)
            grads = grads if changed is None else _as_tuple(changed)
        self.grad_output = grads
        if not self.has_inputs:
            for hook in self.after:
                hook(self.module, (None,), grads)
        return grads

    def _see_input(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.after:
            changed = hook(self.module, grads, self.grad_output)
            grads = grads if changed is None else _as_tuple(changed)
        self.grad_output = None
        return grads


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)
