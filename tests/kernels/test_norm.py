"""The kernels of the norms in check mode and in random orders, on small ragged shapes."""

from __future__ import annotations

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.nn import functional as F
from gpunn.ops.norm import launches
from gpunn.ops.norm.batch_relu import batch_norm_relu
from tests.kernels.orders import MANY, check_kernels


def running(channels):
    return [gp.zeros(channels, device="cuda"), gp.ones(channels, device="cuda")]


def batch(x, *p):
    moments = [t.to(x.dtype) for t in running(x.shape[1])]
    y = F.batch_norm(x, *moments, *p, training=True)
    return y, *moments


def instance(x, *p):
    moments = [t.to(x.dtype) for t in running(x.shape[1])]
    return F.instance_norm(x, *moments, *p), *moments


RUNS = [  # op, shape, dtype, channels last, the longest row for one launch
    ("batch", batch, (9, 3), "float32", False, None),
    ("batch", batch, (5, 8), "float16", False, None),
    ("batch", batch, (9, 2, 7), "float32", False, None),
    ("batch", batch, (2, 2, 6, 6), "bfloat16", False, None),
    ("batch", batch, (3, 8, 2, 3), "float32", True, None),
    ("batch", batch, (150, 3), "float32", False, None),  # two pieces
    ("batch", batch, (5, 2, 900), "float32", False, None),
    (
        "batch",
        lambda x, *p: batch(x * gp.tensor([1.0, 1e25, 1.0, 1.0], device="cuda"), *p),
        (9, 4),
        "float32",
        False,
        None,
    ),
    ("batch, misaligned", batch, (9, 4), "float32", False, None),
    ("eval, many", lambda x, *p: F.batch_norm(x, *running(600), *p), (1, 600), "float32", False, None),
    ("eval", lambda x, *p: F.batch_norm(x, *running(x.shape[1]), *p), (3, 8, 2, 3), "float32", True, None),
    ("relu", lambda x, *p: batch_norm_relu(x, None, None, *p, True, residual=x * 2), (3, 5, 7), "float32", False, None),
    ("relu", lambda x, *p: batch_norm_relu(x, None, None, *p, True), (2, 8, 2, 5), "float16", True, None),
    ("group", lambda x, *p: F.group_norm(x, 2, *p), (2, 4, 5), "float32", False, None),
    ("group", lambda x, *p: F.group_norm(x, 2, *p), (2, 4, 5), "float32", False, 4),
    ("group", lambda x, *p: F.group_norm(x, 2, *p), (2, 8, 3, 5), "float16", True, None),
    ("instance", instance, (2, 3, 9), "float32", False, None),
    ("instance", instance, (3, 4, 3, 3), "float64", True, None),
    ("layer", lambda x, *p: F.layer_norm(x, (7,), *p), (5, 7), "float32", False, None),
    ("layer", lambda x, *p: F.layer_norm(x, (1032,), *p), (2, 1032), "float16", False, None),
    ("layer", lambda x, *p: F.layer_norm(x, (12,), *p), (3, 12), "bfloat16", False, 4),
    ("layer", lambda x, *p: F.layer_norm(x, (16,), *[q.float() for q in p]), (3, 16), "float16", False, None),
    ("rms", lambda x, *p: F.rms_norm(x, (7,), p[0]), (5, 7), "float32", False, None),
    ("unit", lambda x, *p: F.normalize(x), (3, 5, 2), "float32", False, None),
    ("unit", lambda x, *p: F.normalize(x), (3, 5), "float16", False, None),
    ("response", lambda x, *p: F.local_response_norm(x, 3), (2, 5, 3), "float32", False, None),
]


@pytest.mark.parametrize(("name", "op", "shape", "dtype", "last", "limit"), RUNS)
def test_no_faults_in_any_order(name, op, shape, dtype, last, limit, monkeypatch):
    monkeypatch.setattr(launches, "LONG", launches.LONG if limit is None else limit)
    check_kernels(lambda: run(name, op, shape, dtype, last))


def alone(op):
    """`op` with parameters that need no gradients."""
    return lambda x: op(x, *[t.to(x.dtype) for t in running(x.shape[1])[::-1]])


# Without the gradients of hundreds of parameters, whose sums are those of a few.
IN_MANY_ORDERS = [
    ("alone", alone(op), *rest) if rest[0] in ((1, 600), (2, 1032)) else (name, op, *rest) for name, op, *rest in RUNS
]


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "op", "shape", "dtype", "last", "limit"), IN_MANY_ORDERS)
def test_no_faults_in_a_thousand_orders(name, op, shape, dtype, last, limit, monkeypatch):
    monkeypatch.setattr(launches, "LONG", launches.LONG if limit is None else limit)
    check_kernels(lambda: run(name, op, shape, dtype, last), orders=MANY)


@pytest.mark.parametrize("shape", [(300, 8), (20, 8, 7), (3, 8, 50, 49)], ids=str)
def test_channels_do_not_see_each_other(shape):
    """The order of a sum depends on its length alone: a channel has the same bits whatever is beside it."""
    problem = emulator.compiler_problem()
    if problem is not None:
        pytest.skip(f"no emulator: {problem}")
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, *shape)).astype(np.float32)

    def results(channels):
        leaves = [
            gp.tensor(a, device="cuda", requires_grad=True)
            for a in (x[:, channels], *np.ones((2, shape[1]), np.float32)[:, channels])
        ]
        y = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
        found = gp.autograd.grad([y], leaves, [gp.tensor(v[:, channels], device="cuda")])
        return [t.cpu().numpy() for t in (y.detach(), *found)]

    with emulator.enable():
        whole, part = results(slice(8)), results(slice(2, 5))
    for i, (mine, theirs) in enumerate(zip(part, whole, strict=True)):
        assert np.array_equal(mine, theirs[:, 2:5] if i < 2 else theirs[2:5])


def run(name, op, shape, dtype, last):
    """The results of the op and its gradients."""
    rng = np.random.default_rng(0)
    channels = shape[-1:] if name in ("layer", "rms") else shape[1:2]
    arrays = [rng.standard_normal(s) for s in (shape, channels, channels)]
    x, *parameters = [gp.tensor(a, dtype=getattr(gp, dtype), device="cuda") for a in arrays]
    if "misaligned" in name:
        x = gp.tensor(np.append(0, arrays[0]), dtype=x.dtype, device="cuda")[1:].reshape(shape)
    if last:
        x = x.contiguous(memory_format=gp.channels_last)
    inputs = [x, *parameters][: {"unit": 1, "response": 1, "alone": 1, "rms": 2}.get(name, 3)]
    for t in inputs:
        t.requires_grad_()
    y, *moments = results if isinstance(results := op(*inputs), tuple) else (results,)
    v = gp.tensor(rng.standard_normal(shape), dtype=y.dtype, device="cuda")
    return y.detach(), *moments, *gp.autograd.grad([y], inputs, [v])
