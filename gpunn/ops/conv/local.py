"""Local connections: a convolution whose filters are not shared by the positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.errors import ShapeError
from gpunn.ops.conv.unfold import Pair, Unfold, axes_of, pairs_of
from gpunn.ops.linalg.products import check_operands, matmul
from gpunn.ops.reduction.arguments import array_of
from gpunn.ops.shape.conversion import contiguous
from gpunn.ops.shape.permutation import Permute
from gpunn.ops.shape.views import View

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> Tensor:
    """A convolution with filters of their own at each position, and a bias of its own.

    input (N, C, H, W) or (C, H, W); weight (out_h, out_w, K, C, kernel_h, kernel_w), which says how large the kernel
    and the output are; bias (K, out_h, out_w). y[n, k, p, q] = bias[k, p, q] + Σ weight[p, q, k, c, i, j]
    x[n, c, p · stride - padding + i · dilation, q · …], as in Keras' LocallyConnected2D. (PyTorch has none.)
    """
    op = "locally_connected2d"
    x, w = array_of(op, input), array_of(op, weight)
    check_operands(op, input, weight, *([] if bias is None else [bias]))
    if x.ndim not in (3, 4) or w.ndim != 6 or x.shape[-3] != w.shape[3]:
        raise ShapeError(
            f"{op}: expected input (N, C, H, W) or (C, H, W) and weight (out_h, out_w, K, C, kernel_h, kernel_w), got "
            f"{x.shape} and {w.shape}"
        )
    if 0 in (*x.shape[-2:], *w.shape[-2:]):
        raise ShapeError(f"{op}: the image and the kernel must not be empty; input {x.shape}, weight {w.shape}")
    rows, columns, channels = w.shape[:3]
    h, v = axes_of(op, (x.shape[-2], x.shape[-1]), pairs_of(op, w.shape[-2:], dilation, padding, stride))
    if (h.out, v.out) != (rows, columns):
        raise ShapeError(
            f"{op}: the input {x.shape} has {h.out} x {v.out} windows, the weight {w.shape} has filters for {rows} x "
            f"{columns}; stride={stride}, padding={padding}, dilation={dilation}"
        )
    if bias is not None and bias.array.shape != (channels, rows, columns):
        raise ShapeError(
            f"{op}: expected bias {(channels, rows, columns)} for weight {w.shape}, got {bias.array.shape}"
        )
    images = input if x.ndim == 4 else View((1, *x.shape))(input)
    seen = contiguous(Permute((2, 0, 1))(Unfold(h, v)(images)))  # (positions, N, C · kernel)
    filters = View((rows * columns, channels, seen.array.shape[2]))(weight)
    found = Permute((1, 2, 0))(matmul(seen, filters.mT))
    result: Tensor = View((*found.array.shape[:2], rows, columns))(contiguous(found))
    result = result if bias is None else result + bias
    return result if x.ndim == 4 else View(result.array.shape[1:])(result)
