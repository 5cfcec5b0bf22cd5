"""A tensor in pieces along one dimension; the pieces are views.

The pieces of `split`, `chunk` and `unbind` come from one operation with many outputs, whose backward joins
their gradients in linear time. As in PyTorch, such pieces cannot be changed in place where that would have to
be recorded; those of `tensor_split`, `hsplit`, `vsplit` and `dsplit` can.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.ops.reduction.arguments import array_of, numpy_names
from gpunn.ops.shape.dims import ints, one_dim
from gpunn.ops.shape.pieces import Split, Unbind
from gpunn.ops.shape.slicing import slice_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


@numpy_names
def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """The pieces of `tensor` along `dim`: all of one size but the last, or of the sizes of a sequence."""
    if isinstance(split_size_or_sections, (tuple, list)):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    (size,) = ints("split", "split_size", split_size_or_sections)
    d, length = _dim_and_length("split", tensor, dim)
    if size < 0:
        raise ArgumentError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and length != 0:
        raise ArgumentError(
            f"split: split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
        )
    full, rest = divmod(length, size) if size else (0, 0)
    sizes = [size] * full + ([rest] if rest or not full else [])
    return _pieces(Split(sizes, d)(tensor))


@numpy_names
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """The pieces of `input` along `dim` of lengths `split_sizes`, which add up to that of `input`."""
    sizes = ints("split_with_sizes", "split_sizes", split_sizes, also_one=False)
    d, length = _dim_and_length("split_with_sizes", input, dim)
    if sizes and min(sizes) < 0:
        raise ArgumentError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
        )
    if sum(sizes) != length:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension {d}), "
            f"but got split_sizes={list(sizes)} for shape {input.array.shape}"
        )
    return _pieces(Split(sizes, d)(input))


@numpy_names
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`input` in at most `chunks` pieces along `dim`, all of one size but the last, which may be smaller."""
    (count,) = ints("chunk", "chunks", chunks)
    d, length = _dim_and_length("chunk", input, dim)
    if count <= 0:
        raise ArgumentError(f"chunk expects `chunks` to be greater than 0, got: {count}")
    if length == 0:
        return _pieces(Split([0] * count, d)(input))
    return split(input, -(-length // count), d)


@numpy_names
def tensor_split(
    input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """`input` in pieces along `dim`: in so many, as equal as possible, or cut before each of some indices.

    Indices and sections may also be an int64 tensor on the CPU, of one dimension or none. By name they are
    `indices` and `sections`, or `indices_or_sections`.
    """
    indices_or_sections = _one_of("tensor_split", indices_or_sections, indices, sections)
    if isinstance(indices_or_sections, Variable):
        indices_or_sections = _listed(indices_or_sections)
    d, length = _dim_and_length("tensor_split", input, dim)
    if isinstance(indices_or_sections, (tuple, list)):
        cuts = ints("tensor_split", "indices", indices_or_sections)
    else:
        (count,) = ints("tensor_split", "sections", indices_or_sections)
        if count <= 0:
            raise ArgumentError(f"tensor_split: number of sections must be larger than 0, got {count}")
        size, longer = divmod(length, count)
        cuts = tuple([i * size + min(i, longer) for i in range(1, count)])
    return tuple([slice_dim(input, d, *_range(a, b, length)) for a, b in pairwise((0, *cuts, length))])


def _one_of(op: str, *given: Any) -> Any:
    """The only one that is not None."""
    said = [x for x in given if x is not None]
    if len(said) != 1:
        raise ArgumentTypeError(f"{op}: expected one of indices_or_sections, indices and sections, got {len(said)}")
    return said[0]


def _range(start: int, stop: int, length: int) -> tuple[int, int]:
    """start:stop within [0, length], so that no number counts from the end any more."""
    first, last, _ = slice(start, stop).indices(length)
    return first, max(first, last)


def _listed(x: Variable) -> Any:
    if x.array.dtype != "int64":
        raise DtypeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of int64, but got {x.array.dtype}"
        )
    if x.array.ndim > 1:
        raise ShapeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, "
            f"but got a tensor with {x.array.ndim} dims"
        )
    return x.array.tolist()


def hsplit(
    input: Tensor, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 1, or 0 of a vector; so many sections must divide the dimension."""
    cuts = _one_of("hsplit", indices_or_sections, indices, sections)
    return _split_evenly("hsplit", input, cuts, 1, 0 if array_of("hsplit", input).ndim == 1 else 1)


def vsplit(
    input: Tensor, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 0 of a tensor of 2 or more; so many sections must divide it."""
    cuts = _one_of("vsplit", indices_or_sections, indices, sections)
    return _split_evenly("vsplit", input, cuts, 2, 0)


def dsplit(
    input: Tensor, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """`tensor_split` along dimension 2; so many sections must divide it."""
    cuts = _one_of("dsplit", indices_or_sections, indices, sections)
    return _split_evenly("dsplit", input, cuts, 3, 2)


def _split_evenly(op: str, input: Tensor, sections: Any, rank: int, dim: int) -> tuple[Tensor, ...]:
    shape = array_of(op, input).shape
    if len(shape) < rank:
        raise ShapeError(
            f"{op} requires a tensor with at least {rank} dimension, but got a tensor with {len(shape)} dimensions!"
        )
    if isinstance(sections, int) and (sections <= 0 or shape[dim] % sections):
        raise ShapeError(
            f"{op} attempted to split along dimension {dim}, but the size of the dimension {shape[dim]} is not "
            f"divisible by the split_size {sections}!"
        )
    return tensor_split(input, sections, dim)


@numpy_names
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices of `input` along `dim`, without that dimension."""
    shape = array_of("unbind", input).shape
    if not shape:
        raise IndexRangeError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return _pieces(Unbind(one_dim("unbind", dim, len(shape)))(input))


def _pieces(result: Any) -> tuple[Tensor, ...]:
    pieces: tuple[Tensor, ...] = result
    return pieces


def _dim_and_length(op: str, x: Any, dim: int) -> tuple[int, int]:
    if not isinstance(x, Variable):
        raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(x).__name__}")
    shape = x.array.shape
    if not shape:
        raise ShapeError(f"{op} expects at least a 1-dimensional tensor")
    d = one_dim(op, dim, len(shape))
    return d, shape[d]
