"""Broadcasting as an operation: views that repeat size-1 dimensions, and the sums that undo them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import backend
from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, ShapeError
from gpunn.ops.arithmetic.promotion import broadcast_shape
from gpunn.ops.reduction.accumulate import total
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.reduction.line_sums import sums
from gpunn.ops.shape.dims import ints

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Expand(Function):
    """A view in which dimensions of length 1 are repeated, and new ones come in front."""

    is_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.was = x.shape
        if x.size == math.prod(self.shape) > 0:
            return x.reshape(self.shape)  # nothing is repeated
        return backend.broadcast_view(x, self.shape)

    def backward(self, grad: Tensor) -> Tensor:
        return sum_to_size(grad, self.was)


class SumToSize(Function):
    """Sums over the dimensions that broadcasting added or stretched."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward_numpy(self, x: Array) -> Array:
        return total(x, self.axes(x), dtype=x.dtype).reshape(self.shape)

    def forward_cuda(self, x: Array) -> Array:
        return sums(x, self.axes(x)).reshape(self.shape) if x.dtype.kind in "fV" else self.forward_numpy(x)

    def axes(self, x: Array) -> tuple[int, ...]:
        """Those to add up."""
        self.was = x.shape
        added = x.ndim - len(self.shape)
        stretched = [d + added for d, n in enumerate(self.shape) if n == 1 and x.shape[d + added] != 1]
        return *range(added), *stretched

    def backward(self, grad: Tensor) -> Tensor:
        return Expand(self.was)(grad)


class Copy(Function):
    """What `target.copy_(source)` leaves: the source, stretched to the shape of the target.

    The gradient of the target is zero.
    """

    def forward(self, target: Array, source: Array) -> Array:
        self.was = source.shape
        return source if source.shape == target.shape else backend.broadcast_view(source, target.shape)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        zeros = Variable.result_type(backend.array_module(grad.array).zeros_like(grad.array))
        return zeros if self.needs[0] else None, sum_to_size(grad, self.was) if self.needs[1] else None


def sum_to_size(x: Tensor, size: Sequence[int]) -> Tensor:
    """`x` summed over dimensions until it has shape `size`, to which it must be expandable."""
    was = x.array.shape
    if was == size:
        return x
    shape = ints("sum_to_size", "size", size)
    added = len(was) - len(shape)
    if added < 0 or any([n not in (1, m) for n, m in zip(shape, was[added:], strict=True)]):
        raise ShapeError(f"sum_to_size: size {shape} is not expandable to {was}, the shape of the tensor")
    return SumToSize(shape)(x)


def expand(input: Tensor, size: Sequence[int]) -> Tensor:
    """A view of `input` with dimensions of 1 repeated to `size`; -1 keeps one, new ones come in front."""
    return Expand(_expanded("expand", input, size))(input)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`expand` under NumPy's name."""
    return Expand(_expanded("broadcast_to", input, size))(input)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """A view of `input` expanded to the shape of `other`."""
    return Expand(_expanded("expand_as", input, array_of("expand_as", other).shape))(input)


def broadcast_tensors(*tensors: Any) -> list[Tensor]:
    """Views of the tensors, expanded to their common shape."""
    items = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for x in items:
        if not isinstance(x, Variable):
            raise ArgumentTypeError(f"broadcast_tensors: expected Tensors, got {type(x).__name__}")
    shape = broadcast_shape("broadcast_tensors", *items) if items else ()
    return [Expand(shape)(x) for x in items]


def _expanded(op: str, input: Tensor, given: Sequence[int]) -> tuple[int, ...]:
    """The size that is `given`, with each -1 replaced, once it is clear that `input` can be expanded to it."""
    was, size = array_of(op, input).shape, ints(op, "size", given)
    added = len(size) - len(was)
    if added < 0:
        raise ShapeError(
            f"{op}: the number of sizes provided ({len(size)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(was)}): target sizes {list(size)}, tensor sizes {list(was)}"
        )
    for d, n in enumerate(size[:added]):
        if n < 0:
            raise ShapeError(
                f"{op}: The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {d}"
            )
    wanted = [m if n == -1 else n for m, n in zip(was, size[added:], strict=True)]
    for d, (m, n) in enumerate(zip(was, wanted, strict=True), added):
        if m != n and (m != 1 or n < 0):
            raise ShapeError(
                f"{op}: The expanded size of the tensor ({n}) must match the existing size ({m}) at non-singleton "
                f"dimension {d}. Target sizes: {list(size)}. Tensor sizes: {list(was)}"
            )
    return (*size[:added], *wanted)
