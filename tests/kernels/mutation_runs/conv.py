"""What judges the mutants of the kernels of convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.conv import full_precision, tiles
from tests.kernels import test_conv as conv
from tests.kernels import test_conv_pointwise as conv_pointwise
from tests.kernels import test_conv_small_weight as conv_small
from tests.kernels import test_conv_tensor as conv_tensor
from tests.kernels import test_conv_unfold as unfold
from tests.kernels.mutation_runs.run import Run

HOLES = ((1, 2, 7, 6), (3, 2, 1, 2), ((3, 2), 1, (1, 2), 1))  # positions of the input that nothing sees


WIDE = ((1, 9, 5, 5), (70, 9, 3, 3), (1, 1, 1, 1))  # more filters, and elements of one, than a tile takes


def _conv(name: str, *numbers: int) -> list[Run]:
    """All three products of some random convolutions, by the kernels `name`."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, "float32")
        with pytest.MonkeyPatch.context() as patch:
            for constant, value in conv.KERNELS[name].items():
                patch.setattr(full_precision, constant, value)
            return conv.all_products(host, geo, last)

    cases = conv.DEPTHWISE if name == "depthwise" else [{-1: WIDE, -2: HOLES}.get(i) or conv.CASES[i] for i in numbers]
    if name == "tiles":
        cases += conv.ONE_ELEMENT
    return [lambda s=s, last=last: run(s, last) for s in cases for last in (False, True)]


def _tensor_cores(dtype: str, tile: int) -> list[Run]:
    def run(shapes: Any) -> Any:
        host, geo = conv.arrays(*shapes, dtype)
        return conv_tensor.all_products(host, geo, True, tiles.choices()[tile])

    return [lambda s=s: run(s) for s in conv_tensor.SHAPES]


def _small_weight() -> list[Run]:
    """The weight's gradient with few channels, by three plans each."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, "float32")
        return [conv_small.gradient(host, geo, last, plan) for plan in conv_small.plans(geo, host)]

    return [lambda s=s, last=last: run(s, last) for s in conv_small.SHAPES for last in (False, True)]


def _one_element(dtype: str, tile: int) -> list[Run]:
    """All three products of convolutions with a filter of one element, by tensor cores."""

    def run(shapes: Any, last: bool) -> Any:
        host, geo = conv.arrays(*shapes, conv_pointwise.SETTINGS, dtype)
        return conv_pointwise.all_products(host, geo, last, tiles.choices()[tile])

    return [lambda s=s, last=last: run(s, last) for s in conv_pointwise.SHAPES for last in (False, True)]


def _epilogues() -> list[Run]:
    """Bias, residual and ReLU after a product of matrices; and nothing of that."""

    def run(last: bool, is_plain: bool) -> Any:
        host, geo = conv.arrays((2, 8, 4, 6), (11, 8, 1, 1), conv_pointwise.SETTINGS, "bfloat16")
        x, w, bias = [conv.on_device(a, last) for a in host[:3]]
        if is_plain:
            return conv_pointwise.pointwise.output(x, w, None, geo, tile=tiles.choices()[0])
        more = conv.on_device(host[3][::-1].copy(), last)
        return conv_pointwise.pointwise.output(x, w, bias, geo, relu=True, residual=more, tile=tiles.choices()[0])

    return [lambda last=last, plain=plain: run(last, plain) for last in (False, True) for plain in (False, True)]


def _packed() -> list[Run]:
    """Arrays that are turned, in more squares than there are blocks, and ones that are padded."""

    def run(last: bool, c: int) -> Any:
        x = np.random.default_rng(0).standard_normal((3, c, 7, 9)).astype(gp.bfloat16.numpy)
        return conv_tensor.tensor_cores.packed(conv.on_device(x, last))

    return [lambda last=last, c=c: run(last, c) for last in (False, True) for c in (45, 5)]


def _statistics(family: Any, side: int) -> list[Run]:
    """The sums of channels that a convolution by tensor cores makes beside its result, of several tiles."""

    def run(k: int) -> Any:
        host, geo = conv.arrays((3, 8, 7, 7), (k, 8, side, side), (1, side // 2, 1, 1), "bfloat16")
        x, w, bias = [conv.on_device(a, True) for a in host[:3]]
        shift = conv.on_device(np.linspace(-1, 1, k).astype(np.float32), False)
        return family.with_statistics(x, w, bias, shift, geo, tiles.choices()[0])

    return [lambda k=k: run(k) for k in (7, 200)]


RUNS: dict[str, list[Run]] = {
    "conv/correlate.cu": _conv("tiles", 0, 2, 5) + _conv("high tiles", 9, 12),
    "conv/depthwise.cu": _conv("depthwise"),
    "conv/fold.cu": list(unfold.RUNS.values()),
    "conv/matrix.cuh": _one_element("bfloat16", 0) + _one_element("float32", 1),
    "conv/pack.cu": [*_packed(), *_tensor_cores("bfloat16", 0)],
    "conv/pointwise.cu": [
        *_one_element("bfloat16", 0),
        *_epilogues(),
        *_statistics(conv_pointwise.pointwise, 1),
        *_one_element("float32", 1),
    ],
    "conv/pointwise_weight.cu": _one_element("bfloat16", 0) + _one_element("float32", 3),
    "conv/products.cuh": _conv("tiles", 0, 2, 5, -1),
    "conv/small.cu": _conv("small", 0, 2, 5, 9),
    "conv/small_weight.cu": _small_weight(),
    "conv/tensor.cu": [
        *_tensor_cores("bfloat16", 0),
        *_statistics(conv_tensor.tensor_cores, 3),
        *_tensor_cores("float32", 1),
    ],
    "conv/tensor_core.cuh": [
        *_tensor_cores("bfloat16", 0),
        *_tensor_cores("float32", 1),
        *_statistics(conv_tensor.tensor_cores, 3),
        *_epilogues(),
    ],
    "conv/tensor_weight.cu": _tensor_cores("bfloat16", 0) + _tensor_cores("float32", 1),
    "conv/unfold.cu": list(unfold.RUNS.values()),
    "conv/weight.cu": _conv("tiles", 0, 2, 5, -1) + _conv("high tiles", 9, 12),
    "conv/windows.cuh": _conv("small", 0, 2, 5, 9, -2) + _conv("tiles", 0, -1) + _conv("depthwise"),
}
