"""The kernels of kernels/arithmetic in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.arithmetic import bessel
from tests.kernels.orders import MANY, check_kernels

FAMILIES = {
    "error_function": [gp.erf, gp.erfc, gp.erfinv, gp.special.ndtr, gp.special.entr],
    "gamma": [
        gp.lgamma,
        gp.digamma,
        lambda x: gp.polygamma(1, x),
        lambda x: gp.polygamma(2, x),
        lambda x: gp.polygamma(6, x),
    ],
    "bessel": [bessel.i0, bessel.i1, gp.special.i0e, gp.special.i1e],
    "slopes": [
        gp.sign,
        gp.abs,
        lambda x: gp.clamp(x, -0.5, 3.0),
        lambda x: gp.lerp(x, x.flip(0), 0.3),
        lambda x: gp.lerp(x.flip(0), x, 0.5),
    ],
    "binary": [
        lambda x, op=op: op(x, x.flip(0) + 0.5) + op(x[:1], x) + op(x, x.detach())
        for op in (gp.maximum, gp.minimum, gp.div, gp.logaddexp)
    ],
}
# Where formulas change: zeros, poles, 8, and numbers on both sides of them.
PLACES = [*np.arange(-9.25, 9.5, 0.5), *range(-2, 10), -0.0, 7.99, -0.99, 0.99, 1.4616321449683623, 1e-9, -1e-9]


def both_ways(op, values, dtype):
    """`op` forward and backward with a gradient that is not the same everywhere."""
    x = gp.tensor(values, dtype=dtype, device="cuda", requires_grad=True)
    y = op(x)
    y.backward(gp.tensor(np.linspace(0.5, 1, y.numel()), dtype=dtype, device="cuda"))
    found = [t.cpu().double().numpy() for t in (y.detach(), x.grad)]
    return tuple([np.where(np.isnan(a), 1e9, a) for a in found])  # NaNs have signs, which mean nothing


def family(name):
    """Whole vectors and a rest."""
    runs = [lambda op=op: both_ways(op, PLACES, gp.float32) for op in FAMILIES[name]]
    extremes = [np.inf, -np.inf, np.nan, 300.0, -300.5]
    return [*runs, *[lambda op=op: both_ways(op, [*extremes, *PLACES], gp.float64) for op in FAMILIES[name]]]


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name):
    check_kernels(lambda: sum([run() for run in family(name)], ()), 1)
    check_kernels(lambda: sum([both_ways(op, PLACES * 8, gp.bfloat16) for op in FAMILIES[name]], ()), 1)


@pytest.mark.sweep
@pytest.mark.parametrize("name", FAMILIES)
def test_many_orders(name):
    ops = FAMILIES[name][-1:] if name == "binary" else FAMILIES[name]  # one program, of which others take other parts
    check_kernels(lambda: sum([both_ways(op, PLACES[:9], gp.float16) for op in ops], ()), MANY)
