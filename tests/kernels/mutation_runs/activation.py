"""What judges the mutants of the kernels of activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gpunn as gp
from gpunn.ops.activation.bias import bias_activation
from tests.kernels import test_activation as activation
from tests.kernels.mutation_runs.run import Run

F = gp.nn.functional


def _pointwise(*ops: Callable[..., Any]) -> list[Run]:
    """Forward and backward of elementwise operations: whole vectors, a rest, and slices that are not aligned."""
    shapes = [((300,), gp.float32, 0), ((37,), gp.float16, 1)]
    plain = [lambda op=op, s=s: activation.both_ways(op, activation.numbers(*s)) for op in ops for s in shapes]
    return _kinked(*ops) + plain


def _kinked(*ops: Callable[..., Any]) -> list[Run]:
    """Forward and backward of elementwise operations in float32."""
    return [lambda op=op: activation.both_ways(op, _kinks()) for op in ops]


def _kinks() -> gp.Tensor:
    """The places where piecewise functions change, numbers between them, and what is no number."""
    values = [
        *np.arange(-8.0, 8.5, 0.5),
        -0.0,
        0.1,
        -1e-3,
        1e-3,
        20,
        20.5,
        -20.5,
        90,
        -64,
        -66,
        np.inf,
        -np.inf,
        np.nan,
    ]
    return gp.tensor(np.array(values, np.float32), device="cuda").requires_grad_()


def _bias_relu() -> Any:
    """An activation behind the sum with a bias."""
    bias = gp.zeros(1, device="cuda")
    return activation.both_ways(
        lambda x: bias_activation(x, bias, "relu"), _kinks().detach().reshape(-1, 1).requires_grad_()
    )


def _not_a_number() -> Any:
    """The greatest of numbers and NaN."""
    return F.max_pool1d(gp.tensor(np.array([[[1, np.nan, 2, 3]]], np.float32), device="cuda"), 2)


RUNS: dict[str, list[Run]] = {
    "activation/bias.cu": [activation.channels],
    "activation/channels.cu": [activation.channels],
    "activation/channels.cuh": [activation.channels],
    "activation/exponential.cu": _pointwise(lambda x: F.elu(x, 0.5), lambda x: F.softplus(x, 1.0, 2.0), F.logsigmoid)
    + _pointwise(F.softsign, F.tanhshrink),
    "activation/formulas.cuh": [*_kinked(F.silu, F.gelu, F.mish, lambda x: F.gelu(x, "tanh"), F.sigmoid), _bias_relu],
    "activation/gated.cu": _pointwise(F.silu, F.mish, F.gelu, lambda x: F.gelu(x, "tanh")),
    "activation/glu.cu": [activation.channels],
    "activation/noisy.cu": [activation.noise],
    "activation/piecewise.cu": _pointwise(
        F.relu, F.hardswish, lambda x: F.leaky_relu(x, -0.5), F.relu6, F.hardsigmoid, F.hardshrink
    )
    + _pointwise(F.softshrink, lambda x: F.threshold(x, 0.1, 2.0)),
    "activation/prelu.cu": [activation.channels],
    "activation/sigmoid.cu": _kinked(F.sigmoid, F.tanh),
    "common.cuh": [*_pointwise(F.relu, F.silu), _not_a_number],
}
