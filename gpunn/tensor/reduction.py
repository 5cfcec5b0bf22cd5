"""Methods of Tensor: the operations of gpunn/ops/reduction."""

from __future__ import annotations

from gpunn.engine import Variable
from gpunn.ops.inplace import in_place
from gpunn.ops.reduction import (
    counting,
    differences,
    extrema,
    log_sum,
    medians,
    moments,
    norms,
    products,
    quantiles,
    scans,
    sorting,
    sums,
    uniqueness,
)
from gpunn.ops.reduction.renorm import renorm


class ReductionMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    sum = sums.sum
    nansum = sums.nansum
    mean = sums.mean
    nanmean = sums.nanmean
    logsumexp = log_sum.logsumexp
    prod = products.prod
    max = extrema.max
    min = extrema.min
    amax = extrema.amax
    amin = extrema.amin
    aminmax = extrema.aminmax
    argmax = extrema.argmax
    argmin = extrema.argmin
    var = moments.var
    std = moments.std
    norm = norms.norm
    dist = norms.dist
    renorm = renorm
    renorm_ = in_place(renorm)
    all = counting.all
    any = counting.any
    count_nonzero = counting.count_nonzero
    bincount = counting.bincount
    histc = counting.histc
    cumsum = scans.cumsum
    cumsum_ = in_place(scans.cumsum)
    cumprod = products.cumprod
    cumprod_ = in_place(products.cumprod)
    cummax = scans.cummax
    cummin = scans.cummin
    logcumsumexp = scans.logcumsumexp
    median = medians.median
    nanmedian = medians.nanmedian
    mode = medians.mode
    quantile = quantiles.quantile
    nanquantile = quantiles.nanquantile
    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    unique = uniqueness.unique
    unique_consecutive = uniqueness.unique_consecutive
    diff = differences.diff
