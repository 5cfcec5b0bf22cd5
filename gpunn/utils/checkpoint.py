"""Recomputation: a part of the model whose intermediate tensors are computed again in backward instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, TypeAlias

from gpunn import backend, engine, random
from gpunn.engine import AccumulateGrad, Node, Variable, autocast
from gpunn.engine.saved import freed, save, unpack
from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError
from gpunn.tensor import Tensor

Edge: TypeAlias = tuple[Any, int]
Contexts: TypeAlias = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]
CHECKS: Final = ("default", "none")  # of what backward computes again


class Recompute(Node):
    """The node that stands for all that a checkpointed function records.

    Its inputs are the edges by which the function's graph hangs on the one outside: arguments, parameters, tensors
    of enclosing scopes. Backward runs the function again, and walks the new graph down to these edges.
    """

    __slots__ = ("around", "checked", "facts", "names", "precision", "random_state", "run", "saved", "sources")

    takes_none = True
    returns_fresh = False

    def __init__(
        self,
        run: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keep: bool,
        around: AbstractContextManager[Any],
        checked: bool,
    ) -> None:
        self.around, self.checked = around, checked
        self.run, self.names, self.precision = run, tuple(kwargs), autocast.current.get()
        self.random_state = random.default_generator.get_state_array() if keep else None
        self.saved: list[Any] | None = [save(x, "checkpoint") for x in (*args, *kwargs.values())]

    def stand_for(self, outs: list[Any], sources: list[Edge]) -> None:
        """Become the node between `outs` and `sources`."""
        self.sources, self.facts = sources, _facts(outs)
        self.enter_graph(tuple(sources), tuple([out.array for out in outs]))

    def name(self) -> str:
        return "CheckpointFunctionBackward"

    def release(self) -> None:
        self.saved = None

    def apply_backward(self, grads: list[Any]) -> tuple[Any, ...]:
        start = engine.sequence_now()
        outs = self._again()
        if len(outs) != len(grads):
            raise GraphError(f"checkpoint: the function made {len(grads)} tensors at first, {len(outs)} in backward")
        if self.checked and (now := _facts(outs)) != self.facts:
            raise GraphError(
                f"checkpoint: Recomputed values have different metadata than during the forward pass: {now}, at first "
                f"{self.facts}; a function that is meant to do so needs determinism_check='none'"
            )
        pairs = [(out, grad) for out, grad in zip(outs, grads, strict=True) if grad is not None]
        stops = {source: _Stop() for source in self.sources}
        ends = [stop.as_output_of(pairs[0][0].array) for stop in stops.values()]
        create_graph = engine.is_grad_enabled()
        with _cut(_made_since(start, outs), start, stops):
            found = engine.grad_of([o for o, _ in pairs], [g for _, g in pairs], ends, create_graph=create_graph)
        return tuple(found)

    def _again(self) -> list[Any]:
        """The outputs once more, made with the random numbers and the autocasting of the first time."""
        if self.saved is None:
            raise freed(self)
        values = [unpack(entry, self, "argument", i) for i, entry in enumerate(self.saved)]
        split = len(values) - len(self.names)
        generator = random.default_generator
        now = generator.get_state_array()
        if self.random_state is not None:
            generator.set_state_array(self.random_state)
        try:
            with engine.enable_grad(), autocast.as_in(self.precision), self.around:
                return _differentiable(self.run(*values[:split], **dict(zip(self.names, values[split:], strict=True))))
        finally:
            if self.random_state is not None:
                generator.set_state_array(now)


def _facts(outs: Sequence[Variable]) -> list[tuple[Any, ...]]:
    """What must be the same when `outs` are computed again."""
    return [(tuple(out.array.shape), out.array.dtype.name, str(backend.device_of(out.array))) for out in outs]


class _Stop(Node):
    """Where the walk over the function's graph ends."""

    __slots__ = ()

    def __init__(self) -> None:
        self.enter_graph((), (None,))

    def as_output_of(self, array: Any) -> Variable:
        """A variable with this node as its history, by which the walk can be asked for the gradient here."""
        end = Variable(array)
        end._grad_fn, end._requires_grad = self, True  # type: ignore[assignment]
        return end


def _made_since(start: int, outs: Sequence[Variable]) -> list[Node]:
    """The nodes behind `outs` that are younger than `start`."""
    found = dict.fromkeys(out.grad_fn for out in outs)
    stack: list[Any] = list(found)
    while stack:
        for edge in stack.pop().next_edges:
            if edge is not None and edge[0] not in found and not _is_outside(edge, start):
                found[edge[0]] = None
                stack.append(edge[0])
    return list(found)  # type: ignore[arg-type]


def _is_outside(edge: Edge, start: int) -> bool:
    return isinstance(edge[0], AccumulateGrad) or edge[0].sequence < start


def _sources(nodes: list[Node], start: int) -> list[Edge]:
    """The edges from `nodes` to what was there before `start`, each once."""
    edges = [edge for node in nodes for edge in node.next_edges if edge is not None and _is_outside(edge, start)]
    return list(dict.fromkeys(edges))


@contextmanager
def _cut(nodes: list[Node], start: int, stops: dict[Edge, _Stop]) -> Iterator[None]:
    """Inside, `nodes` lead to `stops` instead of to the graph outside; second derivatives need the old edges."""
    before = [node.next_edges for node in nodes]
    for node in nodes:
        node.next_edges = tuple([_redirected(edge, start, stops) for edge in node.next_edges])
    try:
        yield
    finally:
        for node, edges in zip(nodes, before, strict=True):
            node.next_edges = edges


def _redirected(edge: Edge | None, start: int, stops: dict[Edge, _Stop]) -> Edge | None:
    if edge is None or not _is_outside(edge, start):
        return edge
    if edge in stops:
        return stops[edge], 0
    if isinstance(edge[0], AccumulateGrad):  # a leaf that the function made itself
        return None
    raise GraphError("checkpoint: in backward the function used other tensors than at first")


def _differentiable(result: Any) -> list[Any]:
    """The tensors in `result` that require gradients, each with a node of its own even if it is an argument."""
    found: list[Any] = []
    _mapped(result, found.append)
    return [x.expand(x.shape) for x in found if x.requires_grad]


def _mapped(result: Any, change: Callable[[Tensor], Any]) -> Any:
    """`result`, a tensor or tuples, lists and dicts of them, with `change(tensor)` in place of each tensor."""
    if isinstance(result, Tensor):
        return change(result)
    if isinstance(result, dict):
        return {key: _mapped(value, change) for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        values = [_mapped(value, change) for value in result]
        return type(result)(*values) if hasattr(result, "_fields") else type(result)(values)
    return result


def noop_context_fn() -> Contexts:
    """Two context managers that do nothing."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = CHECKS[0],
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), keeping only the arguments: backward computes the rest again.

    Trades a second forward pass for memory. Dropout draws the same numbers again (`preserve_rng_state`). The result
    may be a tensor or tuples, lists and dicts of tensors. Gradients, also of gradients, flow as without, to
    arguments, parameters and whatever else the function uses. There is one kind only, PyTorch's
    `use_reentrant=False`; with True, keyword arguments are refused as there. Chen et al. 2016, arXiv:1604.06174.

    `context_fn` gives two context managers, around the first run and around the run in backward. `determinism_check`:
    "default" raises GraphError if the second run gives other shapes, types or devices, "none" does not look.
    `debug` and `early_stop` change no number: there is no log of operations, and the second run is never cut short.
    """
    if not callable(function):
        raise ArgumentTypeError(f"checkpoint: expected a function, got {type(function).__name__}")
    if use_reentrant and kwargs:
        raise ArgumentError(f"checkpoint: Unexpected keyword arguments: {','.join(kwargs)}; try use_reentrant=False")
    if determinism_check not in CHECKS:
        raise ArgumentError(f"checkpoint: determinism_check should be one of {CHECKS}, got {determinism_check!r}")
    if use_reentrant and (context_fn is not noop_context_fn or debug):
        raise ArgumentError("checkpoint: passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    before, again = context_fn()
    if not engine.is_grad_enabled():
        return function(*args, **kwargs)
    node = Recompute(function, args, kwargs, preserve_rng_state, again, determinism_check == CHECKS[0])
    start = engine.sequence_now()
    with before:
        result = function(*args, **kwargs)
    outs = _differentiable(result)
    if not outs:
        return result
    node.stand_for(outs, _sources(_made_since(start, outs), start))
    numbers = iter(range(len(outs)))

    def attached(x: Tensor) -> Tensor:
        """`x` with the checkpoint as its history."""
        if not x.requires_grad:
            return x
        twin = Variable.result_type(x.array)
        engine.share_memory_of(twin, x)
        twin._grad_fn, twin._output_nr, twin._requires_grad = node, next(numbers), True  # type: ignore[assignment]
        return twin

    return _mapped(result, attached)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True
) -> Any:
    """A chain of modules or functions run in `segments` checkpointed pieces; the last one is not checkpointed."""
    chain = list(functions)
    if not 1 <= segments <= len(chain):
        raise ArgumentError(
            f"checkpoint_sequential: {segments} segments of {len(chain)} functions; each needs one at least"
        )
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
