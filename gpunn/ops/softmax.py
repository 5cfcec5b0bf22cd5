"""Softmax and its logarithm, stable for inputs of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes, kernels
from gpunn.backend import Array, array_module
from gpunn.dtypes import dtype
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.kernels import lines
from gpunn.ops.reduction.accumulate import total, widened
from gpunn.ops.reduction.sums import sum as sum_of
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def softmax_array(x: Array, axis: int) -> Array:
    """exp(x - max) / sum, along `axis`, in at least float32."""
    e = _shifted(x, axis)
    array_module(x).exp(e, out=e)
    e /= total(e, (axis,), True)
    return e


def log_softmax_array(x: Array, axis: int) -> Array:
    """x - max - log(sum(exp(x - max))), along `axis`, in at least float32."""
    xp, z = array_module(x), _shifted(x, axis)
    z -= xp.log(total(xp.exp(z), (axis,), True))
    return z


def _launched(kernel: str, axis: int, first: Array, *others: Array, is_log: bool) -> Array:
    """What `kernel` of softmax.cu makes of arrays of one shape, in the layout of the first."""
    along = lines.along(first, axis)
    y = array_module(first).empty(along.array.shape, first.dtype)
    args = (y, along.array, *[along.like(x) for x in others], *along.sizes, is_log, along.team)
    kernels.launch("softmax", kernel, along.threads, args, {"BLOCK": along.block})
    return along.back(y)


def _shifted(x: Array, axis: int) -> Array:
    """A copy of `x`, in at least float32, from which the maximum along `axis` is taken."""
    x = widened(x)
    return x - x.max(axis=axis, keepdims=True) if x.shape[axis] else x.copy()


class Softmax(Function):
    saves_output = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, x: Array) -> Array:
        return softmax_array(x, self.axis).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        return _launched("softmax_forward", self.axis, x, is_log=False)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = SoftmaxBackward(self.axis)(grad, self.saved_output())
        return result


class SoftmaxBackward(Function):
    """g y - y Σ g y, with y = softmax(x)."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, grad: Array, y: Array) -> Array:
        p = widened(y)
        dx = widened(grad) * p
        dx -= p * total(dx, (self.axis,), True)
        return dx.astype(y.dtype, copy=False)

    def forward_cuda(self, grad: Array, y: Array) -> Array:
        return _launched("softmax_backward", self.axis, y, grad, is_log=False)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        axis, y = self.axis, self.saved(1)
        dg = dy = None
        if self.needs[0]:
            dg = SoftmaxBackward(axis)(gg, y)
        if self.needs[1]:
            g = self.saved(0)
            dy = gg * g - gg * sum_of(g * y, axis, True) - g * sum_of(gg * y, axis, True)
        return dg, dy


class LogSoftmax(Function):
    saves_output = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, x: Array) -> Array:
        return log_softmax_array(x, self.axis).astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        return _launched("softmax_forward", self.axis, x, is_log=True)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = LogSoftmaxBackward(self.axis)(grad, self.saved_output())
        return result


class LogSoftmaxBackward(Function):
    """g - exp(y) Σ g, with y = log_softmax(x)."""

    saves: ClassVar = {0: (1,), 1: (0, 1)}

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward_numpy(self, grad: Array, y: Array) -> Array:
        g = widened(grad)
        dx = array_module(y).exp(widened(y))
        dx *= -total(g, (self.axis,), True)
        dx += g
        return dx.astype(y.dtype, copy=False)

    def forward_cuda(self, grad: Array, y: Array) -> Array:
        return _launched("softmax_backward", self.axis, y, grad, is_log=True)

    def backward(self, gg: Tensor) -> tuple[Tensor | None, ...]:
        p = self.saved(1).exp()
        dg = gg - sum_of(gg * p, self.axis, True) if self.needs[0] else None
        dy = -gg * p * sum_of(self.saved(0), self.axis, True) if self.needs[1] else None
        return dg, dy


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int | dtype | None = 3, dtype: dtype | None = None
) -> Tensor:
    """exp(input) / Σ exp(input) along `dim`, so that the values are positive and add up to 1.

    `dtype` casts the input first; it may also be the third argument, as in torch.softmax, where nn.functional has
    `_stacklevel`, which means nothing. Without `dim` it is 0 for 0-d, 1-d and 3-d inputs, else 1, as in PyTorch.
    """
    x, axis = prepared("softmax", input, dim, _third(_stacklevel, dtype))
    return applied(Softmax(axis), x)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int | dtype | None = 3, dtype: dtype | None = None
) -> Tensor:
    """log(softmax(input)) along `dim`, without the digits that a logarithm afterwards would lose."""
    x, axis = prepared("log_softmax", input, dim, _third(_stacklevel, dtype))
    return applied(LogSoftmax(axis), x)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """softmax(-input) along `dim`."""
    x, axis = prepared("softmin", input, dim, dtype)
    if input.dtype is dtypes.bool_:
        raise DtypeError("softmin: not implemented for gpunn.bool, which has no negative numbers; use x.float()")
    return applied(Softmax(axis), -x)


def _third(third: Any, named: dtype | None) -> dtype | None:
    """The dtype, given by name or as the third argument."""
    return third if named is None and isinstance(third, dtypes.dtype) else named


def prepared(op: str, x: Tensor, dim: int | None, to: dtype | None) -> tuple[Tensor, int]:
    """The input, checked and cast to the dtype `to` if given, and the axis that `dim` names."""
    if not isinstance(x, Variable):
        raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(x).__name__}")
    rank = x.array.ndim
    if dim is None:
        dim = 0 if rank in (0, 1, 3) else 1
    axis = one_dim(op, dim, rank)
    x = x if to is None else cast(x, dtypes.as_dtype(to))
    if not dtypes.of(x.array).is_floating_point:
        raise DtypeError(f"{op}: not implemented for {x.dtype}; pass dtype=gpunn.float32 or use x.float()")
    return x, axis


def applied(function: Function, x: Any) -> Tensor:
    """function(x); a 0-d `x` counts as having one dimension."""
    result: Tensor = function(x) if x.array.ndim else function(x.unsqueeze(0)).squeeze(0)
    return result
