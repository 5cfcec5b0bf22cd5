"""Gradients of several tensors at once: into `.grad`, or as values."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

from gpunn import engine
from gpunn.errors import ArgumentError, GraphError
from gpunn.ops import creation
from gpunn.tensor import Tensor

Tensors: TypeAlias = "Sequence[Tensor] | Tensor"
Grads: TypeAlias = "Sequence[Tensor | None] | Tensor | None"


def backward(
    tensors: Tensors,
    grad_tensors: Grads = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Grads = None,
    inputs: Tensors | None = None,
) -> None:
    """Add d(sum of tensors * grad_tensors)/d(leaf) to `leaf.grad` for every leaf, or for `inputs` only.

    Gradients of tensors with one element may be left out. The graph's buffers are freed unless `retain_graph`;
    with `create_graph` the gradients can be differentiated again. `grad_variables` is the old name of `grad_tensors`.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise GraphError("backward: got both grad_tensors and grad_variables (deprecated); use grad_tensors only")
        warnings.warn("backward: grad_variables is deprecated; use grad_tensors", FutureWarning, stacklevel=2)
        grad_tensors = grad_variables
    roots, grads = _roots("backward", tensors, grad_tensors)
    chosen = None if inputs is None else _listed(inputs)
    if chosen is not None and not chosen:
        raise GraphError("backward: `inputs` argument to `backward` cannot be empty.")
    engine.backward(roots, grads, retain_graph, create_graph, chosen)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Grads = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """d(sum of outputs * grad_outputs)/d(input) for each of `inputs`. `.grad` is left alone.

    An input that the outputs do not depend on raises, unless `allow_unused` (None comes out) or
    `materialize_grads` (zeros come out). `only_inputs` is PyTorch's and can only be True.
    """
    if not only_inputs:
        raise ArgumentError("grad: only_inputs=False is not supported; use backward() to fill `.grad` as well")
    if allow_unused is False and materialize_grads:
        raise ArgumentError(
            "grad: Expected allow_unused to be True or not passed when materialize_grads=True, but got: False"
        )
    if is_grads_batched:
        raise ArgumentError("grad: is_grads_batched is not supported; loop over the rows of grad_outputs")
    roots, grads = _roots("grad", outputs, grad_outputs)
    wanted = _listed(inputs)
    if not wanted:
        raise ArgumentError("grad requires non-empty inputs.")
    found: list[Any] = list(engine.grad_of(roots, grads, wanted, retain_graph, create_graph))
    for i, (tensor, value) in enumerate(zip(wanted, found, strict=True)):
        if value is None and materialize_grads:
            found[i] = creation.zeros_like(tensor, requires_grad=create_graph)
        elif value is None and not allow_unused:
            raise GraphError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True "
                f"if this is the desired behavior. (input {i}, shape {tuple(tensor.shape)})"
            )
    return tuple(found)


def _listed(x: Tensors) -> list[Tensor]:
    return [x] if isinstance(x, Tensor) else list(x)


def _roots(op: str, tensors: Tensors, grads: Grads) -> tuple[list[Tensor], list[Tensor | None]]:
    roots = _listed(tensors)
    if grads is None:
        return roots, [None] * len(roots)
    given: list[Tensor | None] = [grads] if isinstance(grads, Tensor) else list(grads)
    if len(given) != len(roots):
        raise GraphError(f"{op}: got {len(roots)} tensors and {len(given)} gradients")
    return roots, given
