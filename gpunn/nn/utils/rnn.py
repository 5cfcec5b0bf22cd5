"""Batches of sequences of several lengths: padded to one length, or packed without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gpunn import capture, ops
from gpunn.backend import array_module, device_of, placed_on
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.tensor import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """A batch of sequences without padding: all first elements, the longest sequence's first, then all second ones.

    `data` (elements, …), `batch_sizes` (steps,) on the CPU: how many sequences are longer than 0, 1, …;
    `sorted_indices`: which sequence of the batch is the longest, the second …; `unsorted_indices`: the inverse.
    Made by `pack_padded_sequence` and `pack_sequence`, and by recurrent layers that get one.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ArgumentError("PackedSequence: batch_sizes should always be on CPU; use batch_sizes.cpu()")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        sorted_, unsorted = (None if t is None else t.to(data.device) for t in self[2:])
        return PackedSequence(data, self.batch_sizes, sorted_, unsorted)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with `data.to(...)`; itself if nothing changes."""
        return self._with(self.data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on a GPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on the CPU."""
        return self._with(self.data.cpu(*args, **kwargs))

    def pin_memory(self) -> PackedSequence:
        """Itself, as `Tensor.pin_memory`; not on a GPU."""
        return self._with(self.data.pin_memory())

    def is_pinned(self) -> bool:
        """False, as `Tensor.is_pinned`."""
        return self.data.is_pinned()

    def double(self) -> PackedSequence:
        """The same in float64."""
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        """The same in float32."""
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        """The same in float16."""
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        """The same in int64."""
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        """The same in int32."""
        return self._with(self.data.int())

    def short(self) -> PackedSequence:
        """The same in int16."""
        return self._with(self.data.short())

    def char(self) -> PackedSequence:
        """The same in int8."""
        return self._with(self.data.char())

    def byte(self) -> PackedSequence:
        """The same in uint8."""
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a GPU."""
        return bool(self.data.is_cuda)

    @property
    def dtype(self) -> dtype:
        """Of `data`."""
        return self.data.dtype


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each of 0, 1, … stands in `permutation`."""
    if permutation is None:
        return None
    places = ops.arange(permutation.numel(), device=permutation.device)
    return ops.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """`input` (steps, batch, …), or (batch, steps, …) if `batch_first`, without what is behind the `lengths`.

    With `enforce_sorted` the lengths must not grow; else the sequences are sorted.
    """
    sizes = _lengths(input, lengths, batch_first)
    order = np.arange(len(sizes))
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
    elif (sizes[1:] > sizes[:-1]).any():
        raise ArgumentError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True, "
            f"got {sizes.tolist()}. You can pass `enforce_sorted=False` to have them sorted"
        )
    steps = np.arange(sizes.max())
    longer = sizes[order] > steps[:, None]  # (steps, batch)
    step, place = np.nonzero(longer)
    rows = order[place] * input.shape[1] + step if batch_first else step * input.shape[1] + order[place]
    flat = input.reshape(input.shape[0] * input.shape[1], *input.shape[2:])
    data = flat.index_select(0, _index(rows, input))
    batch_sizes = ops.from_numpy(longer.sum(axis=1))
    if enforce_sorted:
        return PackedSequence(data, batch_sizes)
    return PackedSequence(data, batch_sizes, _index(order, input), _index(np.argsort(order), input))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences side by side, (steps, batch, …) or (batch, steps, …), filled up, and their lengths on the CPU."""
    data, counts = sequence.data, sequence.batch_sizes.numpy()
    steps = len(counts) if total_length is None else total_length
    if steps < len(counts):
        raise ArgumentError(
            "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {len(counts)}"
        )
    order = np.arange(counts[0])
    if sequence.unsorted_indices is not None:
        known = capture.numbers_of(sequence.unsorted_indices.array)
        order = sequence.unsorted_indices.cpu().numpy() if known is None else known
    lengths = (counts[:, None] > order).sum(axis=0)
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    rows = np.full((steps, len(order)), len(data))  # the row behind the last is the padding
    rows[: len(counts)] = np.where(counts[:, None] > order, starts[:, None] + order, len(data))
    if batch_first:
        rows = rows.T
    filled = ops.cat([data, ops.full_like(data[:1], padding_value)])
    padded = filled.index_select(0, _index(rows.ravel(), data))
    return padded.reshape(*rows.shape, *data.shape[1:]), ops.from_numpy(lengths)


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Tensors (length, …) side by side, (steps, batch, …) or (batch, steps, …), filled up at the right or left."""
    if not isinstance(sequences, Iterable):
        raise ArgumentError(f"pad_sequence: Expected iterable for input sequences, but got {type(sequences)}")
    parts = list(sequences)
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}.")
    if not parts:
        raise ArgumentError("pad_sequence: received an empty list of sequences")
    _check_parts(parts)
    lengths = np.array([part.shape[0] for part in parts])
    offset = np.arange(lengths.max())[:, None]
    if padding_side == "left":
        offset = offset - (lengths.max() - lengths)
    is_padding = (offset < 0) | (offset >= lengths)
    starts = np.cumsum(lengths) - lengths
    rows = np.where(is_padding, lengths.sum(), starts + offset)
    if batch_first:
        rows = rows.T
    padding = ops.full((1, *parts[0].shape[1:]), padding_value, dtype=parts[0].dtype, device=parts[0].device)
    padded = ops.cat([*parts, padding]).index_select(0, _index(rows.ravel(), parts[0]))
    return padded.reshape(*rows.shape, *parts[0].shape[1:])


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each in its length."""
    parts = padded_sequences.unbind(0 if batch_first else 1)
    return [part[:length] for part, length in zip(parts, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Tensors (length, …) packed."""
    lengths = [part.shape[0] for part in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, in their first order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _lengths(input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool) -> np.ndarray[Any, Any]:
    """The lengths as an array, checked."""
    if isinstance(lengths, Tensor) and (lengths.device.type != "cpu" or lengths.ndim != 1):
        raise ArgumentError(
            "pack_padded_sequence: 'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.ndim}D {lengths.device} {lengths.dtype} tensor"
        )
    sizes = np.asarray(lengths.tolist() if isinstance(lengths, Tensor) else lengths, np.int64)
    if input.ndim < 2 or input.numel() == 0:
        raise ShapeError(f"pack_padded_sequence: Cannot pack empty tensors, got shape {tuple(input.shape)}")
    batch, steps = input.shape[:2] if batch_first else (input.shape[1], input.shape[0])
    if sizes.shape != (batch,):
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} "
            f"(batch_size={batch})"
        )
    if sizes.min() <= 0:
        raise ArgumentError(
            "pack_padded_sequence: Length of all samples has to be greater than 0, but found an element in 'lengths' "
            f"that is <= 0: {sizes.tolist()}"
        )
    if sizes.max() > steps:
        raise ShapeError(f"pack_padded_sequence: a length is {sizes.max()}, but the input has {steps} steps")
    return sizes


def _check_parts(parts: Sequence[Any]) -> None:
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise ArgumentTypeError(f"pad_sequence: expected Tensors, got {type(part).__name__} as element {i}")
        if part.ndim < 1 or part.shape[1:] != parts[0].shape[1:]:
            raise ShapeError(
                "pad_sequence: the sizes behind the first must be those of the first tensor, "
                f"{tuple(parts[0].shape)}; element {i} is {tuple(part.shape)}"
            )


def _index(rows: np.ndarray[Any, Any], like: Tensor) -> Tensor:
    """`rows` as a tensor where `like` is; in a captured step they are part of the graph."""
    host = np.ascontiguousarray(rows, np.int64)
    if not like.is_cuda:
        return ops.from_numpy(host)
    with placed_on(device_of(like.array)):
        return Tensor(capture.constant(array_module(like.array), host))
