"""Dropout: in training, elements or whole channels are zeroed at random. Masks come from the default generator.

Element i of a mask, in the order of its shape, is kept if number i of a draw of `random.uniform` in float32 is below
1 - p: on every device, in every order of memory. Kernels draw the mask once more in backward and never store it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunn import kernels, random
from gpunn.backend import Array, array_module
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from gpunn.kernels.elementwise import memory_order
from gpunn.ops.activation.channels import turned
from gpunn.ops.activation.exponential import SELU_ALPHA, SELU_SCALE
from gpunn.ops.reduction.accumulate import widened

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

SATURATION = -SELU_ALPHA * SELU_SCALE  # selu(-∞), to which alpha_dropout sets what it drops


class Dropout(Function):
    """x · scale + shift where kept, x · 0 + dropped elsewhere. Backward is the same without shift and dropped.

    `draw` is the place of the mask in the stream; `mask_shape` the shape of x, or (N, C, 1, …) for whole channels.
    """

    def __init__(
        self,
        keep: float,
        draw: random.Place,
        mask_shape: tuple[int, ...],
        scale: float,
        shift: float = 0.0,
        dropped: float = 0.0,
        mask: Array | None = None,
    ) -> None:
        self.keep, self.draw, self.mask_shape = keep, draw, mask_shape
        self.scale, self.shift, self.dropped = scale, shift, dropped
        self.mask = mask  # until forward

    def forward_numpy(self, x: Array) -> Array:
        mask, self.mask = self.mask, None
        if mask is None:
            mask = random.uniform(np, self.draw, self.mask_shape, np.float32) < np.float32(self.keep)
        self.kept = (mask,)
        wide = widened(x)
        y = np.empty_like(wide)  # in the order of x in memory
        if mask.size < x.size:  # of channels
            np.multiply(wide, mask * y.dtype.type(self.scale), out=y)
        else:
            np.multiply(wide, mask, out=y)
            y *= self.scale
        if self.shift or self.dropped:
            y += mask * y.dtype.type(self.shift) + ~mask * y.dtype.type(self.dropped)
        return y.astype(x.dtype, copy=False)

    def forward_cuda(self, x: Array) -> Array:
        self.kept = (None,)
        axes = memory_order(x)
        steps = _steps(self.mask_shape)
        dims = _merged([(x.shape[axis], steps[axis]) for axis in axes])
        if len(dims) <= 3:
            back = sorted(range(len(axes)), key=axes.__getitem__)
            return self._launched(x.transpose(axes), dims).transpose(back)
        y = array_module(x).empty_like(x)
        y[...] = self._launched(x, _merged(list(zip(x.shape, steps, strict=True))))
        return y

    def _launched(self, x: Array, dims: list[tuple[int, int]]) -> Array:
        """The result for `x`, whose dimensions merge to at most three `dims`: sizes, and steps in the mask."""
        x = turned(x)
        y = array_module(x).empty(x.shape, x.dtype)
        args = (y, x, self.keep, self.scale, self.shift, self.dropped, *self.draw.on(x))
        if len(dims) <= 1 and all(step == 1 for _, step in dims):
            kernels.launch("dropout", "dropout", -(-x.size // 4), (*args, x.size))
            return y
        (_, a), (rows, b), (length, c) = [(1, 0)] * (3 - len(dims)) + dims
        kernels.launch("dropout", "dropout_strided", -(-x.size // 4), (*args, rows, length, a, b, c, x.size))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = Dropout(self.keep, self.draw, self.mask_shape, self.scale, mask=self.kept[0])(grad)
        return result


def _steps(shape: Sequence[int]) -> list[int]:
    """How far each dimension of an array of `shape` goes in the order of its elements; 0 where it is of size 1."""
    return [0 if n == 1 else math.prod(shape[axis + 1 :]) for axis, n in enumerate(shape)]


def _merged(dims: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(size, step) of the dimensions without those of size 1, and with two in one where they go on in one step."""
    merged: list[tuple[int, int]] = []
    for size, step in dims:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * step:
            merged[-1] = merged[-1][0] * size, step
        else:
            merged.append((size, step))
    return merged


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` with each element zeroed with probability `p`, the others divided by 1 - p; in eval, `input`.

    Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).
    """
    return _dropped("dropout", input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` (N, C, L) or (C, L) with each channel zeroed with probability `p`, the others divided by 1 - p."""
    if _checked("dropout1d", input, p).array.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. {_about(1)}")
    return _dropped("dropout1d", input, p, training, inplace, channels=input.ndim - 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` (N, C, H, W) with each channel zeroed with probability `p`, the others divided by 1 - p.

    Three dimensions count as (N, C, L), with a warning, as in PyTorch.
    """
    rank = _checked("dropout2d", input, p).array.ndim
    if rank not in (3, 4):
        _warn(
            f"dropout2d: Received a {rank}-D input to dropout2d, which is deprecated and will result in an error in a "
            f"future release. To retain the behavior and silence this warning, please use dropout instead. {_about(2)}"
        )
    elif rank == 3:
        _warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead."
        )
    return _dropped("dropout2d", input, p, training, inplace, channels=2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` (N, C, D, H, W) or (C, D, H, W) with each channel zeroed with probability `p`, the others / (1 - p)."""
    rank = _checked("dropout3d", input, p).array.ndim
    if rank not in (4, 5):
        _warn(
            f"dropout3d: Received a {rank}-D input to dropout3d, which is deprecated and will result in an error in a "
            f"future release. To retain the behavior and silence this warning, please use dropout instead. {_about(3)}"
        )
    return _dropped("dropout3d", input, p, training, inplace, channels=2 if rank == 5 else 1)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`input` with each element set to selu(-∞) with probability `p`, then all scaled and shifted.

    So that mean 0 and variance 1 stay. Source: Klambauer et al., Self-normalizing neural networks, NIPS 2017.
    """
    return _dropped("alpha_dropout", input, p, training, inplace, alpha=True)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels: `input` is (N, C, …)."""
    return _dropped("feature_alpha_dropout", input, p, training, inplace, channels=2, alpha=True)


def classic_dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` with each element zeroed with probability `p`, nothing scaled; in eval, `input` times 1 - p.

    The form of the first papers. Source: Hinton et al., Improving neural networks by preventing co-adaptation of
    feature detectors (2012).
    """
    if training:
        return _dropped("classic_dropout", input, p, training, inplace, scale=1.0)
    result: Tensor = _checked("classic_dropout", input, p) * (1.0 - p)
    return input.copy_(result) if inplace else result


def _dropped(
    op: str,
    input: Any,
    p: float,
    training: bool,
    inplace: bool,
    channels: int = 0,
    alpha: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Dropout of single elements, or if `channels` of all that lies at one place of the first dimensions."""
    tensor = _checked(op, input, p)
    if not training or p == 0.0 or not tensor.array.size:
        return tensor
    if not tensor.is_floating_point():
        raise DtypeError(f"{op}: expected a floating dtype, got {tensor.dtype}; use x.float()")
    shape = tensor.array.shape
    if channels:
        if len(shape) < channels:
            raise ShapeError(f"{op}: Feature dropout requires at least 2 dimensions in the input, got {tuple(shape)}")
        shape = (*shape[:channels], *[1] * (len(shape) - channels))
    draw = random.Place.of_draw(math.prod(shape), np.float32)
    result: Tensor = Dropout(1.0 - p, draw, shape, *_fate(p, alpha, scale))(tensor)
    return tensor.copy_(result) if inplace else result


def _fate(p: float, alpha: bool, scale: float | None) -> tuple[float, float, float]:
    """Scale and shift of what is kept, and the value of what is dropped."""
    if p == 1.0:
        return 0.0, 0.0, 0.0
    if not alpha:
        return 1.0 / (1.0 - p) if scale is None else scale, 0.0, 0.0
    a = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * SATURATION * SATURATION))
    return a, -a * p * SATURATION, a * (1.0 - p) * SATURATION


def _checked(op: str, input: Any, p: float) -> Tensor:
    if not isinstance(input, Variable):
        raise ArgumentTypeError(f"{op}: expected a Tensor, got {type(input).__name__}")
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{op}: dropout probability has to be between 0 and 1, but got {p}")
    tensor: Any = input
    return tensor


def _about(rank: int) -> str:
    return (
        f"Note that dropout{rank}d exists to provide channel-wise dropout on inputs with {rank} spatial dimensions, a "
        f"channel dimension, and an optional batch dimension (i.e. {rank + 1}D or {rank + 2}D inputs)."
    )


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=3)
