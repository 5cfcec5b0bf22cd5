"""Normalisation of the last dimensions: layer and root-mean-square normalisation.

Sources: Ba, Kiros, Hinton, Layer normalization, 2016; Zhang and Sennrich, Root mean square layer normalization, 2019.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import dtypes
from gpunn.ops.norm.arguments import check_dtypes, check_tensors, made_alike, normalized_axes, without_gaps
from gpunn.ops.norm.cut import Cut
from gpunn.ops.norm.launches import CENTERED, ROOT_MEAN_SQUARE, compute_dtype
from gpunn.ops.norm.standard import Norm
from gpunn.ops.reduction.accumulate import is_half
from gpunn.ops.shape.conversion import cast
from gpunn.ops.shape.views import reshape

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def row_cut(rows: int, length: int, channels_last: bool) -> Cut:
    """Rows, each with statistics of its own, and a weight for each position in them."""
    return Cut(rows, 1, 1, length, 1)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / √(var + eps) · weight + bias, mean and biased variance over the last dimensions.

    These have the shape `normalized_shape`, and so have weight and bias. float16 and bfloat16 are computed in float32
    and rounded once; weight and bias may then be float32.
    """
    given = {"weight": weight, "bias": bias}
    check_tensors("layer_norm", input, given)
    length = normalized_axes("layer_norm", input.array.shape, normalized_shape, given)
    check_dtypes("layer_norm", input, given)
    weight, bias = [None if t is None else reshape(t, (length,)) for t in made_alike(weight, bias)]
    return _normalised(input, length, CENTERED, float(eps), weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """input / √(mean(input²) + eps) · weight, the mean over the last dimensions.

    These have the shape `normalized_shape`, and so has weight. `eps` is the precision of the type that is computed
    in unless given: 2⁻²³ for float32 and half types, 2⁻⁵² for float64.
    """
    check_tensors("rms_norm", input, {"weight": weight})
    length = normalized_axes("rms_norm", input.array.shape, normalized_shape, {"weight": weight})
    if weight is not None:
        dtype = dtypes.of(input.array)
        fits = weight.array.dtype == input.array.dtype
        weight = weight if fits else cast(weight, dtypes.float32 if is_half(input.array) else dtype)
        weight = reshape(without_gaps(weight), (length,))
    smallest = float(np.finfo(compute_dtype(input.array)).eps)
    return _normalised(input, length, ROOT_MEAN_SQUARE, smallest if eps is None else float(eps), weight, None)


def _normalised(input: Tensor, length: int, kind: int, eps: float, weight: Any, bias: Any) -> Tensor:
    rows = input.array.size // length if length else math.prod(input.array.shape[:-1])
    result: Tensor = Norm(functools.partial(row_cut, rows, length), False, kind, eps)(input, weight, bias)
    return result
