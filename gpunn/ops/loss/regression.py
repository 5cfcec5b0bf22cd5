"""Losses of numbers against numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import dtypes
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.ops.arithmetic.power import square
from gpunn.ops.arithmetic.promotion import promoted
from gpunn.ops.arithmetic.sign import abs
from gpunn.ops.creation import full
from gpunn.ops.loss.arguments import (
    floating_pair,
    must_be_floating,
    must_be_numbers,
    must_be_tensors,
    reduced,
    reduction_name,
    same_shape,
)
from gpunn.ops.loss.formulas import Absolute, Huber, Poisson, SmoothAbsolute, Squared
from gpunn.ops.loss.gaussian import gaussian
from gpunn.ops.loss.pointwise import pointwise
from gpunn.ops.reduction.sums import sum
from gpunn.ops.shape.conversion import cast
from gpunn.ops.value_range import check_range

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2: its mean over all elements, its sum, or all of them ("none").

    `weight`, of the same shape, multiplies each element; the mean is then divided by the sum of the weights.
    Raises ShapeError unless input and target have the same shape.
    """
    how = reduction_name("mse_loss", reduction, size_average, reduce)
    same_shape("mse_loss", input, target)
    a, b = promoted("mse_loss", input, target)
    if a.array.dtype.kind not in "fV":
        raise DtypeError(f"mse_loss: not implemented for {a.dtype}; use input.float()")
    if weight is not None:
        return _weighted("mse_loss", square(a - b), weight, how)
    return pointwise(Squared(), a, b, how)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|: its mean over all elements, its sum, or all of them ("none"). See `mse_loss`."""
    how = reduction_name("l1_loss", reduction, size_average, reduce)
    same_shape("l1_loss", input, target)
    if dtypes.bool_ in (input.dtype, target.dtype):
        raise DtypeError("l1_loss: not for bool, which has no differences; use x.float()")
    a, b = promoted("l1_loss", input, target)
    if weight is None and a.array.dtype.kind in "fV":
        return pointwise(Absolute(), a, b, how)
    losses = abs(a - b)
    return reduced(losses, how) if weight is None else _weighted("l1_loss", losses, weight, how)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """(input - target)² / (2 beta) where |input - target| < beta, else |input - target| - beta/2. Girshick 2015."""
    how = reduction_name("smooth_l1_loss", reduction, size_average, reduce)
    a, b = floating_pair("smooth_l1_loss", input, target)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss does not support negative values for beta, got {beta}; use 0 or more")
    return pointwise(SmoothAbsolute(beta) if beta > 0 else Absolute(), a, b, how)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """(input - target)² / 2 where |input - target| <= delta, else delta (|input - target| - delta/2). Huber 1964.

    `weight` as in `mse_loss`.
    """
    how = reduction_name("huber_loss", reduction, None, None)
    a, b = floating_pair("huber_loss", input, target)
    must_be_floating("huber_loss", input=input)
    if not delta > 0:
        raise ArgumentError(f"huber_loss does not support non-positive values for delta, got {delta}; use 1.0")
    if weight is None:
        return pointwise(Huber(delta), a, b, how)
    return _weighted("huber_loss", pointwise(Huber(delta), a, b, "none"), weight, how)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target input, the loss of counts whose expectation is exp(input), up to log(target!).

    If not `log_input`, the expectation is `input`: input - target log(input + eps). `full` adds Stirling's formula
    for log(target!) where target > 1.
    """
    how = reduction_name("poisson_nll_loss", reduction, size_average, reduce)
    a, b = floating_pair("poisson_nll_loss", input, target, to_float=True)
    must_be_numbers(
        "poisson_nll_loss", **({} if log_input else {"input": input}), **({"target": target} if full else {})
    )
    return pointwise(Poisson(bool(log_input), bool(full), eps), a, b, how)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2, with var no smaller than eps; `full` adds log(2π)/2.

    `var` has the shape of input, or lacks its last dimension, or has size 1 in one, or is a number. eps is a constant
    for the gradient of var, too. ArgumentError for a negative variance; from a GPU when the host next waits for it.
    """
    op = "gaussian_nll_loss"
    how = reduction_name(op, reduction, None, None)
    a, b = floating_pair(op, input, target)
    must_be_numbers(op, input=input, target=target)
    variance = _variance(op, a, var)
    dtype = dtypes.result_type(a, variance)
    return gaussian(cast(a, dtype), cast(b, dtype), cast(variance, dtype), full, eps, how)


def _variance(op: str, input: Tensor, var: Tensor | float) -> Tensor:
    """`var`, checked, so that it broadcasts to `input`."""
    shape = input.array.shape
    if isinstance(var, Variable):
        must_be_floating(op, var=var)
        given = var.array.shape
        differ = [n for n, m in zip(given, shape, strict=False) if n != m]
        if given == shape[:-1] != shape:
            var = var.unsqueeze(-1)
        elif given != shape and (len(given) != len(shape) or differ != [1]):
            raise ShapeError(f"{op}: var is of incorrect size: {given} for input {shape}; use var of that shape")
    elif isinstance(var, (int, float)):
        var = full((), var, dtype=input.dtype, device=input.device)
    else:
        raise ArgumentTypeError(f"{op}: var must be a Tensor or a number, got {type(var).__name__}")
    text = f"{op}: var has negative entry/entries; a variance is 0 or more: use var.abs()"
    check_range(text, var.array, or_nan=True)
    return var


def _weighted(op: str, losses: Tensor, weight: Tensor, how: str) -> Tensor:
    must_be_tensors(op, {"weight": weight})
    if losses.array.shape != weight.array.shape:
        raise ShapeError(
            f"{op}: Weights and input must have the same size, got {weight.array.shape} and {losses.array.shape}"
        )
    weighted = losses * weight
    return sum(weighted) / sum(weight) if how == "mean" else reduced(weighted, how)
