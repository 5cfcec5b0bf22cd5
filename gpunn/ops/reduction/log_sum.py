"""log Σ exp(x)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.engine import Function, is_grad_enabled
from gpunn.errors import ArgumentTypeError
from gpunn.kernels.pieces import Pieces, Reduced, divided
from gpunn.ops.reduction.accumulate import accumulated, reduced_size, widened
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.reduction.sums import Reduction
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "reduction/log_sum"


class LogSumExp(Reduction):
    """m + log Σ exp(x - m) with the largest element m."""

    saves: ClassVar = {0: (0,)}
    saves_output = True

    def reduce(self, x: Array) -> Array:
        xp, wide = array_module(x), widened(x)
        if reduced_size(x.shape, self.axes) == 0:
            return xp.log(accumulated(x, self.axes, self.keepdim)).astype(x.dtype)  # log 0
        top = xp.amax(wide, axis=self.axes, keepdims=True)
        shift = xp.where(xp.isfinite(top), top, 0)
        added = accumulated(xp.exp(wide - shift), self.axes, self.keepdim)
        return (xp.log(added) + shift.reshape(added.shape)).astype(x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        self.shape = x.shape
        if not x.size:
            return self.reduce(x)
        lines = Reduced(x, self.axes)
        wide = widened(lines.lines.array) if lines.is_long else lines.lines.array
        y = lines.reduce(wide, _launch).astype(x.dtype, copy=False)
        return lines.results_back(y, self.keepdim, self.axes)

    def backward(self, grad: Tensor) -> Tensor:
        x, y = self.saved(0), self.saved_output()
        if is_grad_enabled():
            return self.spread(grad) * (x - self.spread(y)).exp()
        result: Tensor = LogSumExpBackward(self.axes)(grad, x, y)
        return result


def _launch(y: Array, x: Array, pieces: Pieces, is_first: bool) -> None:
    kernels.launch(FILE, "logsumexp_forward", pieces.lines.threads, (y, x, *pieces.sizes))


class LogSumExpBackward(Function):
    """grad · exp(x - y). Its own derivative is never asked for: where the graph goes on, LogSumExp composes it."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def forward_numpy(self, grad: Array, x: Array, y: Array) -> Array:
        kept = tuple([1 if axis in self.axes else n for axis, n in enumerate(x.shape)])
        dx = array_module(x).exp(widened(x) - widened(y).reshape(kept))
        dx *= widened(grad).reshape(kept)
        return dx.astype(x.dtype, copy=False)

    def forward_cuda(self, grad: Array, x: Array, y: Array) -> Array:
        lines = Reduced(x, self.axes)
        pieces, array = divided(lines.lines), lines.lines.array
        dx = array_module(x).empty(array.shape, x.dtype)
        args = (dx, array, lines.of_lines(y), lines.of_lines(grad), *pieces.sizes)
        kernels.launch(FILE, "logsumexp_backward", pieces.lines.threads, args)
        return lines.back(dx)


@numpy_names
def logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """log Σ exp(input) over `dim`, without overflow; -inf where there is nothing to add.

    Integers are converted to the default floating type first.
    """
    axes = several_dims("logsumexp", dim, array_of("logsumexp", input).ndim)
    if dim is None:
        raise ArgumentTypeError("logsumexp: argument 'dim' must be a tuple of ints, not None")
    if not dtypes.of(input.array).is_floating_point:
        input = cast(input, dtypes.get_default_dtype())
    return LogSumExp(axes, keepdim)(input)
