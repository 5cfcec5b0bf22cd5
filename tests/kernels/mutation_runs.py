"""What judges the mutants of each kernel file: small computations, the likeliest to notice first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.conv import full_precision, tiles
from gpunn.ops.norm import launches
from tests.kernels import test_activation as activation
from tests.kernels import test_conv as conv
from tests.kernels import test_conv_tensor as conv_tensor
from tests.kernels import test_dropout as dropout
from tests.kernels import test_embedding as embedding
from tests.kernels import test_indexing as indexing
from tests.kernels import test_norm as norm
from tests.kernels import test_pointwise_loss as pointwise_loss
from tests.kernels import test_pool as pool
from tests.kernels import test_softmax as softmax

F = gp.nn.functional
Run = Callable[[], Any]


def _pointwise(*ops: Callable[..., Any]) -> list[Run]:
    """Forward and backward of elementwise operations: whole vectors, a rest, and slices that are not aligned."""
    shapes = [((300,), gp.float32, 0), ((37,), gp.float16, 1)]
    return [lambda op=op, s=s: activation.both_ways(op, activation.numbers(*s)) for op in ops for s in shapes]


def _norm(*names: str) -> list[Run]:
    """The runs of tests/kernels/test_norm.py with these names, half of them with short rows as if they were long."""

    def run(row: tuple[Any, ...]) -> Any:
        name, op, shape, dtype, last, limit = row
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launches, "LONG", launches.LONG if limit is None else limit)
            return norm.run(name, op, shape, dtype, last)

    return [lambda row=row: run(row) for row in norm.RUNS if row[0] in names]


def _conv(name: str, *numbers: int) -> list[Run]:
    """All three products of some random convolutions, by the kernels `name`."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, "float32")
        with pytest.MonkeyPatch.context() as patch:
            for constant, value in conv.KERNELS[name].items():
                patch.setattr(full_precision, constant, value)
            return conv.all_products(host, geo, last)

    cases = conv.DEPTHWISE if name == "depthwise" else [conv.CASES[i] for i in numbers]
    return [lambda s=s, last=last: run(s, last) for s in cases for last in (False, True)]


def _tensor_cores(dtype: str, tile: int) -> list[Run]:
    def run(shapes: Any) -> Any:
        host, geo = conv.arrays(*shapes, dtype)
        return conv_tensor.all_products(host, geo, True, tiles.choices()[tile])

    return [lambda s=s: run(s) for s in conv_tensor.SHAPES]


def _softmax() -> list[Run]:
    lines = [lambda s=s, d=d: softmax.softmax(F.log_softmax, s, d) for s, d in softmax.LINES]
    return [*lines, *[lambda s=s, d=d: softmax.softmax(F.softmax, s, d, gp.bfloat16) for s, d in softmax.LINES]]


def _cross_entropy() -> list[Run]:
    plain = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s) for s, _ in softmax.LINES]
    smooth = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s, label_smoothing=0.1) for s, _ in softmax.LINES]
    return [*plain, *smooth, *[lambda s=s: softmax.cross_entropy(F.nll_loss, s) for s, _ in softmax.LINES]]


def _pointwise_losses() -> list[Run]:
    names = list(pointwise_loss.NAMES)
    return [lambda n=n, r=r: pointwise_loss.run(n, 300, r) for n in names for r in ("none", "mean")]


def _pool(*words: str) -> list[Run]:
    return [run for name, run in pool.RUNS.items() if any(word in name for word in words)]


def _reductions() -> list[Run]:
    x = np.random.default_rng(3).standard_normal((3, 700))
    return [*_softmax(), *_norm("layer", "batch", "instance"), lambda: F.softmax(gp.tensor(x, device="cuda"), 1)]


RUNS: dict[str, list[Run]] = {
    "activation/piecewise.cu": _pointwise(F.relu, F.hardswish, F.leaky_relu, F.relu6, F.hardsigmoid, F.hardshrink)
    + _pointwise(F.softshrink, lambda x: F.threshold(x, 0.1, 2.0)),
    "activation/exponential.cu": _pointwise(F.elu, F.softplus, F.logsigmoid, F.softsign, F.tanhshrink),
    "activation/gated.cu": _pointwise(F.silu, F.mish, F.gelu, lambda x: F.gelu(x, "tanh")),
    "activation/prelu.cu": [activation.channels],
    "activation/bias.cu": [activation.channels],
    "activation/glu.cu": [activation.channels],
    "activation/noisy.cu": [activation.noise],
    "common.cuh": _pointwise(F.relu, F.silu),
    "conv/correlate.cu": _conv("tiles", 0, 2, 5) + _conv("high tiles", 9, 12),
    "conv/depthwise.cu": _conv("depthwise"),
    "conv/small.cu": _conv("small", 0, 2, 5, 9),
    "conv/tensor.cu": _tensor_cores("bfloat16", 0) + _tensor_cores("float32", 1),
    "conv/tensor_core.cuh": _tensor_cores("bfloat16", 0) + _tensor_cores("float32", 1),
    "conv/tensor_weight.cu": _tensor_cores("bfloat16", 0) + _tensor_cores("float32", 1),
    "conv/weight.cu": _conv("tiles", 0, 2, 5) + _conv("high tiles", 9, 12),
    "dropout.cu": [dropout.dropout],
    "embedding.cu": list(embedding.RUNS.values()),
    "indexing/read.cu": list(indexing.RUNS.values()),
    "indexing/reduce.cu": list(indexing.RUNS.values()),
    "indexing/write.cu": list(indexing.RUNS.values()),
    "loss/cross_entropy.cu": _cross_entropy(),
    "loss/pointwise.cu": _pointwise_losses(),
    "loss/total.cu": _pointwise_losses(),
    "norm/apply.cu": _norm("batch", "eval", "relu", "group", "instance"),
    "norm/merge.cu": _norm("batch", "relu", "group", "instance", "layer"),
    "norm/moments.cu": _norm("batch", "group", "instance", "layer"),
    "norm/response.cu": _norm("response"),
    "norm/rows.cu": _norm("layer", "rms", "group", "instance", "unit"),
    "norm/sums.cu": _norm("batch", "relu", "group", "instance", "layer", "rms"),
    "pool/average.cu": _pool("av"),
    "pool/maximum.cu": _pool("max"),
    "pool/median.cu": _pool("median"),
    "pool/power.cu": _pool("lp", "power"),
    "pool/unpool.cu": _pool("unpool"),
    "reduce.cuh": _reductions(),
    "softmax.cu": _softmax(),
}
