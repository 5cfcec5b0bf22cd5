"""The graph: nodes, the edges between them, and the nodes at its leaves."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import backend, capture
from gpunn.backend import Array
from gpunn.engine import modes
from gpunn.engine.hooks import Hooks, RemovableHandle, replaced
from gpunn.engine.variable import Edge, Variable

if TYPE_CHECKING:
    from gpunn.engine.anomaly import Origin

_sequence = itertools.count()
_LEAVES_FIRST = 1 << 62  # more than there will ever be nodes


def sequence_now() -> int:
    """A number below that of every node made from now on."""
    return next(_sequence)


class NodeHooks:
    """The hooks of one node; most nodes have none."""

    __slots__ = ("after", "before", "outputs", "retained")

    def __init__(self) -> None:
        self.before = Hooks()
        self.after = Hooks()
        self.outputs: dict[int, Hooks] = {}  # by output
        self.retained: dict[int, weakref.ref[Variable]] = {}  # whose .grad to fill, by output

    def is_retained(self, nr: int, x: Variable) -> bool:
        """Whether the `.grad` of `x` is filled from output `nr`."""
        kept = self.retained.get(nr)
        return kept is not None and kept() is x


class Node:
    """A node of the graph: where gradients go next, and what the walk must know of the outputs."""

    __slots__ = ("__weakref__", "_hooks", "next_edges", "order", "origin", "outputs", "sequence")

    op_name: ClassVar[str] = "Node"  # what errors call it
    takes_none: ClassVar[bool] = False  # backward handles outputs without a gradient itself
    returns_fresh: ClassVar[bool] = True  # backward never returns an array that something else holds

    next_edges: tuple[Edge | None, ...]
    outputs: tuple[Any, ...]  # the arrays' (shape, dtype, module) if there are several, else just one None
    sequence: int  # grows from node to node
    order: int  # the walk runs the nodes that are ready from the lowest to the highest: what was made last first
    origin: Origin | None  # where it ran, in anomaly mode

    def enter_graph(self, next_edges: tuple[Edge | None, ...], outputs: tuple[Array | None, ...]) -> None:
        """Become a node: gradients of `outputs` come in here and leave through `next_edges`.

        A single output need not be described: `ONE_OUTPUT`.
        """
        self.next_edges = next_edges
        self.outputs = ONE_OUTPUT if len(outputs) == 1 else tuple([_described(a) for a in outputs])
        self.sequence = next(_sequence)
        self.order = -self.sequence
        self.origin = None
        self._hooks: NodeHooks | None = None

    @property
    def hooks(self) -> NodeHooks:
        """The hooks of this node, to add to."""
        if self._hooks is None:
            self._hooks = NodeHooks()
        return self._hooks

    def name(self) -> str:
        """The op's name as PyTorch writes it: "AddBackward0"."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that gradients go to, with the number of the output they belong to."""
        return tuple((None, 0) if edge is None else edge for edge in self.next_edges)

    def apply_backward(self, grads: list[Any]) -> tuple[Any, ...]:
        """Gradients of the inputs from those of the outputs; None stands for zero."""
        raise NotImplementedError

    def release(self) -> None:
        """Free what was put aside for backward."""

    def register_prehook(self, hook: Callable[[tuple[Any, ...]], Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node runs; what it returns replaces them."""
        return self.hooks.before.add(hook)

    def register_hook(self, hook: Callable[[tuple[Any, ...], tuple[Any, ...]], Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node ran; what it returns replaces grad_inputs."""
        return self.hooks.after.add(hook)


def _described(array: Array) -> tuple[tuple[int, ...], Any, Any]:
    return array.shape, array.dtype, backend.array_module(array)


ONE_OUTPUT = (None,)


class AccumulateGrad(Node):
    """The end of the graph: adds what comes in to the `.grad` of a leaf.

    The leaf knows this node only weakly, so the two are no reference cycle.
    """

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        # As `enter_graph`, without the call: each step makes one for each parameter.
        self.next_edges: tuple[Edge | None, ...] = ()
        self.outputs: tuple[Any, ...] = ONE_OUTPUT
        self.sequence = next(_sequence)
        self.order = -self.sequence - _LEAVES_FIRST
        self.origin = None
        self._hooks = None

    def accumulate(self, grad: Any, is_ours: bool) -> None:
        """Add `grad`; the first one becomes `.grad` itself if nobody else holds its array (`is_ours`).

        Nothing is added to a leaf that was frozen since the graph was recorded.
        """
        if not self.variable._requires_grad:
            return
        hooks = self.variable._hooks
        if hooks is None:
            add_to_grad(self.variable, grad, is_ours)
        else:
            for hook in list(hooks.values()):
                grad, is_ours = replaced(hook, grad), False
            add_to_grad(self.variable, grad, is_ours)
            hooks.call_after(self.variable)
        for after in list(self._hooks.after.values()) if self._hooks is not None else ():
            after((), (grad,))


def add_to_grad(x: Variable, grad: Any, is_ours: bool) -> None:
    """Add `grad` to `x.grad`: in place, unless that is recorded; the first one is copied unless it `is_ours`."""
    known = x._grad
    if (noted := capture.noted()) is not None:
        noted.gradients.setdefault(id(x), (x, known))
    if known is None:
        x.grad = grad if is_ours else grad.clone()
    elif modes.recording.get():
        x.grad = known + grad
    else:
        known.add_(grad)


def edge_of(x: Variable) -> Edge:
    """Where the gradient of `x` goes: the node that made it, or the accumulator of a leaf."""
    node = x._grad_fn if x._base is None else x.grad_fn
    if node is not None:
        return node, x._output_nr
    from_leaf = x._accumulator() if x._accumulator is not None else None
    if from_leaf is None:
        from_leaf = AccumulateGrad(x)
        x._accumulator = weakref.ref(from_leaf)
    return from_leaf, 0
