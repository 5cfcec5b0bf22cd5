"""Functions that write rows of one array into another by key, the same way on both devices."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gpunn.backend import Array, array_module
from gpunn.engine import Function
from gpunn.ops.indexing import rows_cuda, rows_numpy


class Scattering(Function):
    """A Function that writes by key: `scatter` gets the module rows_numpy or rows_cuda in front of the arrays."""

    def forward_numpy(self, *arrays: Any) -> Any:
        return self.scatter(rows_numpy, *arrays)

    def forward_cuda(self, *arrays: Any) -> Any:
        return self.scatter(rows_cuda, *arrays)

    def scatter(self, rows: ModuleType, *arrays: Any) -> Any:
        """The result of forward."""
        raise NotImplementedError


def write(rows: ModuleType, how: str, out: Array, key: Array, length: int, source: Array) -> None:
    """Put `source`, cut into rows of `length` elements (0-d: one number for all), into the contiguous `out`.

    `how` is "assign" (the last row of a key wins), "sum", "prod", "amax" or "amin" (with what `out` holds).
    """
    if key.size == 0 or length == 0:
        return
    target, key = out.reshape(-1, length), key.reshape(-1)
    if source.ndim:
        source = source.reshape(-1, length)
    elif how != "assign":
        source = array_module(out).broadcast_to(source, (len(key), length))
    if how == "assign":
        rows.assign(target, key, source)
    else:
        rows.combine(how, target, key, source)
