"""Max unpooling: the elements go back to the positions that max pooling gave, with zeros in between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.kernels import bounds
from gpunn.ops.conv.geometry import LARGEST, per_axis
from gpunn.ops.indexing.scatter import scatter_add
from gpunn.ops.pool.windows import Sizes, as_stack, as_stack_like, from_stack
from gpunn.ops.shape.dims import ints

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE = "pool/unpool"  # of the kernels


class MaxUnpool(Function):
    """Each element at its index in a flattened plane of size `out`, zeros elsewhere; of several the last stays."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, op: str, out: tuple[int, ...]) -> None:
        self.op, self.out = op, out

    def forward_numpy(self, x: Array, indices: Array) -> Array:
        stack = as_stack(x, len(self.out))
        where = as_stack_like(stack, indices)
        places, (a, *_, b) = math.prod(self.out), stack.shape
        if places and where.size and (where.min() < 0 or where.max() >= places):
            wrong = indices[(indices < 0) | (indices >= places)].reshape(-1)[0]
            raise IndexRangeError(
                f"{self.op}: Found an invalid max index: {wrong} (output volumes are of size "
                f"{'x'.join(map(str, self.out))})"
            )
        y = np.zeros((a, *self.out, b), x.dtype)
        if places:
            rows = where + np.arange(a).reshape(-1, *[1] * (where.ndim - 1)) * places
            flat = rows * b + np.arange(b)
            y.reshape(-1)[flat.reshape(-1)] = stack.reshape(-1)
        return self._result(x, y)

    def forward_cuda(self, x: Array, indices: Array) -> Array:
        xp, stack = array_module(x), as_stack(x, len(self.out))
        where = as_stack_like(stack, indices)
        places, (a, *size, b) = math.prod(self.out), stack.shape
        y = xp.empty((a, *self.out, b), x.dtype)
        if y.size:
            owners, shape = xp.zeros(y.shape, np.int32), (a, math.prod(size), places, b)
            found = bounds.slot(self.op, indices if b == 1 else where, 0, places)
            kernels.launch(FILE, "unpool_owners", stack.size, (owners, where, *shape, *found), {"T": "float"})
            kernels.launch(FILE, "unpool_forward", y.size, (y, stack, owners, *shape))
        return self._result(x, y)

    def _result(self, x: Array, y: Array) -> Array:
        self.shape = x.shape
        return from_stack(y, (*x.shape[: -len(self.out)], *self.out))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return MaxUnpoolBackward(self.shape, self.out)(grad, self.saved(1)), None


class MaxUnpoolBackward(Function):
    """The gradients at the indices. Each of several elements with one index gets the gradient, as in PyTorch."""

    saves: ClassVar = {1: (0,)}

    def __init__(self, shape: tuple[int, ...], out: tuple[int, ...]) -> None:
        self.shape, self.out = shape, out

    def forward_numpy(self, grad: Array, indices: Array) -> Array:
        stack = as_stack(grad, len(self.out))
        a, b = len(stack), stack.shape[-1]
        size = self.shape[-len(self.out) :]
        where = as_stack_like(stack, indices, size).reshape(a, math.prod(size), b)
        if not stack.size:
            return from_stack(np.zeros((a, *size, b), grad.dtype), self.shape)
        found = np.take_along_axis(stack.reshape(a, math.prod(self.out), b), where, 1)
        return from_stack(found.reshape(a, *size, b), self.shape)

    def forward_cuda(self, grad: Array, indices: Array) -> Array:
        xp, stack = array_module(grad), as_stack(grad, len(self.out))
        a, b = len(stack), stack.shape[-1]
        size = self.shape[-len(self.out) :]
        dx = xp.empty((a, *size, b), grad.dtype)
        args = (dx, stack, as_stack_like(stack, indices, size), a, math.prod(size), math.prod(self.out), b)
        kernels.launch(FILE, "unpool_backward", dx.size, args)
        return from_stack(dx, self.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Added up where elements have one index: the transpose of forward."""
        indices, lead = self.saved(1), self.shape[: -len(self.out)]
        zeros, flat = grad.new_zeros((*lead, math.prod(self.out))), (*lead, math.prod(self.shape[len(lead) :]))
        found = scatter_add(zeros, -1, indices.reshape(flat), grad.reshape(flat))
        return found.reshape(*lead, *self.out), None


def _unpool(op: str, input: Any, indices: Any, rank: int, settings: tuple[Any, ...], output_size: Any) -> Any:
    """The public functions: `settings` are kernel size, stride and padding as the user gave them."""
    for name, given in (("input", input), ("indices", indices)):
        if not isinstance(given, Variable):
            raise ArgumentTypeError(f"{op}: {name} must be a Tensor, got {type(given).__name__}")
    kernel, stride, padding = settings
    numbers = (("kernel_size", kernel), ("stride", kernel if stride is None else stride), ("padding", padding))
    kernel, stride, padding = (per_axis(op, name, given, rank) for name, given in numbers)
    shape = input.array.shape
    if len(shape) not in (rank + 1, rank + 2) or 0 in shape[-rank - 1 :]:
        raise ShapeError(
            f"{op}: Input should be a {rank + 1}d or {rank + 2}d Tensor with non-zero size for non-batch dimensions, "
            f"but got {shape}"
        )
    if indices.array.shape != shape:
        raise ShapeError(
            f"{op}: Expected shape of indices to be same as that of the input tensor ({shape}) but got indices "
            f"tensor with shape: {indices.array.shape}"
        )
    if indices.array.dtype != np.int64:
        raise DtypeError(f"{op}: elements in indices should be type int64 but got {dtypes.of(indices.array)}")
    if not dtypes.of(input.array).is_floating_point:
        raise DtypeError(f"{op}: not for {dtypes.of(input.array)}; use input.to(gpunn.float32)")
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(shape[-rank:], stride, kernel, padding, strict=True)]
    out = _output_size(op, usual, stride, output_size)
    if rank == 3 and min(stride) <= 0:
        raise ArgumentError(f"{op}: strides should be greater than zero, but got stride: {stride}")
    if max(math.prod(shape[-rank:]), math.prod(out)) > LARGEST:
        raise IndexRangeError(f"{op}: no plane may be larger than {LARGEST}, got {shape} and output size {out}")
    return MaxUnpool(op, out)(input, indices)


def _output_size(op: str, usual: list[int], stride: tuple[int, ...], given: Any) -> tuple[int, ...]:
    """The size that the user asked for, if a pooling of it can have the size of the input."""
    out, rank = tuple(usual), len(usual)
    if given is not None:
        out = ints(op, "output_size", given, also_one=False)
        if len(out) == rank + 2:
            out = out[2:]
        if len(out) != rank:
            raise ArgumentError(
                f"{op}: output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a "
                f"length of {len(out)}"
            )
        for d, (n, s) in enumerate(zip(usual, stride, strict=True)):
            if not n - s < out[d] < n + s:
                raise ArgumentError(
                    f"{op}: invalid output_size {out} (dim {d} must be between {n - s} and {n + s}, exclusive)"
                )
    if min(out) < 0:
        raise ArgumentError(f"{op}: output_size must contain non-negative spatial dimensions, but got {out}")
    return out


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """The elements of signals (N, C, P) or (C, P) at their indices; arguments as in `max_unpool2d`."""
    result: Tensor = _unpool("max_unpool1d", input, indices, 1, (kernel_size, stride, padding), output_size)
    return result


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """The elements of images (N, C, P, Q) or (C, P, Q) at their indices in planes (H, W), zeros elsewhere.

    `indices` are those of `max_pool2d` with the same arguments. H = (P - 1) stride + kernel_size - 2 padding, unless
    `output_size`, with (N, C) in front or not, says which of the sizes that are pooled to P it was. Of several
    elements with one index the last stays. An index outside the plane is an IndexError; on a GPU it may come late.
    """
    result: Tensor = _unpool("max_unpool2d", input, indices, 2, (kernel_size, stride, padding), output_size)
    return result


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """The elements of volumes (N, C, P, Q, R) or (C, P, Q, R) at their indices; arguments as in `max_unpool2d`."""
    result: Tensor = _unpool("max_unpool3d", input, indices, 3, (kernel_size, stride, padding), output_size)
    return result
