"""Limits for gradients: of their norm, and of each element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import TypeAlias

from gpunn import engine
from gpunn.errors import ArgumentError
from gpunn.ops import gradients as many
from gpunn.ops.creation import tensor
from gpunn.ops.reduction.norms import norm
from gpunn.ops.shape.joining import stack
from gpunn.tensor import Tensor

Tensors: TypeAlias = "Tensor | Iterable[Tensor]"


@engine.no_grad()
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all gradients of `parameters` as one vector; the gradients are scaled so that it is `max_norm` at
    most: by min(1, max_norm / (norm + 1e-6)).

    `norm_type` is the p of the p-norm; inf is the largest magnitude. `error_if_nonfinite` waits for the GPU to raise
    RuntimeError, before anything changes, if the norm is NaN or infinite. `foreach` is accepted and changes nothing.
    """
    if isinstance(parameters, GeneratorType):
        parameters = list(parameters)
        if not parameters:
            text = "`parameters` is an empty generator, no gradient clipping will occur."
            warnings.warn(text, stacklevel=3)
    gradients, p = _gradients(parameters), float(norm_type)
    if not gradients:
        return tensor(0.0)
    if p > 0 and not error_if_nonfinite:
        return many.clip_norm(gradients, float(max_norm), p)
    total = get_total_norm(gradients, p, error_if_nonfinite)
    many.scale_to_norm(gradients, total, float(max_norm))
    return total


@engine.no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of `tensors` as one vector, a 0-d tensor.

    `norm_type` and `error_if_nonfinite` as for `clip_grad_norm_`; `foreach` is accepted and changes nothing.
    """
    found, p = listed(tensors), float(norm_type)
    if not found:
        return tensor(0.0)
    total = many.total_norm(found, p) if p > 0 else _norm_of_norms(found, p)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise ArgumentError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@engine.no_grad()
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of `parameters` by min(1, max_norm / (total_norm + 1e-6)).

    `foreach` is accepted and changes nothing.
    """
    if gradients := _gradients(parameters):
        many.scale_to_norm(gradients, total_norm, float(max_norm))


@engine.no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Bring each element of the gradients of `parameters` into [-clip_value, clip_value]; NaN stays.

    `foreach` is accepted and changes nothing.
    """
    if gradients := _gradients(parameters):
        many.clip_value(gradients, float(clip_value))


def listed(tensors: Tensors) -> list[Tensor]:
    """One tensor or several as a list."""
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in listed(parameters) if p.grad is not None]


def _norm_of_norms(tensors: list[Tensor], p: float) -> Tensor:
    """What PyTorch computes for every p; only for p <= 0 it is not the norm of all elements."""
    device = tensors[0].device
    return norm(stack([norm(t, p).to(device) for t in tensors]), p)
