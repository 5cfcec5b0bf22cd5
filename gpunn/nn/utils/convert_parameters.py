"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.shape.joining import cat
from gpunn.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all `parameters`, one after the other, (elements,). Differentiable."""
    listed = list(parameters)
    _check_devices("parameters_to_vector", listed)
    return cat([p.reshape(-1) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let `parameters` have the elements of `vec`, in the order of `parameters_to_vector`.

    The parameters then share the memory of `vec`, and have its dtype, as in PyTorch: clone it to prevent that.
    """
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"vector_to_parameters: expected a Tensor, but got: {type(vec).__name__}")
    listed = list(parameters)
    _check_devices("vector_to_parameters", listed)
    needed = sum(p.numel() for p in listed)
    if vec.ndim != 1 or vec.numel() < needed:
        raise ShapeError(
            f"vector_to_parameters: the parameters have {needed} elements, the vector has shape {tuple(vec.shape)}"
        )
    start, values = 0, vec.detach()
    for p in listed:
        p.data = values[start : start + p.numel()].view_as(p).data
        start += p.numel()


def _check_devices(op: str, parameters: list[Tensor]) -> None:
    devices = sorted({str(p.device) for p in parameters})
    if len(devices) > 1:
        raise ArgumentTypeError(
            f"{op}: Found two parameters on different devices, {' and '.join(devices)}; this is not supported, "
            "move the model to one"
        )
