"""Backward hooks of modules: identity operations around a call that see the gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn.backend import Array
from gpunn.engine import Function, is_grad_enabled, share_memory_of
from gpunn.errors import GraphError
from gpunn.tensor import Tensor

Grads = tuple[Any, ...]


class Passing(Function):
    """Passes tensors on unchanged, and their gradients through `see`."""

    returns_fresh = False

    def __init__(self, see: Callable[[Grads], Grads]) -> None:
        self.see = see

    def forward(self, *arrays: Array) -> tuple[Array, ...]:
        return tuple([a.view() for a in arrays])

    def backward(self, *grads: Any) -> Grads:
        return self.see(grads)


class PassingOut(Passing):
    """Passing of outputs: those that nothing is computed from have the gradient None, not zeros."""

    takes_none = True


class BackwardWatch:
    """The backward hooks of one call of one module. grad_output is known before grad_input."""

    def __init__(self, module: Any, before: list[Callable[..., Any]], after: list[Callable[..., Any]]) -> None:
        self.module, self.before, self.after = module, before, after
        self.grad_output: Grads | None = None  # from the outputs' gradients until the inputs'
        self.places_in: list[int] = []  # of the arguments that gradients flow to
        self.places_out: list[int] = []

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with the tensors among them passed through the place where grad_input is seen."""
        self.count_in = len(args)
        self.places_in = _differentiable(args) if self.after else []
        return _passed(args, self.places_in, Passing(self._see_inputs))

    def outputs(self, result: Any) -> Any:
        """The result, with its tensors passed through the place where grad_output is seen."""
        several = result if isinstance(result, tuple) else (result,)
        self.count_out = len(several)
        self.places_out = _differentiable(several)
        passed = _passed(several, self.places_out, PassingOut(self._see_outputs))
        return passed if isinstance(result, tuple) else passed[0]

    def _see_outputs(self, grads: Grads) -> Grads:
        grads = _spread(grads, self.places_out, self.count_out)
        for hook in self.before:
            grads = _replaced(grads, hook(self.module, grads), "pre hook", "grad_output")
        if self.places_in:
            self.grad_output = grads
        else:
            for hook in self.after:
                _must_be_none(hook(self.module, (None,) * self.count_in, grads))
        return tuple([grads[i] for i in self.places_out])

    def _see_inputs(self, grads: Grads) -> Grads:
        if self.grad_output is None:  # gradients that did not come through the outputs, as in a double backward
            return grads
        known, grads = self.grad_output, _spread(grads, self.places_in, self.count_in)
        for hook in self.after:
            grads = _replaced(grads, hook(self.module, grads, known), "hook", "grad_input")
        self.grad_output = None
        return tuple([grads[i] for i in self.places_in])


def _differentiable(values: tuple[Any, ...]) -> list[int]:
    """Where in `values` the tensors are that gradients flow to."""
    if not is_grad_enabled():
        return []
    return [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]


def _passed(values: tuple[Any, ...], places: list[int], passing: Passing) -> tuple[Any, ...]:
    """`values` with the tensors at `places` passed through one node. They are views of what they were."""
    if not places:
        return values
    result = list(values)
    for i, tensor in zip(places, passing(*[values[i] for i in places]), strict=True):
        base = values[i].root()
        share_memory_of(tensor, values[i])
        tensor._base = values[i] if base is None else base  # but no way to replay it: in-place changes are refused
        result[i] = tensor
    return tuple(result)


def _spread(grads: Grads, places: list[int], count: int) -> Grads:
    """`grads` at their places among `count`, None elsewhere."""
    result = [None] * count
    for i, grad in zip(places, grads, strict=True):
        result[i] = grad
    return tuple(result)


def _replaced(grads: Grads, found: Any, kind: str, what: str) -> Grads:
    """What a hook returned instead of `grads`, if anything."""
    if found is None:
        return grads
    new = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    if len(new) != len(grads):
        raise GraphError(
            f"Backward {kind} returned an invalid number of {what}, got {len(new)}, but expected {len(grads)}"
        )
    return new


def _must_be_none(found: Any) -> None:
    if found is not None and not (isinstance(found, tuple) and found == (None,) * len(found)):
        raise GraphError(
            "Backward hook for Modules where no input requires gradient should always return None or None for all "
            "gradients."
        )
