"""What PyTorch asks of complex numbers, answered for real ones, which are all that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.backend import Array
from gpunn.errors import GraphError
from gpunn.ops.arithmetic.elementwise import Unary
from gpunn.ops.arithmetic.promotion import only_tensors

if TYPE_CHECKING:
    from typing import Any

    from gpunn.tensor import Tensor


class Isreal(Unary):
    def compute(self, xp: Any, x: Array) -> Array:
        return xp.ones_like(x, dtype=bool)


def isreal(input: Tensor) -> Tensor:
    """True for each element."""
    only_tensors("isreal", input)
    return Isreal()(input)


def real(input: Tensor) -> Tensor:
    """`input` itself."""
    only_tensors("real", input)
    return input


def imag(input: Tensor) -> Tensor:
    """Raises GraphError, a RuntimeError as in PyTorch: real numbers have no imaginary part to show."""
    only_tensors("imag", input)
    raise GraphError("imag is not implemented for tensors with non-complex dtypes.")


def conj(input: Tensor) -> Tensor:
    """`input` itself."""
    only_tensors("conj", input)
    return input


def conj_physical(input: Tensor) -> Tensor:
    """`input` itself."""
    only_tensors("conj_physical", input)
    return input


def resolve_conj(input: Tensor) -> Tensor:
    """`input` itself."""
    only_tensors("resolve_conj", input)
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """`input` itself."""
    only_tensors("resolve_neg", input)
    return input


def is_conj(input: Tensor) -> bool:
    """False: nothing is conjugated lazily."""
    only_tensors("is_conj", input)
    return False


def is_neg(input: Tensor) -> bool:
    """False: nothing is negated lazily."""
    only_tensors("is_neg", input)
    return False
