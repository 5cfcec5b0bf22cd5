"""gpunn.autograd: gradients as a function, and operations of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpunn import engine
from gpunn.tensor import Tensor


def backward(
    tensors: Sequence[Tensor] | Tensor,
    grad_tensors: Sequence[Tensor | None] | Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | Tensor | None = None,
) -> None:
    """Add d(sum of tensors * grad_tensors)/d(leaf) to `leaf.grad` for every leaf, or for `inputs` only."""
    roots, grads = _roots(tensors, grad_tensors)
    engine.backward(roots, grads, retain_graph, create_graph, None if inputs is None else _listed(inputs))


def grad(
    outputs: Sequence[Tensor] | Tensor,
    inputs: Sequence[Tensor] | Tensor,
    grad_outputs: Sequence[Tensor | None] | Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """d(sum of outputs * grad_outputs)/d(input) for each of `inputs`; leaves `.grad` alone."""
    roots, grads = _roots(outputs, grad_outputs)
    return tuple(engine.grad_of(roots, grads, _listed(inputs), retain_graph, create_graph))


def _listed(x: Sequence[Tensor] | Tensor) -> list[Tensor]:
    return [x] if isinstance(x, Tensor) else list(x)


def _roots(tensors: Any, grads: Any) -> tuple[list[Tensor], list[Tensor | None]]:
    roots = _listed(tensors)
    return roots, [None] * len(roots) if grads is None else _listed(grads)
