"""Variance and standard deviation, divided by n - correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function, is_grad_enabled
from gpunn.errors import ArgumentTypeError, DtypeError
from gpunn.ops.reduction.accumulate import moments, reduced_size
from gpunn.ops.reduction.arguments import Dims, array_of, numpy_names
from gpunn.ops.reduction.line_sums import deviation, deviation_gradient
from gpunn.ops.reduction.subgradient import ratio
from gpunn.ops.reduction.sums import Mean, Reduction
from gpunn.ops.shape.dims import several_dims

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SMALLEST: Final = 1e-30  # sums of squares below it may have lost digits: float32 has fewer of them below 1e-38


class Moments(Reduction):
    """What the operations of this file have in common."""

    saves: ClassVar = {0: (0,)}

    def __init__(self, axes: tuple[int, ...], correction: float, keepdim: bool) -> None:
        super().__init__(axes, keepdim)
        self.correction = correction
        self.moments_of = moments
        self.keeps_mean = False

    def forward_numpy(self, x: Array) -> Any:
        self.moments_of = _moments_in_range  # on the CPU PyTorch adds up in float64, on a GPU in float32
        return self.forward(x)

    def var_and_mean(self, x: Array) -> tuple[Array, Array]:
        """Σ (x - mean)² / max(0, n - correction) and the mean, in the type that they were accumulated in."""
        mean, squares, n = self.moments_of(x, self.axes)
        self.freedom = n - self.correction
        var = squares / np.float64(max(0.0, self.freedom))
        return (var, mean) if self.keepdim else (var.squeeze(self.axes), mean.squeeze(self.axes))

    def on_gpu(self, x: Array, is_root: bool) -> tuple[Array, Array]:
        """The variance, or its root, and the mean, by kernels; the mean is kept for the gradient."""
        self.shape, self.freedom = x.shape, reduced_size(x.shape, self.axes) - self.correction
        first, mean = deviation(x, self.axes, self.freedom, is_root)
        self.kept, self.keeps_mean = mean, True
        return (first, mean) if self.keepdim else (first.squeeze(self.axes), mean.squeeze(self.axes))

    def slope(self, grad: Tensor, root: Tensor | None = None) -> Tensor:
        """grad · 2 (x - mean) / (n - correction), infinite where the variance is; if `root` is given, whose gradient
        `grad` is then, divided by 2 root, and 0 where that is 0."""
        x = self.saved(0)
        if self.keeps_mean and not is_grad_enabled():
            result: Tensor = DeviationGradient(self.axes, self.freedom, self.kept)(grad, x, root)
            return result
        if root is not None:
            grad = ratio(grad, root * 2)
        difference = x - Mean(self.axes, keepdim=True)(x)
        return self.spread(grad) * (difference * (2 / self.freedom if self.freedom else np.inf))


class DeviationGradient(Function):
    """What `Moments.slope` says, by a kernel. Its own derivative is never asked for."""

    def __init__(self, axes: tuple[int, ...], freedom: float, mean: Array) -> None:
        self.axes, self.freedom, self.mean = axes, freedom, mean

    def forward_cuda(self, grad: Array, x: Array, root: Array | None) -> Array:
        return deviation_gradient(grad, x, root, self.mean, self.axes, self.freedom)


class Var(Moments):
    """The variance."""

    def reduce(self, x: Array) -> Array:
        return self.var_and_mean(x)[0].astype(x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        return self.on_gpu(x, is_root=False)[0] if x.size else self.forward(x)

    def backward(self, grad: Tensor) -> Tensor:
        return self.slope(grad)


class Std(Moments):
    """The root of the variance. Its gradient at 0 is 0."""

    saves_output = True

    def reduce(self, x: Array) -> Array:
        return array_module(x).sqrt(self.var_and_mean(x)[0]).astype(x.dtype)

    def forward_cuda(self, x: Array) -> Array:
        return self.on_gpu(x, is_root=True)[0] if x.size else self.forward(x)

    def backward(self, grad: Tensor) -> Tensor:
        return self.slope(grad, self.saved_output())


class VarMean(Moments):
    """The variance and the mean, from one pass over both."""

    takes_none = True
    is_root = False

    def reduce(self, x: Array) -> tuple[Array, Array]:
        var, mean = self.var_and_mean(x)
        first = array_module(x).sqrt(var) if self.is_root else var
        return first.astype(x.dtype), mean.astype(x.dtype)

    def forward_cuda(self, x: Array) -> Any:
        if not x.size:
            return self.forward(x)
        first, mean = self.on_gpu(x, self.is_root)
        return first, mean.astype(x.dtype)

    def backward(self, grad: Tensor | None, grad_mean: Tensor | None) -> tuple[Tensor | None]:
        total = None if grad is None else self.grad_of_first(grad)
        if grad_mean is not None:
            through_mean = self.spread(grad_mean / reduced_size(self.shape, self.axes))
            total = through_mean if total is None else total + through_mean
        return (total,)

    def grad_of_first(self, grad: Tensor) -> Tensor:
        """The gradient of the input from that of the first output."""
        return self.slope(grad)


class StdMean(VarMean):
    """The standard deviation and the mean."""

    saves_output = True
    is_root = True

    def grad_of_first(self, grad: Tensor) -> Tensor:
        return self.slope(grad, self.saved_output())


@numpy_names
def var(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over `dim`, or of all elements: Σ (x - mean)² / (n - correction).

    `correction` is 1 unless given; unbiased=False is another way to say 0. `var(x, False)` means
    unbiased=False. NaN for no elements; inf or NaN if n <= correction. Raises DtypeError for integers.
    """
    return Var(*_settings("var", input, dim, unbiased, correction), keepdim)(input)


@numpy_names
def std(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation over `dim`, or of all elements: the root of `var` with the same arguments."""
    return Std(*_settings("std", input, dim, unbiased, correction), keepdim)(input)


@numpy_names
def var_mean(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(variance, mean) over `dim`, or of all elements; arguments as in `var`."""
    return VarMean(*_settings("var_mean", input, dim, unbiased, correction), keepdim)(input)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean) over `dim`, or of all elements; arguments as in `var`."""
    return StdMean(*_settings("std_mean", input, dim, unbiased, correction), keepdim)(input)


def _moments_in_range(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, int]:
    """`moments`, in float64 where some squares are too large or too small for float32."""
    found = moments(x, axes)
    squares = found[1]
    is_fine = x.dtype.itemsize == 8 or ((squares > SMALLEST) & (squares < np.inf)).all()
    return found if is_fine else moments(x.astype(np.float64), axes)


def _settings(
    op: str, input: Tensor, dim: Dims | bool, unbiased: bool | None, correction: float | None
) -> tuple[tuple[int, ...], float]:
    """The axes and the correction that the arguments of `op` ask for."""
    array = array_of(op, input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if not dtypes.of(array).is_floating_point:
        raise DtypeError(
            f"{op}: std and var only support floating point dtypes, got {dtypes.of(array)}; convert it: x.float()"
        )
    if unbiased is not None:
        if correction is not None or not isinstance(unbiased, bool):
            raise ArgumentTypeError(
                f"{op}: expected unbiased=True, unbiased=False or correction=, got unbiased={unbiased!r} and "
                f"correction={correction!r}"
            )
        correction = 1.0 if unbiased else 0.0
    return several_dims(op, dim, array.ndim), 1.0 if correction is None else correction
