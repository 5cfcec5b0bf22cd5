"""The Kullback-Leibler divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.ops.loss.arguments import floating_pair, must_be_floating, reduction_name
from gpunn.ops.loss.formulas import Divergence, DivergenceOfLogs
from gpunn.ops.loss.pointwise import pointwise

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input) of log-probabilities `input` and probabilities `target`, or their logarithms.

    The divergence is the sum over the classes: take reduction="batchmean", the sum divided by the size of the batch.
    """
    is_batchmean = reduction == "batchmean" and size_average is None and reduce is None
    how = "sum" if is_batchmean else reduction_name("kl_div", reduction, size_average, reduce)
    x, t = floating_pair("kl_div", input, target)
    must_be_floating("kl_div", input=input, target=target)
    loss = pointwise(DivergenceOfLogs() if log_target else Divergence(), x, t, how)
    return loss / x.array.shape[0] if is_batchmean and x.ndim else loss
