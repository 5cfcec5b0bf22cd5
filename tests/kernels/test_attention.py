"""The kernels of kernels/attention: no faults, and the same bits in any order of threads."""

from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.attention import launches
from tests.kernels.orders import MANY, check_kernels

attention = gp.nn.functional.scaled_dot_product_attention
RUNS = [
    ((1, 1, 1, 3), 1, 1, {}),
    ((1, 2, 5, 8), 17, 2, {"is_causal": True}),
    ((1, 2, 70, 16), 33, 1, {"dropout_p": 0.3, "enable_gqa": True}),
    ((2, 1, 17, 40), 70, 1, {"mask": "bool"}),
    ((2, 2, 33, 100), 65, 2, {"mask": "added"}),
    ((1, 1, 70, 16), 130, 1, {"wider": 0}),  # rows of whole chunks
    ((1, 1, 130, 16), 130, 1, {"is_causal": True}),  # whole tiles, some of them on the diagonal
]


def results(shape, keys, heads, dtype, mask=None, device="cuda", wider=3, **options):
    """The output and the gradients of query, key and value; of float32 on tensor cores for the dtype "tf32"."""
    gp.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    dtype = dtype.replace("tf32", "float32")
    rng = np.random.default_rng(0)
    batch, of_query, length, width = shape
    shapes = [shape, (batch, heads, keys, width), (batch, heads, keys, width + wider)]
    q, k, v = [
        gp.tensor(rng.standard_normal(s), dtype=getattr(gp, dtype), device=device, requires_grad=True) for s in shapes
    ]
    given = None
    if mask is not None:
        seen = rng.random((batch, of_query, length, keys)) < 0.5
        seen[..., -1, :] = False
        given = gp.tensor(seen if mask == "bool" else np.where(seen, 0.5, -np.inf), device=device)
        given = given if mask == "bool" else given.to(q.dtype)
    gp.manual_seed(1)
    y = attention(q, k, v, given, **options)
    y.backward(gp.tensor(rng.standard_normal(y.shape), dtype=y.dtype, device=device))
    return y, q.grad, k.grad, v.grad


@pytest.fixture(autouse=True)
def full_precision():
    yield
    gp.backends.cuda.matmul.allow_tf32 = False


@pytest.mark.parametrize("dtype", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize(("shape", "keys", "heads", "options"), RUNS)
def test_faults_and_orders(shape, keys, heads, options, dtype):
    check_kernels(lambda: results(shape, keys, heads, dtype, **options), orders=2)


def test_half_types_without_tensor_cores(monkeypatch):
    monkeypatch.setattr(launches, "has_tensor_cores", lambda *gpu: False)
    shape, keys, heads, options = RUNS[2]
    check_kernels(lambda: results(shape, keys, heads, "float16", **options), orders=1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("width", [20, 61, 88, 125, 160, 250])
def test_digits_of_tensor_cores(width, dtype):
    """Every tile: errors are those of one rounding to T for the output, and of a few more for gradients."""
    unit = float(gp.finfo(getattr(gp, dtype)).eps)
    options = {"is_causal": width % 2 == 0, "enable_gqa": True, "dropout_p": 0.2}
    with emulator.enable():
        found = on_host(results((1, 2, 70, width), 100, 1, dtype, **options))
    wanted = on_host(results((1, 2, 70, width), 100, 1, dtype, device="cpu", **options))
    for i, (mine, exact) in enumerate(zip(found, wanted, strict=True)):
        limit = (1 if i == 0 else 4) * unit * np.abs(exact).max()
        np.testing.assert_allclose(mine, exact, rtol=2 * unit, atol=limit)


@pytest.mark.parametrize("width", [20, 61, 88, 125, 160, 250])
def test_digits_of_tf32(width):
    """Every tile: other bits than in float32, and errors of a few roundings to 10 digits after the point."""
    options = {"is_causal": width % 2 == 0, "enable_gqa": True, "dropout_p": 0.2}
    with emulator.enable():
        found = on_host(results((1, 2, 70, width), 100, 1, "tf32", **options))
        full = on_host(results((1, 2, 70, width), 100, 1, "float32", **options))
    wanted = on_host(results((1, 2, 70, width), 100, 1, "float64", device="cpu", **options))
    for mine, other, exact in zip(found, full, wanted, strict=True):
        np.testing.assert_allclose(other, exact, rtol=2e-5, atol=2e-5 * np.abs(exact).max())
        assert 2.0**-16 < np.abs(mine - exact).max() / np.abs(exact).max() < 2.0**-9


def test_gradients_that_do_not_fit(monkeypatch):
    """Of GPUs with 99 KiB for a block: the output comes from tensor cores, gradients in float32."""
    launched = []
    launch = launches.kernels.launch
    monkeypatch.setattr(launches, "shared_memory", lambda *gpu: 99 << 10)
    monkeypatch.setattr(launches.kernels, "launch", lambda file, *more: (launched.append(file), launch(file, *more)))
    with emulator.enable():
        for width in (128, 250):
            results((1, 1, 8, width), 8, 1, "tf32", wider=0)
    tensor = ["attention/tensor_forward", "attention/delta", *["attention/tensor_backward"] * 3]
    plain = ["attention/tensor_forward", "attention/delta", *["attention/backward"] * 2, "attention/tensor_backward"]
    assert launched == [*tensor, *plain]


def test_each_gpu_is_asked_for_itself():
    def properties(number):
        return {"sharedMemPerBlockOptin": (64 << 10, 227 << 10)[number]}

    cuda = SimpleNamespace(
        Device=lambda number: SimpleNamespace(compute_capability=("75", "90")[number]),
        runtime=SimpleNamespace(getDeviceProperties=properties),
    )
    cupy = ModuleType("cupy")
    cupy.cuda = cuda
    assert [launches.has_tensor_cores(cupy, number) for number in (0, 1)] == [False, True]
    assert [launches.shared_memory(cupy, number) for number in (0, 1)] == [64 << 10, 227 << 10]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_that_is_not_aligned(dtype):
    """A slice x[1:] is contiguous, and starts anywhere."""
    values = np.random.default_rng(0).standard_normal(1 + 2 * 20 * 16)

    def run(start=1):
        memory = gp.tensor(np.roll(values, start - 1), dtype=getattr(gp, dtype), device="cuda", requires_grad=True)
        x = memory[start : start + 2 * 20 * 16].reshape(1, 2, 20, 16)
        y = attention(x, x, x, is_causal=True)
        (y * y).sum().backward()
        return y, memory.grad[start : start + 2 * 20 * 16]

    check_kernels(run, orders=1)
    with emulator.enable():
        aligned, slid = on_host(run(0)), on_host(run(1))
    for a, b in zip(aligned, slid, strict=True):
        assert np.array_equal(a, b)


def on_host(tensors):
    """The values of `tensors` in float64."""
    return [backend.asnumpy(x.array).astype(np.float64) for x in tensors]


@pytest.mark.sweep
@pytest.mark.parametrize("dtype", ["float64", "float32", "tf32", "float16", "bfloat16"])
@pytest.mark.parametrize(("shape", "keys", "heads", "options"), RUNS)
def test_every_type(shape, keys, heads, options, dtype):
    check_kernels(lambda: results(shape, keys, heads, dtype, **options), orders=5)


@pytest.mark.sweep
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_many_orders(dtype):
    check_kernels(lambda: results((1, 2, 5, 8), 7, 1, dtype, enable_gqa=True, dropout_p=0.2), orders=MANY)
