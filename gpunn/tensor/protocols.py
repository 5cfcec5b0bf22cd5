"""Methods of Tensor: NumPy's, DLPack's and CUDA's array protocols. All share memory, none copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn import backend
from gpunn.engine import Variable
from gpunn.errors import ArgumentError, DtypeError, GraphError
from gpunn.tensor import numpy_functions


class ProtocolMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """The NumPy array, for `numpy.asarray(x)`. Not for CUDA tensors, nor where a gradient would be lost."""
        x: Any = self
        array: np.ndarray[Any, Any] = x.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ArgumentError(f"__array__: Unable to avoid copy: {array.dtype} is to become {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's ufuncs on tensors are gpunn's operations: `numpy.exp(x)` is a Tensor and differentiates (NEP 13)."""
        return numpy_functions.apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions on tensors are gpunn's operations: `numpy.concatenate` is `cat` (NEP 18)."""
        return numpy_functions.apply_function(func, args, kwargs)

    def __dlpack__(
        self,
        *,
        stream: Any = -1,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule on the memory of this tensor, or on a copy; the options are those of the standard."""
        if self.requires_grad:
            raise ExportError("__dlpack__: Can't export tensors that require gradient, use tensor.detach()")
        if self.array.dtype.kind == "V":
            raise ExportDtypeError("__dlpack__: NumPy and CuPy arrays cannot export bfloat16; use x.view(gpunn.int16)")
        options = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        if stream != -1 or backend.is_cuda(self.array):
            options["stream"] = stream
        return self.array.__dlpack__(**{name: value for name, value in options.items() if value is not None})

    def __dlpack_device__(self) -> tuple[int, int]:
        """(device type, device number) as DLPack counts them."""
        kind, number = self.array.__dlpack_device__()
        return int(kind), int(number)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The description of GPU memory that Numba, CuPy and PyTorch read."""
        if not backend.is_cuda(self.array):
            raise AttributeError(
                "Can't get __cuda_array_interface__ on non-CUDA tensor; use x.cuda() to move the tensor to a GPU"
            )
        if self.requires_grad:
            raise GraphError(
                "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't required, use "
                "x.detach()"
            )
        described: dict[str, Any] = self.array.__cuda_array_interface__
        return described


class ExportError(GraphError, BufferError):
    """A tensor that cannot leave through DLPack as it is."""


class ExportDtypeError(DtypeError, BufferError):
    """A dtype that DLPack export does not know."""
