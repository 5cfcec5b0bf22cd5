"""Methods of Tensor: other dtypes, devices and layouts; Python and NumPy values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.dtypes import dtype
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from gpunn.ops.shape import conversion as ops
from gpunn.ops.shape.conversion import memory_format, preserve_format

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ConversionMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    clone = ops.clone
    contiguous = ops.contiguous
    detach = ops.detach

    def to(
        self,
        *args: Any,
        device: backend.DeviceLike = None,
        dtype: dtype | None = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: memory_format = preserve_format,
    ) -> Tensor:
        """This tensor with another dtype, on another device, or both: to(dtype), to(device[, dtype]), to(other).

        Returns self if nothing changes, unless `copy`. Transfers always wait, so `non_blocking` has no effect.
        """
        for arg in args:
            if isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, (str, backend.device)) or (isinstance(arg, int) and not isinstance(arg, bool)):
                device = arg
            elif isinstance(arg, type(self)) or hasattr(arg, "array"):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, bool):
                copy = copy or (arg and arg is args[-1] and len(args) > 2)
            elif arg is not None:
                raise ArgumentTypeError(f"to: expected a dtype, a device or a Tensor, got {type(arg).__name__}")
        x: Any = self
        result = x if dtype is None else ops.cast(x, dtypes.as_dtype(dtype))
        result = result if device is None else ops.to_device(result, device)
        if memory_format is not preserve_format:
            result = ops.contiguous(result, memory_format)
        return ops.clone(result) if copy and result is self else result

    def type(self, dtype: Any = None) -> Any:
        """This tensor with another dtype; without an argument, the name of its type ("torch.FloatTensor" in PyTorch)."""
        x: Any = self
        return repr(x.dtype) if dtype is None else self.to(dtypes.as_dtype(dtype))

    def type_as(self, other: Tensor) -> Tensor:
        """This tensor with the dtype of `other`."""
        return self.to(other.dtype)

    def cpu(self) -> Tensor:
        """This tensor in the CPU's memory."""
        return self.to("cpu")

    def cuda(self, device: backend.DeviceLike = None) -> Tensor:
        """This tensor on a GPU."""
        return self.to("cuda" if device is None else backend.device(device))

    def float(self) -> Tensor:
        """This tensor as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """This tensor as float64."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """This tensor as float16."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Tensor:
        """This tensor as bfloat16."""
        return self.to(dtypes.bfloat16)

    def int(self) -> Tensor:
        """This tensor as int32."""
        return self.to(dtypes.int32)

    def long(self) -> Tensor:
        """This tensor as int64."""
        return self.to(dtypes.int64)

    def short(self) -> Tensor:
        """This tensor as int16."""
        return self.to(dtypes.int16)

    def char(self) -> Tensor:
        """This tensor as int8."""
        return self.to(dtypes.int8)

    def byte(self) -> Tensor:
        """This tensor as uint8."""
        return self.to(dtypes.uint8)

    def bool(self) -> Tensor:
        """This tensor as booleans: whether each element is not zero."""
        return self.to(dtypes.bool_)

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
                f"item: a Tensor with {self.array.size} elements cannot be converted to Scalar (shape {self.array.shape})"
            )
        return backend.asnumpy(self.array).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return backend.asnumpy(self.array).tolist()

    def numpy(self, *, force: Any = False) -> np.ndarray[Any, Any]:
        """The elements as a NumPy array on the same memory. With `force`, detached and copied from the GPU first."""
        if self._requires_grad and not force:
            raise GraphError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if backend.is_cuda(self.array) and not force:
            raise ArgumentTypeError(
                "numpy: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        return backend.asnumpy(self.array)

    def __bool__(self) -> Any:
        if self.array.size != 1:
            raise ShapeError(
                f"bool: Boolean value of Tensor with {'no' if self.array.size == 0 else 'more than one'} value"
                f"{'s' if self.array.size == 0 else ''} is ambiguous (shape {self.array.shape}); use any() or all()"
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
