"""Gradients of gradients for operations whose own backward is a kernel: by the same formula, composed of operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gpunn.engine import grad_of
from gpunn.ops.shape.expand import expand

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def gradients(
    compose: Callable[..., Any], grad: Tensor, inputs: Sequence[Any], needs: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The gradients of `inputs`, with a graph of their own: those of `compose(*inputs)`; None where not needed.

    An input may come twice: each place has its own gradient.
    """
    given = [expand(x, x.array.shape) if needed else x for x, needed in zip(inputs, needs, strict=True)]
    wanted = [x for x, needed in zip(given, needs, strict=True) if needed]
    found = iter(grad_of([compose(*given)], [grad], wanted, create_graph=True))
    return tuple([next(found) if needed else None for needed in needs])
