"""Methods of Tensor: new tensors of its dtype and device, and new values for its elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes, engine, random
from gpunn.backend import Array, DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, UnsupportedError
from gpunn.ops import creation
from gpunn.ops.arithmetic.promotion import Number, broadcast_shape
from gpunn.ops.indexing.element import element
from gpunn.ops.reduction.accumulate import widened
from gpunn.ops.sampling import choice, draw
from gpunn.ops.sampling import elements as sampling
from gpunn.ops.shape.conversion import cast, to_device
from gpunn.ops.shape.dense import dense
from gpunn.ops.shape.expand import Copy
from gpunn.random import Generator

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class CreationMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    @dense
    def new_tensor(
        self, data: Any, *, dtype: dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
    ) -> Tensor:
        """A new tensor with a copy of `data`, of the dtype and device of this one unless told otherwise."""
        return creation.tensor(data, **_options(self, dtype, device, requires_grad))

    @dense
    def new_empty(
        self,
        *sizes: Any,
        size: Sequence[int] | None = None,
        dtype: dtype | None = None,
        device: DeviceLike = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """A tensor of the given size, of the dtype and device of this one unless told otherwise."""
        return creation.empty(*sizes, size=size, **_options(self, dtype, device, requires_grad))

    @dense
    def new_zeros(
        self,
        *sizes: Any,
        size: Sequence[int] | None = None,
        dtype: dtype | None = None,
        device: DeviceLike = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Zeros of the given size, of the dtype and device of this tensor unless told otherwise."""
        return creation.zeros(*sizes, size=size, **_options(self, dtype, device, requires_grad))

    @dense
    def new_ones(
        self,
        *sizes: Any,
        size: Sequence[int] | None = None,
        dtype: dtype | None = None,
        device: DeviceLike = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Ones of the given size, of the dtype and device of this tensor unless told otherwise."""
        return creation.ones(*sizes, size=size, **_options(self, dtype, device, requires_grad))

    @dense
    def new_full(
        self,
        size: Sequence[int],
        fill_value: Number | Tensor,
        *,
        dtype: dtype | None = None,
        device: DeviceLike = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """`fill_value` in the given size, of the dtype and device of this tensor unless told otherwise."""
        return creation.full(size, fill_value, **_options(self, dtype, device, requires_grad))

    def fill_(self, value: Number | Tensor) -> Tensor:
        """Every element becomes `value`, a number or a 0-d tensor."""
        if not isinstance(value, Variable):
            number = element("fill_", value, self.array)
            with backend.placed_on(backend.device_of(self.array)):
                array = backend.array_module(self.array).asarray(number, dtype=self.array.dtype)
            return _overwritten(self, array, "fill_")
        if value.array.ndim > 0:
            raise ShapeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions."
            )
        return _overwritten(self, value, "fill_")

    def zero_(self) -> Tensor:
        """Every element becomes 0."""
        return self.fill_(0)

    def copy_(self, src: Tensor | Number, non_blocking: bool = False) -> Tensor:
        """The elements of `src`, which is broadcast and converted to the dtype and device of this tensor."""
        if isinstance(src, (bool, int, float)):
            return self.fill_(src)
        if not isinstance(src, Variable):
            raise ArgumentTypeError(f"copy_: argument 'other' must be Tensor, not {type(src).__name__}")
        shape = broadcast_shape("copy_", self, src)
        if shape != self.array.shape:
            raise ShapeError(
                f"copy_: output with shape {list(self.array.shape)} doesn't match the broadcast shape {list(shape)}"
            )
        engine.check_in_place(self, "copy_")
        return _overwritten(self, src, "copy_")

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Numbers from the uniform distribution on [from, to)."""
        if not from_ <= to:
            raise ArgumentError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
        u = _drawn(self, "uniform_", random.uniform, generator)
        return _overwritten(self, widened(u) * (to - from_) + from_, "uniform_")

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Numbers from the normal distribution of the given mean and standard deviation."""
        draw.check_std("normal_", std)
        z = _drawn(self, "normal_", random.normal, generator)
        return _overwritten(self, widened(z) * std + mean, "normal_")

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Numbers x >= 0 from the exponential distribution, of density λ exp(-λ x)."""
        if not lambd > 0:
            raise ArgumentError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        if self.array.dtype.kind not in "fV":
            raise DtypeError(f"exponential_: dtype must be a floating point but you specified {self.array.dtype}")
        u = widened(_drawn(self, "exponential_", random.uniform, generator))
        return _overwritten(self, -backend.array_module(u).log1p(-u) / lambd, "exponential_")

    def cauchy_(self, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Numbers from the Cauchy distribution, of density σ / π / ((x - median)² + σ²)."""
        if not sigma > 0:
            raise ArgumentError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
        if self.array.dtype.kind not in "fV":
            raise DtypeError(
                "cauchy_: Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
                f"but you specified {self.array.dtype}"
            )
        u = widened(_drawn(self, "cauchy_", random.uniform, generator))
        values = backend.array_module(u).tan((u - 0.5) * math.pi) * sigma + median
        return _overwritten(self, values, "cauchy_")

    def log_normal_(self, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
        """exp(z), z from the normal distribution of the given mean and standard deviation."""
        if not std > 0:
            raise ArgumentError(f"log_normal_ expects std > 0.0, but found std={std}")
        z = widened(_drawn(self, "log_normal_", random.normal, generator))
        return _overwritten(self, backend.array_module(z).exp(z * std + mean), "log_normal_")

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Tensor:
        """How many trials the first success takes, 1, 2, …, if each has the probability `p`: (1 - p)^(k - 1) p."""
        if not 0 < p < 1:
            raise ArgumentError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        array = self.array
        if array.dtype.kind == "b":
            raise UnsupportedError("geometric_: not implemented for bool; use a number type")
        engine.check_in_place(self, "geometric_")
        where = backend.device_of(array)
        u = draw.draw("geometric_", random.uniform, array.shape, dtypes.float64, where, generator)
        xp = backend.array_module(u)
        return _overwritten(self, xp.maximum(xp.ceil(xp.log1p(-u) / math.log1p(-p)), 1.0), "geometric_")

    def bernoulli_(self, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> Tensor:
        """1 with probability `p`, a number or a tensor that broadcasts to the shape of this one, else 0."""
        chance = draw.check_probability("bernoulli_", p.array if isinstance(p, Variable) else p)
        if isinstance(p, Variable) and broadcast_shape("bernoulli_", self, p) != self.array.shape:
            raise ShapeError(f"bernoulli_: p of shape {p.array.shape} does not broadcast to {self.array.shape}")
        return _overwritten(self, _drawn(self, "bernoulli_", draw.bernoulli, generator, chance), "bernoulli_")

    bernoulli = sampling.bernoulli
    multinomial = choice.multinomial

    def random_(self, from_: int | None = None, to: int | None = None, *, generator: Generator | None = None) -> Tensor:
        """Integers from the uniform distribution on [from, to), or [0, to) if one number is given.

        Without numbers [0, n], where n is the largest value of an integer type, and for a floating type the
        largest up to which it holds all integers.
        """
        if from_ is None and to is None:
            low, high = 0, _last_integer(dtypes.of(self.array)) + 1
        else:
            low, high = (0, from_) if to is None else (from_ or 0, to)  # type: ignore[assignment]
        if low >= high:
            raise ArgumentError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        return _overwritten(self, _drawn(self, "random_", random.integers, generator, low, high), "random_")


def _options(like: Variable, dtype: dtype | None, device: DeviceLike, requires_grad: bool) -> dict[str, Any]:
    return {
        "dtype": dtypes.of(like.array) if dtype is None else dtype,
        "device": backend.device_of(like.array) if device is None else device,
        "requires_grad": requires_grad,
    }


def _overwritten(target: Any, source: Any, op: str) -> Tensor:
    """`target` with the values of `source`, a tensor or array that broadcasts to its shape, in its memory."""
    engine.check_history(target, op)
    array = target.array
    source = source if isinstance(source, Variable) else Variable.result_type(backend.as_array(source))
    value = cast(to_device(source, backend.device_of(array)), dtypes.of(array))
    return engine.write(target, Copy()(target, value), op)


def _drawn(target: Variable, op: str, kind: Any, generator: Generator | None, *limits: Any) -> Array:
    array = target.array
    engine.check_in_place(target, op)
    return draw.draw(op, kind, array.shape, dtypes.of(array), backend.device_of(array), generator, *limits)


def _last_integer(to: dtype) -> int:
    if to.is_floating_point:
        return int(2 / dtypes.finfo(to).eps)
    return 1 if to is dtypes.bool_ else dtypes.iinfo(to).max
