"""Methods of Tensor that give it other memory, share its memory with other processes, or keep it for another stream."""

from __future__ import annotations

import math
import mmap
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn import backend, capture, engine
from gpunn.engine import Variable, share_memory_of
from gpunn.errors import ArgumentError, ArgumentTypeError, DeviceError, DtypeError, GraphError, UnsupportedError
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, channels_last, channels_last_3d, contiguous_format
from gpunn.ops.shape.dims import new_shape
from gpunn.ops.shape.strided import as_strided

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

_KEPT: Final[list[tuple[Any, Any]]] = []  # events of streams, and memory that lives until they have happened


class MemoryMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    def resize_(self, *sizes: Any, size: Sequence[int] | None = None, memory_format: Any = None) -> Tensor:
        """Another shape in place: the memory is read anew, as contiguous; nothing happens if the shape is the same.

        Where there is too little memory there is new one, with the old elements in front and whatever was there behind
        them; older views stay with the old memory. Not for tensors that require gradients, and not for views that
        would have to grow.
        """
        if self.requires_grad:
            raise GraphError("cannot resize variables that require grad")
        shape = new_shape("resize_", sizes, size)
        order = _order(memory_format, len(shape))
        if shape == self.array.shape:
            return self  # type: ignore[return-value]
        x = self.array
        room = (backend.memory_size(x) - backend.offset_in_memory(x)) // x.itemsize
        count = math.prod(shape)
        if count > room:
            if self._base is not None:
                raise UnsupportedError(
                    f"resize_: a view of {room} elements of memory cannot grow to {count}; resize a clone()"
                )
            with backend.placed_on(backend.device_of(x)):
                larger = backend.array_module(x).empty(count, x.dtype)
            larger[:room] = backend.strided_view(x, (room,), (x.itemsize,)) if room else x.reshape(-1)
            x = larger
        inner = tuple([shape[d] for d in order])
        strides = [x.itemsize * math.prod(inner[d + 1 :]) for d in range(len(inner))]
        view = backend.strided_view(x, inner, tuple(strides)) if count else x.reshape(-1)[:0].reshape(inner)
        self.array, self._views = view.transpose(np.argsort(order)), None
        engine.bump(self)
        return self  # type: ignore[return-value]

    def resize_as_(self, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
        """`resize_` to the shape of another tensor."""
        if not isinstance(the_template, Variable):
            raise ArgumentTypeError(f"resize_as_: expected a Tensor, got {type(the_template).__name__}")
        return self.resize_(the_template.array.shape, memory_format=memory_format)

    def set_(
        self,
        source: Tensor | None = None,
        storage_offset: int = 0,
        size: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
    ) -> Tensor:
        """Show the memory of `source` from now on, or none, without its history; returns self.

        With `size`, the part of it that `as_strided(size, stride, storage_offset)` shows, contiguous without `stride`.
        """
        engine.check_history(self, "set_")
        if source is None:
            self.array = backend.array_module(self.array).empty(0, self.array.dtype)
            engine.bump(self)
            return self  # type: ignore[return-value]
        if not isinstance(source, Variable):
            raise ArgumentTypeError(f"set_: expected a Tensor, got {type(source).__name__}; gpunn has no storages")
        if source.array.dtype != self.array.dtype:
            raise DtypeError(
                f"set_: Could not set tensor of type {source.dtype} to a tensor of type {self.array.dtype}"
            )
        if backend.device_of(source.array) != backend.device_of(self.array):
            raise DeviceError(f"set_: a tensor on {backend.device_of(self.array)} cannot show one on {source.device}")
        shown: Any = source
        if size is not None:
            shape = new_shape("set_", (), size)
            apart = [math.prod(shape[d + 1 :]) for d in range(len(shape))] if stride is None else stride
            with engine.no_grad():
                shown = as_strided(source, shape, apart, storage_offset)
        elif stride is not None or storage_offset != 0:
            raise ArgumentError("set_: storage_offset and stride go with a size")
        self.array, self._base, self._views = shown.array, None, None
        share_memory_of(self, source)
        return self  # type: ignore[return-value]

    def share_memory_(self) -> Tensor:
        """Move the elements to memory that processes share which are forked from this one; returns self.

        A change by one of them is seen by all. Processes that are started afresh ("spawn") get copies, as of all
        tensors. Nothing happens to tensors on a GPU, or in such memory already. Not for views: share the whole.
        """
        if self.is_shared():
            return self  # type: ignore[return-value]
        if self._base is not None or backend.offset_in_memory(self.array) or not self.array.flags.forc:
            raise UnsupportedError("share_memory_: of a view only; call it on the tensor whose memory it shows")
        x = self.array
        memory = mmap.mmap(-1, max(x.nbytes, 1))
        shared = np.ndarray(x.shape, x.dtype, memory, 0, x.strides)
        shared[...] = x
        self.array = shared
        return self  # type: ignore[return-value]

    def is_shared(self) -> bool:
        """Whether forked processes share the memory; True on a GPU, as in PyTorch."""
        if backend.is_cuda(self.array):
            return True
        memory = self.array
        while isinstance(memory, np.ndarray):
            memory = memory.base
        return isinstance(getattr(memory, "obj", memory), mmap.mmap)

    def record_stream(self, stream: Any) -> None:
        """Keep the memory, when this tensor is gone, until `stream` has done what it was given up to then.

        Without it, the next tensor of the stream on which this one was made may get the memory while `stream` still
        reads it. It goes back at the next call of this method, or when the host next waits. For tensors on a GPU.
        """
        if not backend.is_cuda(self.array):
            raise UnsupportedError("record_stream: only for tensors on a GPU, got one on the CPU")
        queue = getattr(stream, "stream", None)
        if queue is None:
            raise ArgumentTypeError(f"record_stream: expected a gpunn.cuda.Stream, got {type(stream).__name__}")
        _let_go()
        weakref.finalize(self, _keep, self.array.data, queue).atexit = False


def _order(memory_format: Any, rank: int) -> tuple[int, ...]:
    """The dimensions from the one whose elements lie farthest apart to the nearest."""
    if memory_format in (None, contiguous_format):
        return tuple(range(rank))
    if memory_format not in (channels_last, channels_last_3d) or rank not in CHANNELS_LAST_ORDER:
        raise ArgumentError(f"resize_: Unsupported memory format {memory_format} for {rank} dimensions")
    return tuple(CHANNELS_LAST_ORDER[rank])


def _keep(memory: Any, queue: Any) -> None:
    """Keep `memory` until `queue` has done what it has now."""
    if capture.current() is None:  # else it is the graph's, which does not give it back
        event = backend.cuda_module().cuda.Event()
        event.record(queue)
        _KEPT.append((event, memory))
        _let_go()


def _let_go() -> None:
    """Give back the memory that no stream needs any more."""
    _KEPT[:] = [(event, memory) for event, memory in _KEPT if not event.done]


backend.on_synchronize(_let_go)
