"""Windows that slide along one dimension, as views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunn.backend import Array, array_module, strided_view
from gpunn.engine import Function
from gpunn.errors import ShapeError
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.dims import ints, one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class Windows(Function):
    """The view y with y[…, i, …, k] = x[…, i step + k, …] for k < size: (…, n, …) -> (…, windows, …, size)."""

    is_view = True

    def __init__(self, axis: int, size: int, step: int) -> None:
        self.axis, self.size, self.step = axis, size, step

    def forward(self, x: Array) -> Array:
        self.was, axis = x.shape, self.axis
        shape, strides = [*x.shape, self.size], [*x.strides, x.strides[axis]]
        shape[axis] = (x.shape[axis] - self.size) // self.step + 1
        strides[axis] *= self.step
        if self.size == 0 or 0 in x.shape:
            return array_module(x).empty(shape, x.dtype)  # no element: there is no memory to share
        return strided_view(x, tuple(shape), tuple(strides))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = Overlaid(self.was, self.axis, self.size, self.step)(grad)
        return result


class Overlaid(Function):
    """The sum of windows (…, windows, …, size), each at its place in zeros of `shape`: the gradient of Windows.

    It adds up `step` elements of all windows at once, which do not overlap: ceil(size / step) additions, in order;
    of half types in float32.
    """

    def __init__(self, shape: tuple[int, ...], axis: int, size: int, step: int) -> None:
        self.shape, self.axis, self.size, self.step = shape, axis, size, step

    def forward(self, y: Array) -> Array:
        xp = array_module(y)
        parts = widened(xp.moveaxis(y, self.axis, -2))  # (…, windows, size)
        rest, count = parts.shape[:-2], parts.shape[-2]
        step = self.step if count > 1 else max(self.size, 1)  # a single window has no other that is `step` away
        length = max(self.shape[self.axis], (count - 1) * step + max(self.size, step)) + step
        total = xp.zeros((*rest, length), parts.dtype)
        for start in range(0, self.size if count else 0, step):
            width = min(step, self.size - start)
            block = xp.zeros((*rest, count, step), parts.dtype)
            block[..., :width] = parts[..., start : start + width]
            total[..., start : start + count * step] += block.reshape(*rest, count * step)
        found = xp.moveaxis(total[..., : self.shape[self.axis]], -1, self.axis)
        return xp.ascontiguousarray(found.astype(y.dtype, copy=False))

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = Windows(self.axis, self.size, self.step)(grad)
        return result


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The windows of `size` elements along `dimension`, `step` apart, as a view with a last dimension for them.

    (…, n, …) -> (…, (n - size) // step + 1, …, size). Of a 0-d tensor one window of up to one element. What
    `nn.functional.unfold` does with patches of images is another thing. Raises ShapeError for size > n.
    """
    shape: Any = array_of("unfold", input).shape
    axis = one_dim("unfold", dimension, len(shape))
    (length,), (apart,) = ints("unfold", "size", size), ints("unfold", "step", step)
    n = shape[axis] if shape else 1
    if length < 0 or length > n:
        raise ShapeError(
            f"unfold: maximum size for tensor at dimension {axis} is {n} but size is {length} (shape {shape})"
        )
    if apart <= 0:
        raise ShapeError(f"unfold: step is {apart} but must be > 0")
    if not shape:
        return input.reshape(1)[:length]
    result: Tensor = Windows(axis, length, apart)(input)
    return result
