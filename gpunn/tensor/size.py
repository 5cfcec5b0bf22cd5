"""Size: the shape of a tensor."""

from __future__ import annotations

import math
from typing import SupportsIndex, overload

from gpunn.dtypes import public_name


class Size(tuple[int, ...]):
    """A tuple of the lengths of all dimensions, with `numel()`, their product."""

    __slots__ = ()

    def numel(self) -> int:
        """How many elements a tensor of this shape has."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"{public_name('Size')}({list(self)})"

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(tuple(self) + tuple(other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times: int) -> Size:  # type: ignore[override]
        return Size(tuple(self) * times)

    __rmul__ = __mul__  # type: ignore[assignment]

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        part = tuple(self)[index]
        return part if isinstance(part, int) else Size(part)
