"""Tensors of independent random elements, drawn from a generator; without one, from the default generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes, random
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gpunn.ops.arithmetic.promotion import broadcast_shape
from gpunn.ops.creation.filled import layout_order, new_array
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.sampling.draw import bernoulli as draw_bernoulli
from gpunn.ops.sampling.draw import check_probability, check_std, draw
from gpunn.ops.shape.conversion import memory_format, memory_order, preserve_format
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.dims import ints, new_shape
from gpunn.ops.shape.expand import Copy
from gpunn.random import Generator

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


@dense
def rand(
    *sizes: Any,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the uniform distribution on [0, 1)."""
    shape, to = new_shape("rand", sizes, size), dtypes.given_or_default(dtype)
    array = draw("rand", random.uniform, shape, to, backend.as_device(device), generator)
    return Variable.result_type(array, requires_grad)


@dense
def randn(
    *sizes: Any,
    size: Sequence[int] | None = None,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the normal distribution of mean 0 and variance 1."""
    shape, to = new_shape("randn", sizes, size), dtypes.given_or_default(dtype)
    array = draw("randn", random.normal, shape, to, backend.as_device(device), generator)
    return Variable.result_type(array, requires_grad)


@dense
def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from the uniform distribution on [low, high): randint(low, high, size) or (high, size)."""
    if size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    if size is not None:
        size = ints("randint", "size", size, also_one=False)  # of (2, 5) nobody knows whether 5 is the size or the end
    shape, to = new_shape("randint", () if size is None else (size,)), dtypes.as_dtype(dtype or dtypes.int64)
    limits = _limits("randint", low, high)
    array = draw("randint", random.integers, shape, to, backend.as_device(device), generator, *limits)
    return Variable.result_type(array, requires_grad)


@dense
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """`rand` with the shape, dtype, device and layout of `input` unless told otherwise."""
    return _like("rand_like", random.uniform, input, generator, dtype, device, requires_grad, memory_format)


@dense
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """`randn` with the shape, dtype, device and layout of `input` unless told otherwise."""
    return _like("randn_like", random.normal, input, generator, dtype, device, requires_grad, memory_format)


@dense
def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: memory_format = preserve_format,
) -> Tensor:
    """`randint` with the shape, dtype, device and layout of `input`: (input, low, high) or (input, high)."""
    limits = _limits("randint_like", *((0, low) if high is None else (low, high)))
    kind = random.integers
    return _like("randint_like", kind, input, generator, dtype, device, requires_grad, memory_format, *limits)


def _like(
    op: str,
    kind: Any,
    input: Any,
    generator: Generator | None,
    dtype: dtype | None,
    device: DeviceLike,
    requires_grad: bool,
    layout: memory_format,
    *limits: Any,
) -> Tensor:
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: argument 'input' must be a Tensor, not {type(input).__name__}")
    x = input.array
    to = dtypes.of(x) if dtype is None else dtypes.as_dtype(dtype)
    where = backend.device_of(x) if device is None else backend.device(device)
    order = memory_order(x) if layout is preserve_format else layout_order(op, x.ndim, layout)
    array = draw(op, kind, x.shape, to, where, generator, *limits)
    if order is not None:
        drawn, array = array, new_array(x.shape, to, where, order=order)
        array[...] = drawn
    return Variable.result_type(array, requires_grad)


@dense
def normal(
    mean: Tensor | float = 0.0,
    std: Tensor | float = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers of the given means and standard deviations, one for each element if these are tensors.

    Both may be numbers, then `size` says how many. No gradient flows to `mean` and `std`: it is zero.
    """
    for number in (mean, std):
        if not isinstance(number, (Variable, bool, int, float)):
            raise ArgumentTypeError(f"normal: expected Tensors or numbers, got {type(number).__name__}")
    check_std("normal", std)
    tensors: list[Any] = [x for x in (mean, std) if isinstance(x, Variable)]
    if not tensors:
        shape, to = new_shape("normal", () if size is None else (size,)), dtypes.given_or_default(dtype)
        z = draw("normal", random.normal, shape, to, backend.as_device(device), generator)
        return Variable.result_type(_shifted(z, std, mean), requires_grad)
    if size is not None:
        raise ArgumentTypeError("normal: size goes with numbers only; the tensors have shapes of their own")
    shape, like = broadcast_shape("normal", *tensors), tensors[0].array
    z = draw("normal", random.normal, shape, dtypes.of(like), backend.device_of(like), generator)
    scale, offset = (widened(x.array) if isinstance(x, Variable) else x for x in (std, mean))
    return Variable.result_type(_shifted(z, scale, offset))


def _shifted(z: Array, scale: Any, offset: Any) -> Array:
    """z * scale + offset in the dtype of z, rounded once."""
    return backend.as_array(widened(z) * scale + offset).astype(z.dtype, copy=False)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that the element of `input` says, or with probability `p`, else 0."""
    x = array_of("bernoulli", input)
    if p is None and x.dtype.kind not in "fV":
        raise UnsupportedError(f"bernoulli: not implemented for {x.dtype}; probabilities are floating point")
    chance = check_probability("bernoulli", x if p is None else p)
    drawn = draw("bernoulli", draw_bernoulli, x.shape, dtypes.of(x), backend.device_of(x), generator, chance)
    sample: Tensor = Copy()(input, Variable.result_type(drawn))  # gradients end here, as zeros
    return sample


def _limits(op: str, low: Any, high: Any) -> tuple[int, int]:
    """The limits of `randint`."""
    first, last = (*ints(op, "low", low), *ints(op, "high", high))
    if first >= last:
        raise ArgumentError(f"{op} expects 'from' to be less than 'to', but got from={first} >= to={last}")
    return first, last
