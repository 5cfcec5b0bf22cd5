"""Batch normalisation, an addition and ReLU in one pass over memory, forward and backward: for layers that fuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gpunn import dtypes
from gpunn.backend import Array
from gpunn.engine import Variable
from gpunn.errors import DtypeError, ShapeError
from gpunn.ops.activation.piecewise import ReLU, relu_in_place
from gpunn.ops.arithmetic.elementwise import masked_array
from gpunn.ops.norm import batch_reference, launches
from gpunn.ops.norm.arguments import check_tensors, made_alike
from gpunn.ops.norm.batch import BatchNorm, BatchNormBackward, check, moments_to_use, tell
from gpunn.ops.norm.cut import as_given, in_memory_order
from gpunn.ops.norm.launches import Residual, Statistics
from gpunn.ops.norm.standard import NormBackward

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class BatchNormReLU(BatchNorm):
    """max(batch norm of x, + z if there is one, 0).

    For backward it keeps a bit for each element on a GPU; on the CPU the result, which the next layer keeps, too.
    """

    saves: ClassVar = {0: (0, 1, 2, 3), 1: (0, 1, 2, 3)}

    def forward_numpy(self, x: Array, weight: Array | None, bias: Array | None, z: Array | None) -> Array:  # type: ignore[override]
        y = batch_reference.normalised(x, *self.reference_statistics(x), weight, bias, z)
        self.keep(self.kept, weight, bias, x)
        self.saves_output = True  # type: ignore[misc]
        return relu_in_place(y)

    def forward_cuda(self, x: Array, weight: Array | None, bias: Array | None, z: Array | None) -> Array:  # type: ignore[override]
        other = None if z is None else in_memory_order(z, self.channels_last)
        y, mask = self.launch(x, weight, bias, Residual(other))
        self.kept = (*self.kept, mask)
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept = (*self.kept, self.saved_output()) if self.saves_output else self.kept
        return self.gradients(grad, kept)

    def gradient_node(self) -> NormBackward:
        return BatchNormReLUBackward(self)


class BatchNormReLUBackward(BatchNormBackward):
    """The gradients of x, weight, bias and z, those that are wanted: of z it is g, dy or 0 where y was cut to 0."""

    saves: ClassVar = {i: (0, 1, 2) for i in range(7)}

    def __init__(self, node: BatchNormReLU) -> None:
        super().__init__(node)
        self.wanted = node.needs

    def forward_numpy(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        g = masked_array(grad, _passes(kept[3]))
        found = batch_reference.gradients(g, x, weight, kept[:3], self.is_constant, self.wanted)
        return self.only_wanted(*found, g)

    def forward_cuda(self, grad: Array, x: Array, weight: Array | None, *kept: Array) -> tuple[Array, ...]:
        dx, dz, to_weight, to_bias = self.launch(grad, x, weight, Statistics(*kept[:3]), kept[3], self.wanted[3])
        return self.only_wanted(dx, to_weight, to_bias, dz)

    def backward(self, *given: Tensor) -> tuple[Tensor | None, ...]:
        dy, x, weight, *kept, mask = [self.saved(i) for i in range(7)]
        passes = Variable.result_type(self.mask_as_numbers(mask, x.array, kept))
        d_dy, d_x, d_weight = self.second(given, dy * passes, x, weight, kept)
        if self.wanted[3]:
            d_dy = d_dy + given[-1]
        found = (None if isinstance(d_dy, int) else d_dy * passes, d_x, d_weight)
        return (*self.like_inputs(found), None, None, None, None)

    def mask_as_numbers(self, mask: Any, x: Array, kept: Any) -> Array:
        """1 for elements that were not cut, else 0, in the shape and dtype of `x`; `mask` may be the result."""
        if isinstance(mask, Variable):
            return _passes(mask.array).astype(x.dtype)
        values = in_memory_order(x, self.channels_last)
        numbers = launches.unpacked(self.cutting(self.channels_last), mask, values, Statistics(*kept))
        return as_given(numbers, x.shape, self.channels_last)


BatchNormReLU.__name__ = ReLU.__name__  # what programs print of the result of a ReLU


def _passes(y: Array) -> Array:
    """Whether each element of the result was not cut; NaN was not."""
    return ~(y <= 0)


def batch_norm_relu(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    residual: Tensor | None = None,
) -> Tensor:
    """relu(batch_norm(input, …) + residual), rounded once; without `residual`, relu(batch_norm(input, …)).

    `residual` has the shape and dtype of input (N, C, *). See `batch_norm` for the other arguments and the errors.
    """
    op = "batch_norm_relu"
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check(op, input, given, training, eps)
    check_tensors(op, input, {"residual": residual})
    if residual is not None and residual.array.shape != input.array.shape:
        raise ShapeError(f"{op}: residual must have the shape of input {input.array.shape}, got {residual.array.shape}")
    if residual is not None and residual.array.dtype != input.array.dtype:
        raise DtypeError(
            f"{op}: residual must have the dtype of input {dtypes.of(input.array)}, got {dtypes.of(residual.array)}"
        )
    if input.array.ndim < 2:
        return input.clone()
    moments, running = moments_to_use(input.array, (running_mean, running_var), training, momentum)
    node = BatchNormReLU(input.array, float(eps), moments, running)
    result: Tensor = node(input, *made_alike(weight, bias), residual)
    if running is not None:
        tell(running, (running_mean, running_var))
    return result
