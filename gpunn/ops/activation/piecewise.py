"""Activations made of straight lines, and hardswish: relu and its variants, the hard functions, the shrinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.errors import ArgumentError, DtypeError
from gpunn.kernels import elementwise
from gpunn.ops.activation.pointwise import Activation, activated, checked, number
from gpunn.ops.arithmetic.elementwise import at_least, masked, masked_array
from gpunn.ops.indexing.element import element
from gpunn.ops.inplace import in_place

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def relu_numpy(x: Array) -> Array:
    """max(x, 0); NaN stays."""
    return at_least(x, 0)


def relu_in_place(x: Array) -> Array:
    """`x` itself, of a floating type, on the CPU, after all below 0 has become 0; NaN stays."""
    return at_least(x, 0, out=x)


def relu_cuda(x: Array) -> Array:
    """max(x, 0) on a GPU, of a floating type; NaN stays."""
    result: Array = elementwise.apply("activation/piecewise", "relu_forward", (x,))
    return result


class ReLU(Function):
    saves_output = True

    def forward_numpy(self, x: Array) -> Array:
        return relu_numpy(x)

    def forward_cuda(self, x: Array) -> Array:
        if x.dtype.kind in "iu":  # rare: no kernel
            return self.forward_numpy(x)
        return relu_cuda(x)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = ReLUBackward()(grad, self.saved_output())
        return result


class ReLUBackward(Function):
    """g where y > 0 or NaN, else 0, with y = relu(x); NaN as in PyTorch."""

    saves: ClassVar = {1: (0,)}

    def forward_numpy(self, grad: Array, y: Array) -> Array:
        return masked_array(grad, ~(y <= 0))

    def forward_cuda(self, grad: Array, y: Array) -> Array:
        return elementwise.apply("activation/piecewise", "relu_backward", (grad, y))

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        return ReLUBackward()(grad, self.saved(1)) if self.needs[0] else None, None


class Piecewise(Activation):
    file = "activation/piecewise"


class LeakyReLU(Piecewise):
    kernel = "leaky_relu"

    @staticmethod
    def value(x: Array, slope: float) -> Array:
        return array_module(x).where(x > 0, x, x * slope)

    @staticmethod
    def pull(grad: Array, x: Array, slope: float) -> Array:
        return array_module(x).where(x > 0, grad, grad * slope)


class Hardtanh(Piecewise):
    kernel = "hardtanh"

    @staticmethod
    def value(x: Array, low: float, high: float) -> Array:
        return array_module(x).clip(x, low, high)

    @staticmethod
    def pull(grad: Array, x: Array, low: float, high: float) -> Array:
        return masked_array(grad, ~((x <= low) | (x >= high)))


class Threshold(Piecewise):
    kernel = "threshold"

    @staticmethod
    def value(x: Array, limit: float, value: float) -> Array:
        xp = array_module(x)
        return xp.where(x <= limit, xp.asarray(value).astype(x.dtype), x)  # -9 in uint8 wraps around

    @staticmethod
    def pull(grad: Array, x: Array, limit: float, value: float) -> Array:
        return masked_array(grad, ~(x <= limit))


class Hardsigmoid(Piecewise):
    kernel = "hardsigmoid"

    @staticmethod
    def value(x: Array) -> Array:
        return array_module(x).clip(x + 3, 0, 6) / 6

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        return masked_array(grad / 6, (x > -3) & (x < 3))


class Hardswish(Piecewise):
    kernel = "hardswish"

    @staticmethod
    def value(x: Array) -> Array:
        return at_least(x, -3) * (array_module(x).clip(x + 3, 0, 6) / 6)  # divided first: 6 x may overflow

    @staticmethod
    def pull(grad: Array, x: Array) -> Array:
        xp = array_module(x)
        return xp.where(x <= -3, 0, grad * xp.where(x >= 3, 1, x / 3 + 0.5))

    @staticmethod
    def curvature(x: Tensor) -> Tensor:
        return masked(x.new_full(x.shape, 1 / 3), (x > -3) & (x < 3))


class Hardshrink(Piecewise):
    kernel = "hardshrink"

    @staticmethod
    def value(x: Array, limit: float) -> Array:
        return masked_array(x, ~((x >= -limit) & (x <= limit)))

    @staticmethod
    def pull(grad: Array, x: Array, limit: float) -> Array:
        return masked_array(grad, ~((x >= -limit) & (x <= limit)))


class Softshrink(Piecewise):
    kernel = "softshrink"

    @staticmethod
    def value(x: Array, limit: float) -> Array:
        return x - array_module(x).clip(x, -limit, limit)

    @staticmethod
    def pull(grad: Array, x: Array, limit: float) -> Array:
        return masked_array(grad, ~((x >= -limit) & (x <= limit)))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise. The gradient at 0 is 0. `inplace` writes the result into `input`."""
    if dtypes.of(checked("relu", input).array) is dtypes.bool_:
        raise DtypeError("relu: Boolean inputs not supported for relu; use x.to(gpunn.float32)")
    return relu_(input) if inplace else ReLU()(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6), elementwise."""
    return hardtanh_(input, 0, 6) if inplace else _hardtanh("relu6", input, 0, 6)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope · input, elementwise."""
    if inplace:
        return leaky_relu_(input, negative_slope)
    return activated("leaky_relu", LeakyReLU(number("leaky_relu", "negative_slope", negative_slope)), input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input between min_val and max_val, min_val below, max_val above, elementwise."""
    if inplace:
        return hardtanh_(input, min_val, max_val)
    return _hardtanh("hardtanh", input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above `threshold`, else `value`, elementwise."""
    if inplace:
        return threshold_(input, threshold, value)
    tensor = checked("threshold", input)
    if dtypes.of(tensor.array) is dtypes.bool_:
        raise DtypeError("threshold: not implemented for gpunn.bool; use x.to(gpunn.float32)")
    result: Tensor = Threshold(*_held("threshold", tensor, {"threshold": threshold, "value": value}))(tensor)
    return result


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input + 3, 0), 6) / 6, elementwise."""
    return _hardsigmoid_(input) if inplace else activated("hardsigmoid", Hardsigmoid(), input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · hardsigmoid(input), elementwise; 0 at -∞. Source: Howard et al., Searching for MobileNetV3 (2019)."""
    return _hardswish_(input) if inplace else activated("hardswish", Hardswish(), input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, else input, elementwise."""
    return activated("hardshrink", Hardshrink(number("hardshrink", "lambd", lambd)), input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where |input| <= lambd, else input moved towards 0 by lambd, elementwise."""
    limit = number("softshrink", "lambd", lambd)
    if not limit >= 0:
        raise ArgumentError(f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}.")
    return activated("softshrink", Softshrink(limit), input)


def relu_(input: Tensor) -> Tensor:
    """max(input, 0), elementwise, written into `input`; returns it."""
    return _relu_(input)


def _hardtanh(op: str, input: Any, min_val: float, max_val: float) -> Tensor:
    low, high = number(op, "min_val", min_val), number(op, "max_val", max_val)
    tensor = checked(op, input)
    dtype = dtypes.of(tensor.array)
    if dtype is dtypes.bool_:
        raise DtypeError(f"{op}: Bool inputs not supported for {op}; use x.to(gpunn.float32)")
    if low > high:
        raise ArgumentError(f"{op}: min_val cannot be greater than max_val, got {min_val} and {max_val}")
    if tensor.array.dtype.kind == "u" and (low < 0 or high < 0):
        raise DtypeError(f"{op}: cannot do hardtanh on an unsigned type with negative limits")
    result: Tensor = Hardtanh(*_held(op, tensor, {"min_val": min_val, "max_val": max_val}))(tensor)
    return result


def _held(op: str, x: Tensor, limits: dict[str, Any]) -> tuple[Any, ...]:
    """The limits as an integer tensor holds them, of others as floats."""
    as_floats = tuple(number(op, name, limit) for name, limit in limits.items())
    if x.array.dtype.kind not in "iu":
        return as_floats
    return tuple(
        element(op, limit if isinstance(limit, int) else f, x.array)
        for limit, f in zip(limits.values(), as_floats, strict=True)
    )


_relu_ = in_place(relu)
leaky_relu_ = in_place(leaky_relu)
hardtanh_ = in_place(hardtanh)
threshold_ = in_place(threshold)
_hardsigmoid_ = in_place(hardsigmoid)
_hardswish_ = in_place(hardswish)
