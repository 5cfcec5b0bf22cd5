"""Norms as operations: statistics of the input itself, x̂ · weight + bias, and the gradients up to any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Function, Variable
from gpunn.ops.norm import launches, reference
from gpunn.ops.norm.cut import REDUCED, SHARED, Cut, as_given, in_memory_order
from gpunn.ops.norm.launches import CENTERED, UNIT, Statistics
from gpunn.ops.reduction.sums import mean, sum
from gpunn.ops.shape.conversion import cast, widened_tensor
from gpunn.ops.shape.views import reshape

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

Cutting = Callable[[bool], Cut]  # how an array is cut, by whether its channels are last in memory


class Norm(Function):
    """x̂ · weight + bias, x̂ by the statistics of x.

    `cutting` gives the Cut of x; `channels_last` says how x lies.
    """

    saves: ClassVar = {0: (0, 1, 2), 1: (0, 1, 2)}

    def __init__(self, cutting: Cutting, channels_last: bool, kind: int, eps: float) -> None:
        self.cutting, self.channels_last, self.kind, self.eps = cutting, channels_last, kind, eps

    def forward_numpy(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        cut, values = self.cutting(self.channels_last), in_memory_order(x, self.channels_last)
        result = reference.normalised(cut, values, self.kind, self.eps, weight, bias)
        self.follow(cut, result.mean, result.var)
        self.keep(result.found, weight, bias, x)
        return as_given(result.y, x.shape, self.channels_last)

    def forward_cuda(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        cut, values = self.cutting(self.channels_last), in_memory_order(x, self.channels_last)
        if launches.is_in_rows(cut):
            y, found = launches.in_rows(cut, values, self.kind, self.eps, weight, bias)
        else:
            found, _ = launches.statistics(cut, values, self.kind, self.eps)
            y, _ = launches.normalised(cut, values, found, weight, bias)
        self.keep(found, weight, bias, x)
        return as_given(y, x.shape, self.channels_last)

    def follow(self, cut: Cut, mean: Array, var: Array) -> None:
        """Let running averages follow the moments on NumPy, where there are some."""

    def keep(self, found: Statistics, weight: Array | None, bias: Array | None, x: Array) -> None:
        """Put aside what backward needs."""
        self.kept = found
        given = weight if bias is None else bias
        self.parameter_dtype = launches.compute_dtype(x) if given is None else given.dtype

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return self.gradients(grad, self.kept)

    def gradients(self, grad: Tensor, kept: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
        """The gradients of the inputs, by what was put aside."""
        node = self.gradient_node()
        found = iter(node(grad, self.saved(0), self.saved(1), *kept))
        return tuple([next(found) if wanted else None for wanted in self.needs])

    def gradient_node(self) -> NormBackward:
        """The Function that computes the gradients that are wanted."""
        return NormBackward(self)


class NormBackward(Function):
    """The gradients of x, weight and bias, those that are wanted."""

    saves: ClassVar = {i: (0, 1, 2) for i in range(6)}

    def __init__(self, node: Norm) -> None:
        self.cutting, self.channels_last, self.kind, self.eps = node.cutting, node.channels_last, node.kind, node.eps
        self.wanted, self.parameter_dtype = node.needs[:3], node.parameter_dtype

    def forward_numpy(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        cut = self.cutting(self.channels_last)
        dy, values = [in_memory_order(v, self.channels_last) for v in (grad, x)]
        found = reference.gradients(cut, dy, values, Statistics(*kept), self.kind, self.eps, weight, self.wanted)
        dx = None if found.x is None else as_given(found.x, x.shape, self.channels_last)
        return self.only_wanted(dx, found.weight, found.bias)

    def forward_cuda(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        cut, found = self.cutting(self.channels_last), Statistics(*kept)
        dy, values = [in_memory_order(v, self.channels_last) for v in (grad, x)]
        in_rows = launches.is_in_rows(cut)
        dx = to_weight = to_bias = line = None
        if True in self.wanted[1:] or not in_rows:
            has_line = self.wanted[0] and not in_rows
            line = launches.gradients(
                cut, dy, values, found, self.kind, self.eps, weight, self.parameter_dtype, has_line
            )
            to_weight, to_bias = line.weight, line.bias
        if self.wanted[0]:
            if in_rows:
                dx = launches.gradient_in_rows(cut, dy, values, found, self.kind, self.eps, weight)
            else:
                dx, _ = launches.gradient(cut, dy, values, found, line, weight)
            dx = as_given(dx, x.shape, self.channels_last)
        return self.only_wanted(dx, to_weight, to_bias)

    def only_wanted(self, *gradients: Array | None) -> tuple[Array, ...]:
        """Those of `gradients` that are wanted, those of parameters in their type."""
        dtype = self.parameter_dtype
        typed = [g.astype(dtype, copy=False) if i in (1, 2) and g is not None else g for i, g in enumerate(gradients)]
        return tuple([g for g, wanted in zip(typed, self.wanted, strict=True) if wanted])

    def backward(self, *given: Tensor) -> tuple[Tensor | None, ...]:
        dy, x, weight, *kept = [self.saved(i) for i in range(6)]
        found = self.second(given, dy, x, weight, kept)
        return (*self.like_inputs(found), None, None, None)

    def like_inputs(self, found: tuple[Any, ...]) -> list[Tensor | None]:
        """Gradients of dy, x and weight in the dtypes of these; None where there is none."""
        return [_like(d, self.saved(i)) for i, d in enumerate(found)]

    def second(self, given: tuple[Tensor, ...], dy: Any, x: Any, weight: Any, kept: Any) -> tuple[Any, ...]:
        """The gradients of dy, x and weight for those `given` for dx, dweight and dbias.

        P(v) = v - mean(v) - x̂ · mean(v · x̂) is symmetric, and dx = scale · P(weight · dy).
        """
        cut = self.cutting(False)
        factors = (cut.inner, cut.members, 1)
        next_given = iter(given)
        to_x, to_weight, to_bias = [next(next_given) if wanted else None for wanted in self.wanted[:3]]
        to_x, dy, x = [None if v is None else reshape(widened_tensor(v), cut) for v in (to_x, dy, x)]
        weight, to_weight, to_bias = [
            None if v is None else reshape(widened_tensor(v), factors) for v in (weight, to_weight, to_bias)
        ]
        scale, normal, over, share = self.pieces(cut, x, kept)
        d_dy: Any = 0
        d_x: Any = 0
        d_weight: Any = None
        if to_x is not None:
            g = dy if weight is None else dy * weight
            p, q = self.projected(to_x, normal, over, share), self.projected(g, normal, over, share)
            d_dy = scale * p if weight is None else weight * scale * p
            d_weight = None if weight is None else reshape(sum(dy * scale * p, SHARED), self.saved(2).shape)
            if share is not None:
                terms = normal * over(to_x * q) + p * over(g * normal) + q * over(to_x * normal)
                d_x = -scale * scale * share * terms
        if to_weight is not None:
            d_dy = d_dy + to_weight * normal
            d_x = d_x + scale * self.projected(to_weight * dy, normal, over, share)
        if to_bias is not None:
            d_dy = d_dy + to_bias.expand(cut)
        shape = self.saved(1).shape
        d_dy, d_x = [0 if isinstance(d, int) else reshape(d, shape) for d in (d_dy, d_x)]
        return d_dy, d_x, d_weight

    def projected(self, v: Any, normal: Any, over: Any, share: Any) -> Any:
        """P(v) as above; `share` is 0 where the statistics are constant, None if they all are."""
        if share is None:
            return v
        v = v - share * normal * over(v * normal) if self.kind == UNIT else v - normal * over(v * normal)
        return v - over(v) if self.kind == CENTERED else v

    def pieces(self, cut: Cut, x: Any, kept: Any) -> Any:
        """scale, x̂, the mean over a statistic's elements (or the sum), and where the statistics depend on x."""
        if self.kind == UNIT:
            size = (x * x).sum(REDUCED, keepdim=True)
            is_long = Variable.result_type((size.array >= self.eps**2).astype(x.array.dtype))
            scale = size.sqrt().clamp_min(self.eps).reciprocal()
            return scale, x * scale, lambda v: sum(v, REDUCED, keepdim=True), is_long
        deviation = x - mean(x, REDUCED, keepdim=True) if self.kind == CENTERED else x
        scale = (mean(deviation * deviation, REDUCED, keepdim=True) + self.eps).rsqrt()
        return scale, deviation * scale, lambda v: mean(v, REDUCED, keepdim=True), 1


def _like(result: Any, x: Any) -> Any:
    """A gradient in the dtype of what it is the gradient of; None if there is none."""
    tensor: Any = result
    return cast(tensor, dtypes.of(x.array)) if isinstance(result, Variable) else None
