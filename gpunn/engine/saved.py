"""Tensors put aside for backward: without reference cycles, and checked against in-place changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from gpunn.backend import Array
from gpunn.engine.graph import Node
from gpunn.engine.variable import Edge, Variable, new_variable
from gpunn.errors import GraphError


class Saved(NamedTuple):
    """What is needed to rebuild a tensor as it was. Not the tensor itself: an in-place change could give it a
    history that leads back here."""

    array: Array
    counter: list[int] | None
    version: int
    edge: Edge | None  # its history
    leaf: Variable | None  # the tensor itself, if it is a leaf that gradients flow to


_new: Any = tuple.__new__  # Saved(...) takes three times as long, and runs for each saved tensor


def save(x: Any, op: str) -> Any:
    """`x`, ready to be kept by a node. Numbers stay as they are."""
    if not isinstance(x, Variable):
        return x
    counter = x._version
    if counter is None:
        raise GraphError(
            f"{op}: Inference tensors cannot be saved for backward. To work around you can make a clone "
            "to get a normal tensor and use it in autograd."
        )
    node = x._grad_fn if x._base is None else x.grad_fn
    if node is not None:
        return _new(Saved, (x.array, counter, counter[0], (node, x._output_nr), None))
    return _new(Saved, (x.array, counter, counter[0], None, x if x._requires_grad else None))


def save_output(x: Variable) -> Saved:
    """An output of the node that keeps it: its history is that node, which is named when it is unpacked."""
    return _new(Saved, (x.array, x._version, 0 if x._version is None else x._version[0], None, None))


def unpack(entry: Any, node: Node, what: str, nr: int, made_by: Edge | None = None) -> Any:
    """The tensor that was saved, with its history. Raises if it was changed in place since.

    `what` and `nr` are its name in that error: "input", 0.
    """
    if type(entry) is not Saved:
        return entry
    array, counter, version, edge, leaf = entry
    if counter is not None and counter[0] != version:
        raise _changed(entry, node, f"{what} {nr}")
    if leaf is not None:
        return leaf
    tensor = new_variable(array)
    tensor._version = counter
    edge = made_by or edge
    if edge is not None:
        tensor._grad_fn, tensor._output_nr = edge
        tensor._requires_grad = True
    return tensor


def freed(node: Node) -> GraphError:
    """The error for a second walk over a graph whose buffers are gone."""
    return GraphError(
        f"{node.op_name}: Trying to backward through the graph a second time (or directly access saved "
        "tensors after they have already been freed). Saved intermediate values of the graph are freed when you "
        "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph "
        "a second time."
    )


def _changed(entry: Saved, node: Node, what: str) -> GraphError:
    place = f" {node.origin}" if node.origin is not None else ""
    now = "?" if entry.counter is None else entry.counter[0]
    return GraphError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{what} of {node.op_name}, a tensor of shape {entry.array.shape} and dtype {entry.array.dtype}, is at "
        f"version {now}; expected version {entry.version} instead.{place} Hint: use the out-of-place form "
        "(x = x + y, not x += y), or x.clone() before the change."
    )
