"""Kernels that compute each element from the elements at the same place, in whatever order these lie in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gpunn import kernels
from gpunn.backend import Array, array_module


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes of `array` from the farthest to the nearest in memory; transposed so, a dense array is C-contiguous."""
    axes = range(array.ndim)
    return tuple(sorted(axes, key=lambda axis: (-array.strides[axis], axis) if array.shape[axis] > 1 else (0, axis)))


def apply(
    file: str,
    kernel: str,
    inputs: Sequence[Array],
    numbers: Sequence[float] = (),
    constants: Mapping[str, int | str] = kernels.NO_CONSTANTS,
) -> Array:
    """y = kernel(inputs), arrays of one shape; y has the dtype of the first input and lies in memory as it does.

    The kernel's parameters are y, the inputs, the numbers, and n.
    """
    first = inputs[0]
    if not all([x.flags.c_contiguous for x in inputs]):
        axes = memory_order(first)
        turned = [array_module(x).ascontiguousarray(x.transpose(axes)) for x in inputs]
        back = sorted(range(len(axes)), key=axes.__getitem__)
        return _apply(file, kernel, turned, numbers, constants).transpose(back)
    return _apply(file, kernel, inputs, numbers, constants)


def _apply(
    file: str, kernel: str, inputs: Sequence[Array], numbers: Sequence[float], constants: Mapping[str, int | str]
) -> Array:
    first = inputs[0]
    y = array_module(first).empty(first.shape, first.dtype)
    kernels.launch(file, kernel, kernels.vector_threads(y), (y, *inputs, *numbers, y.size), constants)
    return y
