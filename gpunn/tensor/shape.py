"""Methods of Tensor: the operations of gpunn/ops/shape, and the tensor as a sequence."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gpunn import engine
from gpunn.engine import Variable, share_memory_of
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.shape import expand as expanding
from gpunn.ops.shape import flipping, permutation, repeating, slicing, splitting, squeezing, strided, views, windows

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def one_by_one(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method of `op(input, sizes)`, which takes the sizes also one by one: x.view(2, 3)."""

    @functools.wraps(op)
    def method(self: Any, *sizes: Any, **named: Any) -> Tensor:
        if named or not sizes:
            return op(self, *sizes, **named)
        return op(self, sizes[0] if len(sizes) == 1 else sizes)

    return method


def in_place_view(op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that makes self the view `op(self, …)` of itself, recorded by autograd, and returns self."""
    name = f"{op.__name__}_"

    @functools.wraps(op)
    def method(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        engine.check_history(self, name)
        is_parameter = self.requires_grad and self.is_leaf
        with engine.set_grad_enabled(not is_parameter):  # also under no_grad: a history must fit the shape
            view = op(self, *args, **kwargs)
        return engine.take_view(self, view)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place form of `{op.__name__}`: no element moves, only the shape changes."
    return method


class ShapeMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    reshape = one_by_one(views.reshape)
    view = one_by_one(views.view)
    reshape_as = views.reshape_as
    view_as = views.view_as
    flatten = views.flatten
    unflatten = views.unflatten
    ravel = views.ravel

    squeeze = squeezing.squeeze
    squeeze_ = in_place_view(squeezing.squeeze)
    unsqueeze = squeezing.unsqueeze
    unsqueeze_ = in_place_view(squeezing.unsqueeze)

    permute = one_by_one(permutation.permute)
    transpose = permutation.transpose
    transpose_ = in_place_view(permutation.transpose)
    swapaxes = permutation.swapaxes
    swapaxes_ = in_place_view(permutation.swapaxes)
    swapdims = permutation.swapdims
    swapdims_ = in_place_view(permutation.swapdims)
    t = permutation.t
    t_ = in_place_view(permutation.t)
    adjoint = permutation.adjoint
    movedim = permutation.movedim
    moveaxis = permutation.moveaxis

    expand = one_by_one(expanding.expand)
    expand_as = expanding.expand_as
    broadcast_to = one_by_one(expanding.broadcast_to)
    sum_to_size = one_by_one(expanding.sum_to_size)
    repeat = one_by_one(repeating.repeat)
    tile = one_by_one(repeating.tile)
    repeat_interleave = repeating.repeat_interleave

    narrow = slicing.narrow
    unfold = windows.unfold
    select = slicing.select
    as_strided = strided.as_strided
    as_strided_ = in_place_view(strided.as_strided)

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        """The pieces along `dim`: all of one size but the last, or of the sizes of a sequence."""
        return splitting.split(self, split_size, dim)  # type: ignore[arg-type]

    split_with_sizes = splitting.split_with_sizes
    tensor_split = splitting.tensor_split
    hsplit = splitting.hsplit
    vsplit = splitting.vsplit
    dsplit = splitting.dsplit
    chunk = splitting.chunk
    unbind = splitting.unbind

    flip = one_by_one(flipping.flip)
    fliplr = flipping.fliplr
    flipud = flipping.flipud
    roll = flipping.roll
    rot90 = flipping.rot90

    @property
    def T(self) -> Tensor:  # noqa: N802 - PyTorch's name
        """A view with the dimensions in reverse order; of a matrix, its transpose."""
        return permutation.permute(self, range(self.array.ndim)[::-1])  # type: ignore[arg-type]

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """A view with the last two dimensions swapped."""
        return permutation.adjoint(self)  # type: ignore[arg-type]

    mH = mT  # noqa: N815 - of real matrices the same

    @property
    def H(self) -> Tensor:  # noqa: N802
        """The transpose of a matrix, as a view."""
        if self.array.ndim not in (0, 2):
            raise ShapeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self.array.ndim}-D tensor. "
                "For batches of matrices, consider using tensor.mH"
            )
        return self.T

    def ndimension(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return int(self.array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise ArgumentTypeError("iteration over a 0-d tensor")
        return iter(splitting.unbind(self))  # type: ignore[arg-type]

    def __reversed__(self) -> Tensor:
        return flipping.flip(self, (0,)) if self.array.ndim else self  # type: ignore[arg-type, return-value]

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Variable, bool, int, float)):
            raise ArgumentError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        found: Any = self == element
        return bool(found.any())

    def __copy__(self) -> Tensor:
        """A leaf on the same memory."""
        twin: Any = type(self).__new__(type(self))
        Variable.__init__(twin, self.array)
        share_memory_of(twin, self)
        twin._requires_grad = self._requires_grad
        twin.__dict__.update(self.__dict__)
        return twin
