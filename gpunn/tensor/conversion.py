"""Methods of Tensor: other dtypes, devices and layouts; Python and NumPy values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn import backend, dtypes
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from gpunn.ops.shape import conversion as ops
from gpunn.ops.shape.conversion import memory_format, preserve_format

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

LEGACY_NAMES: Final = {
    "Bool": dtypes.bool_,
    "Byte": dtypes.uint8,
    "Char": dtypes.int8,
    "Short": dtypes.int16,
    "Int": dtypes.int32,
    "Long": dtypes.int64,
    "Half": dtypes.float16,
    "BFloat16": dtypes.bfloat16,
    "Float": dtypes.float32,
    "Double": dtypes.float64,
}


def _converter(to: dtype) -> Callable[..., Tensor]:
    """The method that converts to one dtype."""

    def method(self: Any, memory_format: memory_format = preserve_format) -> Tensor:
        return ops.to(self, to, memory_format=memory_format)

    method.__doc__ = f"This tensor as {to.name}; itself if it is that already."
    return method


class ConversionMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    clone = ops.clone
    contiguous = ops.contiguous
    detach = ops.detach
    to = ops.to
    type_as = ops.type_as

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """This tensor with another dtype; without an argument, the name of its type: "gpunn.FloatTensor".

        A type may also be given by that name (PyTorch's "torch." in front will do), be the Tensor class, which is the
        default float type, or be a class with a `dtype` and a `device`, such as compat's LongTensor.
        """
        here = backend.device_of(self.array).type
        if dtype is None:
            name = next(name for name, known in LEGACY_NAMES.items() if known is dtypes.of(self.array))
            return dtypes.public_name(f"{'' if here == 'cpu' else 'cuda.'}{name}Tensor")
        of_class = getattr(dtype, "dtype", None) if isinstance(dtype, type) else None
        if isinstance(of_class, dtypes.dtype):
            return ops.to(self, getattr(dtype, "device", None), of_class)  # type: ignore[arg-type]
        if isinstance(dtype, str):
            found = re.fullmatch(r"(?:gpunn|torch)\.(cuda\.)?(\w+)Tensor", dtype)
            if found is None or found[2] not in LEGACY_NAMES:
                raise ArgumentError(f"type: invalid type: {dtype!r}; expected a dtype such as {dtypes.float32}")
            return ops.to(self, "cuda" if found[1] else "cpu", LEGACY_NAMES[found[2]])  # type: ignore[arg-type]
        return ops.to(self, dtypes.as_dtype(dtype))  # type: ignore[arg-type]

    def cpu(self, memory_format: memory_format = preserve_format) -> Tensor:
        """This tensor in the CPU's memory; itself if it is there already."""
        return ops.to(self, "cpu", memory_format=memory_format)  # type: ignore[arg-type]

    def cuda(
        self,
        device: backend.DeviceLike = None,
        non_blocking: Any = False,
        memory_format: memory_format = preserve_format,
    ) -> Tensor:
        """This tensor on a GPU, the current one if none is named; itself if it is there already."""
        where = "cuda" if device is None else backend.device(device)
        return ops.to(self, where, memory_format=memory_format)  # type: ignore[arg-type]

    float = _converter(dtypes.float32)
    double = _converter(dtypes.float64)
    half = _converter(dtypes.float16)
    bfloat16 = _converter(dtypes.bfloat16)
    int = _converter(dtypes.int32)
    long = _converter(dtypes.int64)
    short = _converter(dtypes.int16)
    char = _converter(dtypes.int8)
    byte = _converter(dtypes.uint8)
    bool = _converter(dtypes.bool_)

    def is_contiguous(self, memory_format: memory_format = ops.contiguous_format) -> Any:
        """Whether the elements lie in memory one after the other, in the order of `memory_format`."""
        return ops.is_laid_out(self.array, memory_format)

    def data_ptr(self) -> Any:
        """The address of the first element."""
        return backend.data_pointer(self.array)

    def item(self) -> Any:
        """The only element as a Python number."""
        if self.array.size != 1:
            raise ArgumentError(
                f"item: a Tensor with {self.array.size} elements cannot be converted to Scalar "
                f"(shape {self.array.shape})"
            )
        return backend.asnumpy(self.array).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; of a 0-d tensor the number."""
        return backend.asnumpy(self.array).tolist()

    def numpy(self, *, force: Any = False) -> np.ndarray[Any, Any]:
        """The elements as a NumPy array on the same memory; `force` detaches them and copies from the GPU."""
        if self.requires_grad and not force:
            raise GraphError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if backend.is_cuda(self.array) and not force:
            raise ArgumentTypeError(
                f"numpy: can't convert {backend.device_of(self.array)} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        return backend.asnumpy(self.array)

    def __bool__(self) -> Any:
        if self.array.size != 1:
            values = "no values" if self.array.size == 0 else "more than one value"
            raise ShapeError(
                f"bool: Boolean value of Tensor with {values} is ambiguous (shape {self.array.shape}); "
                "use any() or all()"
            )
        return bool(self.item())

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> Any:
        return int(self.item())

    def __index__(self) -> Any:
        value = self.item()
        if not isinstance(value, int):
            raise ArgumentTypeError("only integer tensors of a single element can be converted to an index")
        return int(value)
