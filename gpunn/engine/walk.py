"""The backward walk: from roots to leaves, each node once, after all that feed it. Iterative, linear in the graph."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from gpunn import backend
from gpunn.engine import anomaly, autocast, modes
from gpunn.engine.graph import AccumulateGrad, Node, NodeHooks, add_to_grad, edge_of
from gpunn.engine.hooks import replaced
from gpunn.engine.quiet import quietly
from gpunn.engine.variable import Variable, new_variable
from gpunn.errors import ArgumentTypeError, GraphError, ShapeError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def backward(
    roots: Sequence[Variable],
    grads: Sequence[Tensor | None],
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Variable] | None = None,
) -> None:
    """Add d(roots)/d(leaf) to `leaf.grad` for every leaf, or for every tensor of `inputs` if given."""
    if inputs is not None:
        found = grad_of(roots, grads, inputs, retain_graph, create_graph, retain_grad=True)
        with modes.set_grad_enabled(create_graph):
            for tensor, grad in {id(t): (t, g) for t, g in zip(inputs, found, strict=True)}.values():
                if grad is not None and tensor.is_leaf:  # that of others is retained
                    add_to_grad(tensor, grad, is_ours=False)
                    if tensor._hooks is not None:
                        tensor._hooks.call_after(tensor)
        return
    keep = create_graph if retain_graph is None else retain_graph
    _Walk(roots, _root_grads(roots, grads), keep, create_graph, None).run()


def grad_of(
    roots: Sequence[Variable],
    grads: Sequence[Tensor | None],
    inputs: Sequence[Variable],
    retain_graph: bool | None = None,
    create_graph: bool = False,
    retain_grad: bool = False,
) -> list[Tensor | None]:
    """d(roots)/d(input) for each of `inputs`; None where there is no path. The `.grad` of leaves is left alone."""
    for i, tensor in enumerate(inputs):
        if not tensor.requires_grad:
            raise GraphError(
                f"One of the differentiated Tensors does not require grad: input {i} of shape {tensor.array.shape}"
            )
    targets = [edge_of(tensor) for tensor in inputs]
    keep = create_graph if retain_graph is None else retain_graph
    walk = _Walk(roots, _root_grads(roots, grads), keep, create_graph, targets)
    for tensor in inputs if retain_grad else ():
        tensor.retain_grad()
    walk.run()
    return [walk.captured.get((id(node), nr)) for node, nr in targets]


def _root_grads(roots: Sequence[Variable], grads: Sequence[Tensor | None]) -> list[Any]:
    """The gradients to start with: as given, or 1 for a scalar root."""
    result: list[Any] = []
    for i, (root, grad) in enumerate(zip(roots, grads, strict=True)):
        if not root.requires_grad:
            raise GraphError(
                f"element {i} of tensors does not require grad and does not have a grad_fn: nothing it was made from "
                "requires a gradient, or it was computed under no_grad() or passed through detach(), item() or numpy()"
            )
        if grad is None:
            if root.array.size != 1:
                raise GraphError(
                    f"grad can be implicitly created only for scalar outputs, got shape {root.array.shape}; "
                    "reduce it (loss.mean()) or pass the gradient: y.backward(g)"
                )
            ones = backend.array_module(root.array).empty_like(root.array)
            ones.fill(1)  # as `ones_like` does, which NumPy has in Python
            grad = new_variable(ones)
        elif not isinstance(grad, Variable):
            raise ArgumentTypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
        elif grad.array.shape != root.array.shape:
            raise ShapeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {grad.array.shape} "
                f"and output[{i}] has a shape of {root.array.shape}."
            )
        elif grad.array.dtype != root.array.dtype:
            grad = grad.to(root.dtype)  # type: ignore[attr-defined]
        result.append(grad)
    return result


class _Walk:
    """One walk over the graph. `captured` holds the gradients at `targets`, keyed by (id of node, output)."""

    def __init__(
        self,
        roots: Sequence[Variable],
        grads: list[Any],
        retain_graph: bool,
        create_graph: bool,
        targets: list[tuple[Any, int]] | None,
    ) -> None:
        self.retain_graph, self.create_graph = retain_graph, create_graph
        self.captured: dict[tuple[int, int], Any] = {}
        self.wanted = None if targets is None else {(id(node), nr) for node, nr in targets}
        self.buffers: dict[Node, list[Any]] = {}
        self.owned: set[Node] = set()  # leaves whose incoming gradient nobody else holds
        edges = [edge_of(root) for root in roots]
        self.waiting_for = _count_users([node for node, _ in edges])
        self.leads_to_target = None if targets is None else _ancestors(self.waiting_for, targets)
        for (node, nr), grad in zip(edges, grads, strict=True):
            self._deliver(node, nr, grad, is_ours=False)
        self.ready = [(n.order, n) for n in dict.fromkeys(n for n, _ in edges) if self.waiting_for[n] == 0]
        heapq.heapify(self.ready)

    def run(self) -> None:
        """Run every node that is needed, latest first. None chooses its dtype anew, also inside `autocast`."""
        ready, buffers, waiting_for = self.ready, self.buffers, self.waiting_for
        with modes.set_grad_enabled(self.create_graph), quietly(), autocast.switched_off():
            while ready:
                node = heapq.heappop(ready)[1]
                grads = buffers.pop(node, None)
                inputs = () if grads is None else self._run_node(node, grads)
                for edge, grad in zip_longest(node.next_edges, inputs):
                    if edge is None:
                        continue
                    target, nr = edge
                    if grad is not None:
                        is_ours = type(target) is AccumulateGrad and _is_ours(node, grad, inputs, grads)
                        self._deliver(target, nr, grad, is_ours)
                    users = waiting_for[target] = waiting_for[target] - 1
                    if users == 0:
                        heapq.heappush(ready, (target.order, target))

    def _deliver(self, node: Node, nr: int, grad: Any, is_ours: bool) -> None:
        """Add `grad` to what has come in for output `nr` of `node`."""
        slots = self.buffers.get(node)
        if slots is None:
            slots = self.buffers[node] = [None] * len(node.outputs)
        known = slots[nr]
        slots[nr] = grad if known is None else known + grad
        if (is_ours or known is not None) and type(node) is AccumulateGrad:
            self.owned.add(node)

    def _run_node(self, node: Node, grads: list[Any]) -> tuple[Any, ...]:
        """Hooks of tensors, capture, hooks of the node, then the node; returns the gradients of its inputs."""
        if self.wanted is not None and not self._is_wanted(node, grads):
            return ()
        if node._hooks is not None:
            self._apply_tensor_hooks(node._hooks, grads)
        if self.wanted is not None and not self._capture(node, grads):
            return ()
        if node._hooks is not None:
            for before in list(node._hooks.before.values()):
                changed = before(tuple(grads))
                grads = grads if changed is None else list(changed)
        if type(node) is AccumulateGrad:
            if self.wanted is None and grads[0] is not None:
                node.accumulate(grads[0], node in self.owned)
            return ()
        for grad in grads:
            if grad is not None:
                return self._differentiate(node, grads)
        return ()

    def _is_wanted(self, node: Node, grads: list[Any]) -> bool:
        """Whether a target is an output of `node`, or comes after it."""
        wanted = self.wanted or ()
        return self._leads_to_target(node) or any([(id(node), nr) in wanted for nr in range(len(grads))])

    def _leads_to_target(self, node: Node) -> bool:
        return self.leads_to_target is None or node in self.leads_to_target

    def _capture(self, node: Node, grads: list[Any]) -> bool:
        """Keep the gradients of targets; whether `node` itself must run."""
        for nr, grad in enumerate(grads):
            if (id(node), nr) in (self.wanted or ()):
                self.captured[id(node), nr] = self._after_leaf_hooks(node, grad)
        return self._leads_to_target(node)

    def _differentiate(self, node: Node, grads: list[Any]) -> tuple[Any, ...]:
        if len(grads) > 1 and not node.takes_none:
            grads = [
                g if g is not None else Variable.result_type(xp.zeros(shape, dtype))
                for g, (shape, dtype, xp) in zip(grads, node.outputs, strict=True)
            ]
        settings = anomaly.active.get()
        if settings is None:
            inputs = node.apply_backward(grads)
        else:
            with anomaly.detect_anomaly(check_nan=False):  # a NaN made in here is this node's
                inputs = node.apply_backward(grads)
            anomaly.check_backward(node, inputs)
        if node._hooks is not None:
            for after in list(node._hooks.after.values()):
                changed = after(inputs, tuple(grads))
                inputs = inputs if changed is None else tuple(changed)
        if not self.retain_graph:
            node.release()
        return inputs

    def _apply_tensor_hooks(self, hooks: NodeHooks, grads: list[Any]) -> None:
        """Put into `grads` what the hooks of the node's outputs make of them, and let outputs retain theirs."""
        for nr, of_output in hooks.outputs.items():
            for hook in list(of_output.values()):
                if grads[nr] is not None:
                    grads[nr] = replaced(hook, grads[nr])
        for nr, reference in hooks.retained.items():
            variable = reference()
            if variable is not None and grads[nr] is not None:
                known = variable._grad
                variable.grad = grads[nr].clone() if known is None else known + grads[nr]

    @staticmethod
    def _after_leaf_hooks(node: Node, grad: Any) -> Any:
        """What the hooks of a leaf make of its gradient; they are kept with the leaf, not the node."""
        if isinstance(node, AccumulateGrad) and grad is not None:
            for hook in list((node.variable._hooks or {}).values()):
                grad = replaced(hook, grad)
        return grad


def _is_ours(node: Node, grad: Any, inputs: tuple[Any, ...], grads: list[Any] | None) -> bool:
    """Whether only the walk holds the array of `grad`, which `node` returned: an op of gpunn made it, it owns its
    memory, is not a gradient that came in, and goes to one place only."""
    if not node.returns_fresh or node._hooks is not None or grad.array.base is not None:
        return False
    for other in grads or ():
        if other is grad:
            return False
    times = 0
    for other in inputs:
        if other is grad:
            times += 1
    return times == 1


def _count_users(roots: list[Node]) -> dict[Node, int]:
    """For each node reachable from `roots`, how many edges lead to it."""
    users: dict[Node, int] = dict.fromkeys(roots, 0)
    stack = list(users)
    while stack:
        for edge in stack.pop().next_edges:
            if edge is not None:
                if edge[0] not in users:
                    users[edge[0]] = 0
                    stack.append(edge[0])
                users[edge[0]] += 1
    return users


def _ancestors(nodes: dict[Node, int], targets: list[tuple[Node, int]]) -> set[Node]:
    """The nodes from which one of `targets` can be reached by at least one edge."""
    ends = {node for node, _ in targets}
    found: set[Node] = set()
    for node in sorted(nodes, key=_order, reverse=True):  # what a node leads to was made before it
        if any(edge is not None and (edge[0] in ends or edge[0] in found) for edge in node.next_edges):
            found.add(node)
    return found


def _order(node: Node) -> int:
    return node.order
