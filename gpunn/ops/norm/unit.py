"""Vectors divided by their lengths."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpunn.ops.norm.arguments import check_tensors
from gpunn.ops.norm.cut import Cut
from gpunn.ops.norm.launches import UNIT
from gpunn.ops.norm.standard import Norm
from gpunn.ops.reduction.norms import norm
from gpunn.ops.shape.conversion import CHANNELS_LAST_ORDER, is_channels_last
from gpunn.ops.shape.dims import one_dim

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def vector_cut(shape: tuple[int, ...], dim: int, channels_last: bool) -> Cut:
    """The vectors along dimension `dim`."""
    order = CHANNELS_LAST_ORDER[len(shape)] if channels_last else tuple(range(len(shape)))
    sizes, axis = [shape[d] for d in order] or [1], order.index(dim) if order else 0
    outer, inner = math.prod(sizes[:axis]), math.prod(sizes[axis + 1 :])
    return Cut(outer, 1, 1, sizes[axis], 1) if inner == 1 else Cut(outer, sizes[axis], inner, 1, 1)


def normalize(input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12) -> Tensor:
    """input / max(‖input‖, eps), the p-norm along `dim`; several dimensions are one vector."""
    check_tensors("normalize", input, {})
    if p == 2 and hasattr(dim, "__index__"):
        axis = one_dim("normalize", dim, input.array.ndim)  # type: ignore[arg-type]
        cutting = functools.partial(vector_cut, input.array.shape, axis)
        result: Tensor = Norm(cutting, is_channels_last(input.array), UNIT, float(eps))(input, None, None)
        return result
    length: Any = norm(input, p, dim, keepdim=True)
    return input / length.clamp_min(eps)
