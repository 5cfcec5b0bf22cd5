"""Random arrays of a dtype on a device, and the checks of their parameters."""

from __future__ import annotations

from typing import Any

from gpunn import backend, random
from gpunn.backend import Array
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gpunn.ops.value_range import check_range
from gpunn.random import Generator


def draw(
    op: str,
    kind: Any,
    shape: tuple[int, ...],
    to: dtype,
    where: backend.device,
    generator: Generator | None,
    *limits: Any,
) -> Array:
    """An array of a distribution of gpunn/random: `kind` is uniform, normal, integers or bernoulli."""
    if kind in (random.uniform, random.normal) and not to.is_floating_point:
        raise UnsupportedError(f"{op}: not implemented for {to.name}; it needs a floating point dtype")
    with backend.placed_on(where):
        return kind(backend.module_of(where), source(op, generator), shape, to.numpy, *limits)


def source(op: str, generator: Generator | None) -> Generator:
    """`generator`, or the default one."""
    if generator is not None and not isinstance(generator, Generator):
        raise ArgumentTypeError(f"{op}: expected a Generator, got {type(generator).__name__}")
    return random.default_generator if generator is None else generator


def bernoulli(xp: Any, generator: Generator, shape: tuple[int, ...], dtype: Any, p: Any) -> Array:
    """1 with probability `p`, a number or an array, else 0."""
    return random.bernoulli(xp, generator, shape, p).astype(dtype, copy=False)


def check_std(op: str, std: Any) -> None:
    """Raise if a standard deviation, a number or a tensor, is negative; on a GPU when the host next waits for it."""
    if isinstance(std, Variable):
        check_range(f"{op} expects all elements of std >= 0.0", std.array, or_nan=True)
    elif not std >= 0:
        raise ArgumentError(f"{op} expects std >= 0.0, but found std {std}")


def check_probability(op: str, p: Any) -> Any:
    """`p`, a number or an array, if all of it lies in [0, 1]; on a GPU the error comes when the host waits for it."""
    if not isinstance(p, (bool, int, float)):
        check_range(f"{op} expects p to be in [0, 1]", p, 0.0, 1.0)
    elif not 0 <= p <= 1:
        raise ArgumentError(f"{op} expects p to be in [0, 1], but got p={p}")
    return p
