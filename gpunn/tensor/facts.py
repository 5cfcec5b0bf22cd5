"""What tensors say of their memory, their kind and their shapes, as methods and as functions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn import backend, dtypes
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError, GraphError
from gpunn.ops.arithmetic.promotion import Number, broadcast_two
from gpunn.ops.shape.dense import layout, strided
from gpunn.ops.shape.dims import ints
from gpunn.tensor.size import Size
from gpunn.tensor.storage import UntypedStorage

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class FactMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    is_sparse = is_quantized = is_meta = is_nested = is_mkldnn = is_mps = is_xpu = is_xla = is_sparse_csr = False

    @property
    def layout(self) -> layout:
        """How the elements are kept: `gpunn.strided`."""
        return strided

    @property
    def is_cuda(self) -> bool:
        """Whether the elements are on a GPU."""
        return backend.is_cuda(self.array)

    @property
    def is_cpu(self) -> bool:
        """Whether the elements are in the CPU's memory."""
        return not backend.is_cuda(self.array)

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this tensor is."""
        return self._output_nr

    def get_device(self) -> int:
        """The number of the GPU with the elements; -1 for the CPU."""
        index = backend.device_of(self.array).index
        return -1 if index is None else index

    def storage_offset(self) -> int:
        """How many elements of the memory lie before the first one of this tensor."""
        return backend.offset_in_memory(self.array) // int(self.array.dtype.itemsize)

    def untyped_storage(self) -> UntypedStorage:
        """The memory that this tensor is a view of."""
        return UntypedStorage(self.array)

    def is_pinned(self, device: DeviceLike = None) -> bool:
        """False: no tensor itself lies in page-locked memory."""
        return False

    def pin_memory(self, device: DeviceLike = None) -> Tensor:
        """This tensor: copies to a GPU go through page-locked memory by themselves. Not for tensors on a GPU."""
        if backend.is_cuda(self.array):
            raise GraphError(f"pin_memory: only dense CPU tensors can be pinned, got one on {self.array.device}")
        return self  # type: ignore[return-value]

    def is_nonzero(self) -> bool:
        """Whether the only element is not 0. Raises ShapeError for more elements or none."""
        return bool(self)

    def is_same_size(self, other: Tensor) -> bool:
        """Whether `other` has the same shape."""
        return bool(self.array.shape == other.array.shape)

    def is_floating_point(self) -> bool:
        """Whether the elements are floating point numbers."""
        return dtypes.of(self.array).is_floating_point

    def is_complex(self) -> bool:
        """False: gpunn has no complex types."""
        return False

    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return dtypes.of(self.array).is_signed


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements of `input` are floating point numbers."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """False: gpunn has no complex types."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the elements of `input` can be negative."""
    return input.is_signed()


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element of `input` is not 0. Raises ShapeError for more elements or none."""
    return input.is_nonzero()


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return input.is_same_size(other)


def is_inference(input: Tensor) -> bool:
    """Whether `input` was made in `inference_mode`."""
    return input.is_inference()


def get_device(input: Tensor) -> int:
    """The number of the GPU with the elements of `input`; -1 for the CPU."""
    return input.get_device()


def result_type(tensor1: Tensor | Number, tensor2: Tensor | Number) -> dtype:
    """The dtype of an operation on both, tensors or numbers."""
    for x in (tensor1, tensor2):
        if not isinstance(x, (Variable, bool, int, float)):
            raise ArgumentTypeError(f"result_type: expected Tensors or numbers, got {type(x).__name__}")
    return dtypes.result_type(*[x.array if isinstance(x, Variable) else x for x in (tensor1, tensor2)])


def broadcast_shapes(*shapes: int | Sequence[int]) -> Size:
    """The shape that tensors of these shapes have together. Raises ShapeError if they do not fit."""
    several: list[Any] = [ints("broadcast_shapes", "shapes", shape) for shape in shapes]
    return Size(functools.reduce(functools.partial(broadcast_two, "broadcast_shapes"), several, ()))
