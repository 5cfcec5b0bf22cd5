"""Losses of triplets: an anchor, something like it and something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.arithmetic.clamp import clamp_min, minimum
from gpunn.ops.arithmetic.promotion import promoted
from gpunn.ops.creation import ones_like
from gpunn.ops.distance import pairwise_distance
from gpunn.ops.loss.arguments import (
    must_be_numbers,
    must_be_tensors,
    reduced,
    reduction_name,
    same_shape,
)
from gpunn.ops.loss.formulas import Hinge
from gpunn.ops.loss.pointwise import pointwise
from gpunn.ops.shape.conversion import cast, widened_tensor

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d = |difference + eps| in the p-norm, (N, D) or (D,).

    With `swap`, the negative is compared with whichever of anchor and positive it is nearer to. Balntas et al. 2016.
    """
    op = "triplet_margin_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    _check(op, anchor, positive, negative, margin)
    for other in (positive, negative):
        same_shape(op, anchor, other)
    must_be_numbers(op, anchor=anchor, positive=positive, negative=negative)
    a, b, c = promoted(op, anchor, positive, negative, to_float=True)
    dtype = a.dtype
    a, b, c = widened_tensor(a), widened_tensor(b), widened_tensor(c)
    near, far = pairwise_distance(a, b, p, eps), pairwise_distance(a, c, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(b, c, p, eps))
    lead = far - near
    return cast(pointwise(Hinge(margin), lead, ones_like(lead), how), dtype)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with a distance d of your own.

    `distance_function` takes two tensors and gives one number, or several, for each pair; it is `pairwise_distance`
    unless given. With `swap`, the negative is compared with whichever of anchor and positive it is nearer to.
    """
    op = "triplet_margin_with_distance_loss"
    how = reduction_name(op, reduction, None, None)
    _check(op, anchor, positive, negative, margin)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min(margin + near - far, 0), how)


def _check(op: str, anchor: Any, positive: Any, negative: Any, margin: float) -> None:
    must_be_tensors(op, {"anchor": anchor, "positive": positive, "negative": negative})
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{op}: The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    if margin <= 0:
        raise ArgumentError(f"{op}: expected a margin greater than 0, got {margin}; use margin=1.0")
