"""Penalties on the size of weights, and a limit for their norm."""

from __future__ import annotations

from gpunn import engine
from gpunn.errors import ArgumentError, DtypeError
from gpunn.nn.utils.clip_grad import Tensors, listed
from gpunn.ops.creation import tensor
from gpunn.ops.penalty import PowerSum
from gpunn.ops.reduction.norms import norm
from gpunn.ops.shape.dims import one_dim
from gpunn.tensor import Tensor


def l1_penalty(parameters: Tensors, strength: float = 1.0) -> Tensor:
    """strength · Σ |w| over all elements of all `parameters`, a 0-d tensor to add to a loss.

    Its gradient is strength · sign(w). All elements are read once, on a GPU in one launch for each dtype.
    """
    return _penalty("l1_penalty", parameters, 1.0, strength)


def l2_penalty(parameters: Tensors, strength: float = 1.0) -> Tensor:
    """strength · Σ w² over all elements of all `parameters`, a 0-d tensor to add to a loss.

    Its gradient is 2 · strength · w: with plain SGD the same as weight_decay = 2 · strength. All elements are read
    once, on a GPU in one launch for each dtype.
    """
    return _penalty("l2_penalty", parameters, 2.0, strength)


def _penalty(op: str, parameters: Tensors, p: float, strength: float) -> Tensor:
    weights = listed(parameters)
    for i, w in enumerate(weights):
        if not w.is_floating_point():
            raise DtypeError(f"{op}: expected floating-point parameters, got {w.dtype} as number {i}; leave it out")
    return PowerSum(p, len(weights))(*weights) * strength if weights else tensor(0.0)


@engine.no_grad()
def max_norm_(parameters: Tensors, max_norm: float, dim: int | None = 0) -> None:
    """Shrink weights in place so that no norm is above `max_norm`: w ← w · min(1, max_norm / ‖w‖). Call it after steps.

    There is a norm for each index of `dim`: with 0 for each output unit of a linear layer or convolution, over all
    that comes in. With None there is one for the whole tensor. What has fewer than 2 dimensions, as biases have, is
    left alone. Srivastava et al. 2014, section 5.1.
    """
    if not max_norm >= 0:
        raise ArgumentError(f"max_norm_: expected max_norm >= 0, got {max_norm}")
    weights = [w for w in listed(parameters) if w.ndim > 1]
    kept = [None if dim is None else one_dim("max_norm_", dim, w.ndim) for w in weights]
    for w, k in zip(weights, kept, strict=True):
        size = norm(w, 2, tuple(d for d in range(w.ndim) if d != k), keepdim=True)
        w.mul_((max_norm / size).where(size > max_norm, 1.0))
