"""The kernels of kernels/attention: no faults, and the same bits in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from tests.kernels.orders import MANY, check_kernels

attention = gp.nn.functional.scaled_dot_product_attention
RUNS = [
    ((1, 1, 1, 3), 1, 1, {}),
    ((1, 2, 5, 8), 17, 2, {"is_causal": True}),
    ((1, 2, 70, 16), 33, 1, {"dropout_p": 0.3, "enable_gqa": True}),
    ((2, 1, 17, 40), 70, 1, {"mask": "bool"}),
    ((1, 1, 33, 100), 65, 1, {"mask": "added"}),
]


def results(shape, keys, heads, dtype, mask=None, **options):
    """The output and the gradients of query, key and value."""
    rng = np.random.default_rng(0)
    batch, _, length, width = shape
    shapes = [shape, (batch, heads, keys, width), (batch, heads, keys, width + 3)]
    q, k, v = [
        gp.tensor(rng.standard_normal(s), dtype=getattr(gp, dtype), device="cuda", requires_grad=True) for s in shapes
    ]
    given = None
    if mask is not None:
        seen = rng.random((batch, 1, length, keys)) < 0.5
        seen[..., -1, :] = False
        given = gp.tensor(seen if mask == "bool" else np.where(seen, 0.5, -np.inf), device="cuda")
        given = given if mask == "bool" else given.to(q.dtype)
    gp.manual_seed(1)
    y = attention(q, k, v, given, **options)
    y.backward(gp.tensor(rng.standard_normal(y.shape), dtype=y.dtype, device="cuda"))
    return y, q.grad, k.grad, v.grad


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("shape", "keys", "heads", "options"), RUNS)
def test_faults_and_orders(shape, keys, heads, options, dtype):
    check_kernels(lambda: results(shape, keys, heads, dtype, **options), orders=2)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("shape", "keys", "heads", "options"), RUNS)
def test_every_type(shape, keys, heads, options, dtype):
    check_kernels(lambda: results(shape, keys, heads, dtype, **options), orders=5)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_many_orders(dtype):
    check_kernels(lambda: results((1, 2, 5, 8), 7, 1, dtype, enable_gqa=True, dropout_p=0.2), orders=MANY)
