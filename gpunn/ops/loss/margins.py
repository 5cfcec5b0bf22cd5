"""Losses with a margin: of signs, of pairs, of triplets, of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.engine import is_grad_enabled
from gpunn.errors import ArgumentError, DtypeError, GraphError, ShapeError
from gpunn.ops.loss.arguments import (
    floating_pair,
    must_be_floating,
    must_be_numbers,
    must_be_tensors,
    reduced,
    reduction_name,
    same_shape,
)
from gpunn.ops.loss.formulas import CosineEmbedding, Hinge, HingeEmbedding, LogisticLoss, Logits, SoftMargin
from gpunn.ops.loss.pointwise import pointwise
from gpunn.ops.loss.rows import MultilabelMargin, MultiMargin
from gpunn.ops.reduction.sums import mean
from gpunn.ops.shape.conversion import cast, widened_tensor
from gpunn.ops.similarity import Cosine

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1: of distances, small for equals."""
    how = reduction_name("hinge_embedding_loss", reduction, size_average, reduce)
    x, t = floating_pair("hinge_embedding_loss", input, target)
    if input.array.dtype.kind == "b" or (input.array.dtype.kind in "iu" and how == "mean"):
        raise DtypeError(f"hinge_embedding_loss: not implemented for {input.dtype}; use input.float()")
    return pointwise(HingeEmbedding(margin), x, t.detach(), how)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input)) of scores and targets in {-1, 1}; the scores may be of any size."""
    how = reduction_name("soft_margin_loss", reduction, size_average, reduce)
    x, t = floating_pair("soft_margin_loss", input, target)
    must_be_floating("soft_margin_loss", input=input)
    return pointwise(SoftMargin(), x, t, how)


def hinge_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """max(0, 1 - target input) of scores and targets in {-1, 1}: the loss of a support vector machine."""
    how = reduction_name("hinge_loss", reduction, None, None)
    return pointwise(Hinge(1.0), *floating_pair("hinge_loss", input, target), how)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target (input1 - input2)): input1 should rank above input2 where target is 1, below where -1."""
    op = "margin_ranking_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    must_be_tensors(op, {"input1": input1, "input2": input2, "target": target})
    same_shape(op, input1, input2)
    same_shape(op, input1, target)
    must_be_numbers(op, target=target)
    rank: Any = input1 - input2
    if not rank.is_floating_point():
        return reduced((-target * rank + margin).clamp(min=0), how)
    return pointwise(Hinge(margin), *floating_pair(op, rank, target), how)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Inputs (N, D) with targets (N,), or (D,) with a target of no dimensions.
    """
    op = "cosine_embedding_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    must_be_tensors(op, {"input1": input1, "input2": input2, "target": target})
    a, b = floating_pair(op, input1, input2, to_float=True)
    if a.ndim not in (1, 2) or target.array.shape != a.array.shape[:-1]:
        raise ShapeError(
            f"{op}: 0D or 1D target tensor expected with inputs (D,) or (N, D): expected inputs and targets of shapes "
            f"(N, D) and (N,), or (D,) and (), got {input1.array.shape} and {target.array.shape}"
        )
    dtype, a, b = a.dtype, widened_tensor(a), widened_tensor(b)
    tiny = 1e-12  # of squares, so that the vector 0 has cosine 0, as in PyTorch
    cosine = Cosine(a.ndim - 1, 0.0, tiny)(a, b)
    return cast(pointwise(CosineEmbedding(margin), cosine, cast(target.detach(), a.dtype), how), dtype)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ_c weight[t] max(0, margin - input[t] + input[c])^p / C over the classes c other than the label t; p is 1 or 2.

    `input` (N, C) with labels (N,), or (C,) with one label.
    """
    op = "multi_margin_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    _check_rows(op, input, target)
    if p not in (1, 2):
        raise ArgumentError(f"{op}: only p == 1 and p == 2 supported, got {p}")
    x, label = _as_rows(input), target.reshape(-1)
    if label.array.shape[0] != x.array.shape[0]:
        raise ShapeError(f"{op}: inconsistent target size: labels {target.array.shape} for {input.array.shape}")
    classes = x.array.shape[1]
    if weight is not None:
        must_be_tensors(op, {"weight": weight})
        if weight.dtype is not input.dtype:
            raise DtypeError(
                f"{op}: expected a weight of {input.dtype}, got {weight.dtype}; use weight.to(input.dtype)"
            )
        if weight.array.shape != (classes,):
            raise ShapeError(f"{op}: inconsistent weight size: expected ({classes},), got {weight.array.shape}")
        if weight.requires_grad and is_grad_enabled():
            raise GraphError(f"{op}: not differentiable with respect to weight, which must not require a gradient")
    losses: Any = MultiMargin(how, p, margin)(x, label, weight)
    return losses if how != "none" or input.ndim == 2 else losses.reshape(target.array.shape)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, 1 - (input[t] - input[c])) / C over all labels t and all classes c that are no labels.

    The labels of a row of `target`, of the shape of `input`, are those before its first -1.
    """
    op = "multilabel_margin_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    _check_rows(op, input, target)
    if input.array.shape != target.array.shape:
        raise ShapeError(f"{op}: inconsistent target size: {target.array.shape} for input {input.array.shape}")
    losses: Any = MultilabelMargin(how)(_as_rows(input), _as_rows(target), None)
    return losses if how != "none" or input.ndim == 2 else losses.reshape(())


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the last dimension of weight · binary_cross_entropy(sigmoid(input), target)."""
    op = "multilabel_soft_margin_loss"
    how = reduction_name(op, reduction, size_average, reduce)
    x, t = floating_pair(op, input, target)
    must_be_floating(op, input=input)
    must_be_numbers(op, target=target)
    must_be_tensors(op, {} if weight is None else {"weight": weight})
    own = weight is not None and weight.requires_grad and is_grad_enabled()
    if own or (weight is not None and np.broadcast_shapes(weight.array.shape, x.array.shape) != x.array.shape):
        dtype, x, t = x.dtype, widened_tensor(x), widened_tensor(t)
        losses: Any = (t * LogisticLoss()(x) + (1.0 - t) * LogisticLoss()(-x)) * weight
        return cast(reduced(mean(losses, -1), how), dtype)
    weight = None if weight is None else cast(weight, x.dtype)
    if how == "mean" or not x.ndim:
        return pointwise(Logits(), x, t, how, weight)
    dtype, x, t = x.dtype, widened_tensor(x), widened_tensor(t)
    weight = None if weight is None else cast(weight, x.dtype)
    losses = pointwise(Logits(), x, t, how, weight)
    return cast(losses / max(x.array.shape[-1], 1) if how == "sum" else mean(losses, -1), dtype)


def _check_rows(op: str, x: Any, target: Any) -> None:
    must_be_tensors(op, {"input": x, "target": target})
    if x.ndim > 2 or (x.array.size == 0 and 0 in x.array.shape[-1:]):
        raise ShapeError(
            f"{op}: Expected non-empty vector or matrix with optional 0-dim batch size, got {list(x.shape)}"
        )
    if not x.is_floating_point():
        raise DtypeError(f"{op}: not implemented for {x.dtype}; use x.float()")
    if dtypes.of(target.array).category != dtypes.INTEGER:
        raise DtypeError(f"{op}: expected labels of an integer dtype, got {target.dtype}; use target.long()")


def _as_rows(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape(1, -1)
