"""In-place changes: the checks before, the write, and the history after.

`x.add_(y)` is recorded as if it were `x = x + y`: the tensor gets the history of the result. If `x` is a view, the
history of its base changes instead (CopySlices): part of the base's gradient goes to the written values, the rest to
what was there before; `x` and all other views then take their history from the base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn import backend
from gpunn.engine import modes
from gpunn.engine.function import Function
from gpunn.engine.graph import edge_of
from gpunn.engine.saved import Saved
from gpunn.engine.variable import Variable
from gpunn.errors import ArgumentError, GraphError

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def check_in_place(target: Variable, op: str) -> None:
    """Raise if `target` may not be changed in place by `op` right now."""
    if (
        target.array.size
        and 0 in target.array.strides
        and any(stride == 0 and size > 1 for stride, size in zip(target.array.strides, target.array.shape, strict=True))
    ):
        raise ArgumentError(
            f"{op}: unsupported operation: more than one element of the written-to tensor refers to a single "
            "memory location. Please clone() the tensor before performing the operation."
        )
    check_history(target, op)


def check_history(target: Variable, op: str) -> None:
    """Raise if an in-place change of `target` could not be recorded."""
    if target._version is None and not modes.inference.get():
        raise GraphError(
            f"{op}: Inplace update to inference tensor outside InferenceMode is not allowed. "
            "You can make a clone to get a normal tensor before doing inplace update."
        )
    if not modes.recording.get():
        return
    if target._base is None and target._requires_grad and target.is_leaf:
        raise GraphError(
            f"{op}: a leaf Variable that requires grad is being used in an in-place operation. "
            "Change it under gpunn.no_grad(), or change a clone()."
        )
    if target._base is not None and target._views is None and target.requires_grad:
        raise _cannot_be_replayed(target, op)
    base = target.root()
    if base is not None and base.is_leaf and (base._requires_grad or target.requires_grad):
        raise GraphError(
            f"{op}: a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Change it under gpunn.no_grad(), or change a clone()."
        )


def _cannot_be_replayed(view: Variable, op: str) -> GraphError:
    return GraphError(
        f"{op}: Output {view._output_nr} of a function that returns multiple views is being modified inplace, or a "
        "view created in no_grad mode. Such views do not allow that. You should replace the inplace operation by an "
        "out-of-place one, or do both inside no_grad."
    )


def write(target: Tensor, result: Variable, op: str) -> Tensor:
    """Put `result` (same shape, dtype and device) into the memory of `target`, with its history."""
    rebase = modes.recording.get() and (target.requires_grad or result._requires_grad)
    base = target.root()
    if rebase and base is not None and target._views is None:
        raise _cannot_be_replayed(target, op)
    target.array[...] = result.array
    bump(target)
    if rebase:
        take_history(target, result)
    return target


def take_history(target: Variable, result: Variable) -> None:
    """Let `target`, which was changed in place, have the history of `result`; a view gets it through its base."""
    base = target.root()
    if base is None and result._requires_grad:
        target.rebase(result._grad_fn, result._output_nr)
    elif base is None:
        target._grad_fn, target._output_nr, target._requires_grad = None, 0, False
    else:
        old_edge = edge_of(base) if base._requires_grad else None
        node = CopySlices(target._views or (), base)
        node.needs = (old_edge is not None, result._requires_grad)
        node._kept = node._saved = None
        node.enter_graph((old_edge, edge_of(result) if result._requires_grad else None), (base.array,))
        base.rebase(node, 0)


def keep_original(target: Variable, result: Variable, since: int) -> None:
    """Before `result` is written into `target`: a copy of it for the nodes made `since` that saved it.

    They computed `result` from what it holds now, and backward needs that: x.mul_(w) needs the old x.
    """
    nodes = [result._grad_fn]
    while nodes:
        node = nodes.pop()
        if node is None or node.sequence < since:
            continue
        saved: dict[int, Any] = getattr(node, "_saved", None) or {}
        for i, entry in saved.items():
            if isinstance(entry, Saved) and entry.array is target.array:
                saved[i] = entry._replace(array=target.array.copy(order="K"), counter=[0], version=0)
        nodes.extend([None if edge is None else edge[0] for edge in node.next_edges])


def take_view(target: Tensor, view: Variable) -> Tensor:
    """Let `target` become `view`, a view of it in another shape: x.unsqueeze_(0)."""
    if target.is_leaf and target._requires_grad:  # nothing is recorded: the leaf has a new shape
        target.array = view.array
        bump(target)
        return target
    if target._base is None:
        before: Variable = Variable.result_type(target.array)  # what older views of the target are views of
        before._grad_fn, before._output_nr = target._grad_fn, target._output_nr
        before._requires_grad, before._version = target._requires_grad, target._version
        target._base = before
    target.array, target._views = view.array, view._views
    if view._requires_grad:
        target.rebase(view._grad_fn, view._output_nr)
    bump(target)
    target._seen_version = 0 if target._version is None else target._version[0]
    return target


def bump(target: Variable) -> None:
    """Count an in-place change of `target`, so that saved uses of it are noticed in backward."""
    if target._version is not None:
        target._version[0] += 1
    if target._base is None and target._version is not None:
        target._seen_version = target._version[0]


class CopySlices(Function):
    """The history of a base after an in-place change of one of its views."""

    def __init__(self, views: tuple[Function, ...], base: Variable) -> None:
        self.views = views
        xp = backend.array_module(base.array)
        self.written = xp.zeros_like(base.array, bool)  # where the view wrote
        region = self.written
        for view in views:
            region = view.forward(region)  # views have one forward for both devices
        region[...] = True

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        rest = grad.masked_fill(Variable.result_type(self.written), 0.0) if self.needs[0] else None
        return rest, self._region(grad) if self.needs[1] else None

    def _region(self, grad: Tensor) -> Tensor:
        region: Any = grad
        for view in self.views:
            region = view.fresh()(region)
        cut: Tensor = region.clone()
        return cut
