"""Modules on other devices and in other dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from gpunn import backend, dtypes, engine
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentTypeError
from gpunn.nn.tree import ModuleTree
from gpunn.ops.creation import empty_like
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, memory_format, preserve_format
from gpunn.tensor import Tensor


class ModuleMoving(ModuleTree):
    """The methods of Module that move or convert everything inside it. Only Module derives from this."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every parameter, gradient and buffer by fn of it; parameters keep their identity."""
        for child in self.children() if recurse else ():
            child._apply(fn)
        with engine.no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                data, grad = fn(parameter), None if parameter.grad is None else fn(parameter.grad)
                parameter.grad = None
                parameter.data = data
                parameter.grad = grad
            for name, buffer in self._buffers.items():
                self._buffers[name] = None if buffer is None else fn(buffer)
        return self

    def to(
        self,
        *args: Any,
        device: DeviceLike = None,
        dtype: dtype | None = None,
        non_blocking: bool = False,
        memory_format: memory_format = preserve_format,
    ) -> Self:
        """Everything on another device, what is floating in another dtype, what has 4 or 5 dimensions in another
        memory format: to(device), to(dtype), to(device, dtype), to(tensor), or by name. Returns self.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, (str, backend.device)) or type(arg) is int:
                device = arg
            elif isinstance(arg, dtypes.dtype):
                dtype = arg
            elif arg is not None and not isinstance(arg, bool):
                raise ArgumentTypeError(f"to: expected a device, a dtype or a Tensor, got {type(arg).__name__}")
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentTypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")

        def convert(tensor: Tensor) -> Tensor:
            layout = memory_format if tensor.ndim in CHANNELS_LAST_ORDER else preserve_format
            to_dtype = dtype if tensor.is_floating_point() else None
            return tensor.to(device=device, dtype=to_dtype, memory_format=layout)

        return self._apply(convert)

    def to_empty(self, *, device: DeviceLike, recurse: bool = True) -> Self:
        """All parameters and buffers on `device`, with whatever is in the memory there; returns self."""
        return self._apply(lambda tensor: empty_like(tensor, device=backend.as_device(device)), recurse)

    def cpu(self) -> Self:
        """Everything in the CPU's memory; returns self."""
        return self.to("cpu")

    def cuda(self, device: DeviceLike = None) -> Self:
        """Everything on a GPU; returns self."""
        return self.to("cuda" if device is None else backend.device(device))

    def share_memory(self) -> Self:
        """Everything in memory that forked processes share, as `Tensor.share_memory_`; returns self."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def type(self, dst_type: Any) -> Self:
        """Everything in another dtype, also what is not floating; returns self."""
        target = dtypes.as_dtype(dst_type)
        return self._apply(lambda tensor: tensor.to(target))

    def float(self) -> Self:
        """Floating parameters and buffers as float32; returns self."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Floating parameters and buffers as float64; returns self."""
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Floating parameters and buffers as float16; returns self."""
        return self.to(dtypes.float16)

    def bfloat16(self) -> Self:
        """Floating parameters and buffers as bfloat16; returns self."""
        return self.to(dtypes.bfloat16)
