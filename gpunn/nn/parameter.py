"""Parameter: a tensor that a module learns, and one whose shape is not known yet. Buffer: one that it only keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.engine import Variable, share_memory_of
from gpunn.errors import ArgumentTypeError, GraphError
from gpunn.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that a Module registers when it is assigned as an attribute. Shares the memory of `data`."""

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            Variable.__init__(self, np.empty(0, dtypes.get_default_dtype().numpy), requires_grad)
            return
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Parameter: expected a Tensor, got {type(data).__name__}; try gpunn.tensor(...)")
        Variable.__init__(self, data.array, requires_grad)
        if self._version is not None and data._version is not None:
            share_memory_of(self, data)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a Module registers as a buffer when it is assigned as an attribute. Shares the memory of `data`.

    It is part of the state dict if it is `persistent`.
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        self.persistent = persistent
        if data is None:
            Variable.__init__(self, np.empty(0, dtypes.get_default_dtype().numpy))
            return
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Buffer: expected a Tensor, got {type(data).__name__}; try gpunn.tensor(...)")
        Variable.__init__(self, data.array, data.requires_grad)
        if self._version is not None and data._version is not None:
            share_memory_of(self, data)


class UninitializedParameter(Parameter):
    """A parameter whose shape the first input of its layer will tell. Until then it has no elements.

    An optimizer can be given it before: the object stays the same. Raises GraphError when asked for its shape.
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = True, device: DeviceLike = None, dtype: dtype_of | None = None) -> None:
        values = np.empty(0, (dtype or dtypes.get_default_dtype()).numpy)
        where = backend.get_default_device() if device is None else backend.device(device)
        Variable.__init__(self, backend.to_device(values, where), requires_grad)

    @property
    def shape(self) -> Any:
        raise GraphError(
            "the shape of a parameter that is not initialized is not known; call forward once, or load a state dict"
        )

    def materialize(self, shape: Sequence[int]) -> None:
        """Become a Parameter of `shape`, with any numbers in it."""
        with backend.placed_on(backend.device_of(self.array)):
            self.array = backend.array_module(self.array).empty(tuple(shape), self.array.dtype)
        self.__class__ = Parameter  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<UninitializedParameter>"
