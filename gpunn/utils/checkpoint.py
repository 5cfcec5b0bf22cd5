"""Recomputation: a part of the model whose intermediate tensors are computed again in backward instead of kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn import engine, random
from gpunn.autograd import Function
from gpunn.autograd.gradients import backward
from gpunn.errors import ArgumentError, GraphError
from gpunn.ops.creation import ones
from gpunn.tensor import Tensor


class _Recompute(Function):
    """Runs `run(*args)` without recording, and again with recording when gradients arrive."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], keep_random: bool, *args: Any) -> Any:
        ctx.run, ctx.keep_random = run, keep_random
        ctx.random_state = random.default_generator.get_state_array() if keep_random else None
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.places])
        return run(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.others)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[place] = tensor.detach().requires_grad_(tensor.requires_grad)
        with engine.enable_grad():
            outs = _replayed(ctx, args)
        pairs = [(o, g) for o, g in zip(outs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise GraphError("checkpoint: none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return None, None, *[a.grad if isinstance(a, Tensor) else None for a in args]


def _replayed(ctx: Any, args: list[Any]) -> tuple[Any, ...]:
    """The outputs once more, with the random numbers of the first time."""
    now = random.default_generator.get_state_array()
    if ctx.random_state is not None:
        random.default_generator.set_state_array(ctx.random_state)
    try:
        result = ctx.run(*args)
    finally:
        if ctx.random_state is not None:
            random.default_generator.set_state_array(now)
    return result if isinstance(result, tuple) else (result,)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), keeping only the arguments: backward computes the rest again.

    Trades a second forward pass for memory. Dropout draws the same numbers again (`preserve_rng_state`). At least
    one argument must require a gradient, unless only parameters inside `function` do (`use_reentrant=False`, the
    default here). Gradients of gradients do not pass through. Chen et al. 2016.
    """
    if not callable(function):
        raise ArgumentError(f"checkpoint: expected a function, got {type(function).__name__}")

    def run(*given: Any) -> Any:
        return function(*given, **kwargs)

    if not engine.is_grad_enabled():
        return run(*args)
    if any(isinstance(a, Tensor) and a.requires_grad for a in args) or use_reentrant:
        return _Recompute.apply(run, preserve_rng_state, *args)
    trigger = ones((), requires_grad=True)  # makes the node part of the graph for the parameters' sake

    def run_with_trigger(_: Tensor, *given: Any) -> Any:
        return run(*given)

    return _Recompute.apply(run_with_trigger, preserve_rng_state, trigger, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True
) -> Any:
    """A chain of modules or functions run in `segments` checkpointed pieces; the last one is not checkpointed."""
    chain = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(chain) // segments
    start = 0
    for _ in range(segments - 1):
        piece = _Chain(chain[start : start + size])
        input = checkpoint(piece, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
        start += size
    return _Chain(chain[start:])(input)


class _Chain:
    """One function after the other."""

    def __init__(self, functions: list[Any]) -> None:
        self.functions = functions

    def __call__(self, x: Any) -> Any:
        for function in self.functions:
            x = function(x)
        return x
