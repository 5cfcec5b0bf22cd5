"""Tensors from values and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import backend, dtypes
from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.engine import Variable

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def tensor(
    data: Any, *, dtype: dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`: numbers, nested lists, arrays or tensors."""
    array = np.array(data)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
        array = array.astype(dtypes.get_default_dtype().numpy)
    if dtype is not None:
        array = array.astype(dtypes.as_dtype(dtype).numpy)
    return Variable.result_type(backend.to_device(array, backend.as_device(device)), requires_grad)
