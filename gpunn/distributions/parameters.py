"""Parameters of distributions: of one shape, and probabilities in either of their forms."""

from __future__ import annotations

from typing import Any

from gpunn import dtypes
from gpunn.errors import ArgumentError
from gpunn.ops.arithmetic.exponential import sigmoid
from gpunn.ops.creation import tensor
from gpunn.ops.shape.expand import broadcast_tensors
from gpunn.ops.softmax import log_softmax, softmax
from gpunn.tensor import Tensor


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take type and device of the first tensor."""
    for value in values:
        if not isinstance(value, (Tensor, int, float)):
            raise ArgumentError(
                f"Input arguments must all be instances of Number or Tensor, got {type(value).__name__}"
            )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = dtypes.get_default_dtype() if first is None else first.dtype
    device = None if first is None else first.device
    tensors = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(broadcast_tensors(*tensors))


def one_of(op: str, given: dict[str, Any]) -> tuple[str, Any]:
    """The name and the value of the only one of the arguments `given` that is not None."""
    there = {name: value for name, value in given.items() if value is not None}
    if len(there) != 1:
        raise ArgumentError(f"{op}: exactly one of {', '.join(given)} must be specified, got {len(there)} of them")
    return next(iter(there.items()))


def clamped(probs: Tensor) -> Tensor:
    """Probabilities that are neither 0 nor 1, so that their logarithms are finite."""
    eps = float(dtypes.finfo(probs.dtype).eps)
    return probs.clamp(min=eps, max=1 - eps)


def logits_of(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log(p / (1 - p)), or log p of classes."""
    safe = clamped(probs)
    return safe.log() - (-safe).log1p() if is_binary else safe.log()


def probs_of(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The inverse of `logits_of`: sigmoid, or softmax of the last dimension."""
    return sigmoid(logits) if is_binary else softmax(logits, dim=-1)


def normalized(logits: Tensor) -> Tensor:
    """Log-probabilities of classes whose probabilities add up to 1."""
    return log_softmax(logits, dim=-1)
