"""Parameter: a tensor that a module learns."""

from __future__ import annotations

import numpy as np

from gpunn import dtypes
from gpunn.engine import Variable, share_memory_of
from gpunn.errors import ArgumentTypeError
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
