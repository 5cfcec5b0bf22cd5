import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.ops.linalg import linear as module
from gpunn.ops.linalg.linear import column_sums, linear
from gpunn.ops.linalg.products import product_cuda, product_numpy
from tests.harness import check_dtypes, check_op


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 5, 3), (1, 2, 2, 3), (0, 3), (0, 4, 3)])
def test_linear(shape, device):
    check_op(linear, lambda x, w, b: x @ w.T + b, [shape, (4, 3), (4,)], device)
    check_op(linear, lambda x, w: x @ w.T, [shape, (4, 3)], device)
    check_dtypes(linear, lambda x, w, b: x @ w.T + b, [shape, (4, 3), (4,)], device, factor=2)


@pytest.mark.parametrize("bias", [(), (1,), (2, 4), (1, 4)])
def test_a_bias_may_broadcast(bias, device):
    check_op(linear, lambda x, w, b: x @ w.T + b, [(2, 3), (4, 3), bias], device)


def test_nothing_in_and_nothing_out(device):
    check_op(linear, lambda x, w, b: x @ w.T + b, [(2, 0), (4, 0), (4,)], device)
    check_op(linear, lambda x, w, b: x @ w.T + b, [(2, 3), (0, 3), (0,)], device)


@pytest.mark.parametrize(("rows", "columns"), [(8, 64), (64, 64), (7, 64), (65, 64), (8, 63)])
def test_a_product_may_be_turned_round(rows, columns, monkeypatch):
    monkeypatch.setattr(module, "LONG", 3)
    check_op(linear, lambda x, w, b: x @ w.T + b, [(rows, 3), (columns, 3), (columns,)], "cpu")
    y = linear(gp.ones(rows, 3), gp.ones(columns, 3), gp.ones(columns))
    assert y.is_contiguous() and y.tolist() == [[4.0] * columns] * rows


def test_not_contiguous(device):
    check_op(
        lambda x, w, b: linear(x.transpose(0, 2), w.t(), b[::2]),
        lambda x, w, b: x.transpose(2, 1, 0) @ w + b[::2],
        [(3, 5, 2), (3, 4), (8,)],
        device,
    )


@pytest.mark.parametrize("needed", range(8))
def test_only_what_is_needed(needed, device):
    tensors = [gp.ones(s, device=device) for s in ((2, 3), (4, 3), (4,))]
    for i, t in enumerate(tensors):
        t.requires_grad_(bool(needed & 1 << i))
    y = linear(*tensors)
    assert y.requires_grad == bool(needed)
    if needed:
        y.sum().backward()
    grads = [None if t.grad is None else set(t.grad.flatten().tolist()) for t in tensors]
    assert grads == [{v} if needed & 1 << i else None for i, v in enumerate((4, 2, 2))]


def test_integers(device):
    x, w, b = (gp.ones(s, dtype=gp.int64, device=device) for s in ((2, 3), (4, 3), (4,)))
    assert linear(x, w, b).tolist() == [[4] * 4] * 2


def test_half_types_are_rounded_once():
    x = gp.tensor([[2048.0]], dtype=gp.float16)
    y = linear(x, gp.tensor([[1.0]], dtype=gp.float16), gp.tensor([1.0], dtype=gp.float16))
    assert y.item() == 2048  # 2049 lies between 2048 and 2050
    y = linear(x, gp.tensor([[1.0], [1.5]], dtype=gp.float16).t().reshape(2, 1), gp.tensor([3.0, 1], dtype=gp.float16))
    assert y.tolist() == [[2052, 3072]]  # 2051 rounds to even; 3073 to 3072


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("m", [1, 7])
def test_column_sums(n, m, device):
    x = np.random.default_rng(0).standard_normal((n, m)) + 0.5
    product = product_numpy if device == "cpu" else product_cuda
    found = column_sums(product, backend.to_device(x.astype(np.float32), backend.device(device)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(backend.asnumpy(found), x.astype(np.float32).sum(0, dtype=float), rtol=5e-7)


def test_column_sums_lose_no_digits():
    x = np.full((100_000, 3), 0.1, np.float32)
    np.testing.assert_allclose(column_sums(product_numpy, x), 100_000 * np.float64(np.float32(0.1)), rtol=4e-7)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_half_gradient_of_a_bias(dtype, device):
    x, w, b = (gp.zeros(s, dtype=dtype, device=device) for s in ((3000, 1), (1, 1), (1,)))
    linear(x, w, b.requires_grad_()).sum().backward()
    assert b.grad.tolist() == gp.tensor([3000.0], dtype=dtype).tolist()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (
            [(2, 864), (120, 400)],
            r"linear: expected 400 input features, the last dimension of x; weight is \(120, 400\), x is \(2, 864\)",
        ),
        ([(), (4, 3)], r"expected 3 input features"),
        ([(2, 3), (3,)], r"a weight of shape \(out_features, in_features\); weight is \(3,\), x is \(2, 3\)"),
        ([(2, 3), (4, 3), (3,)], r"bias of 4 output features; bias is \(3,\)"),
        ([(2, 3), (4, 3), (5, 2, 4)], r"bias of 4 output features; bias is \(5, 2, 4\), weight is \(4, 3\)"),
    ],
)
def test_linear_errors(shapes, words):
    for error in (RuntimeError, ValueError):
        with pytest.raises(error, match=words):
            linear(*(gp.ones(s) for s in shapes))


def test_linear_dtype_errors():
    with pytest.raises(RuntimeError, match="linear: expected all operands to have the same dtype"):
        linear(gp.ones(2, 3), gp.ones(4, 3).double())
    with pytest.raises(TypeError, match=r"linear: expected Tensors, got list; use gpunn\.tensor"):
        linear(gp.ones(2, 3), [[1.0]])


@pytest.mark.parametrize("to", [gp.float64, gp.int64, gp.uint8])
def test_linear_of_another_dtype_names_the_dtype_of_the_weight(to):
    with pytest.raises(RuntimeError, match=r"use x.to\(gpunn.float32\)"):
        linear(gp.ones(2, 3).to(to), gp.ones(4, 3), gp.ones(4))
    with pytest.raises(RuntimeError, match=r"use x.to\(gpunn.int64\)"):
        linear(gp.ones(2, 3).long(), gp.ones(4, 3).int())


def test_blocks_are_put_together(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    x = np.arange(30.0).reshape(10, 3)
    np.testing.assert_array_equal(column_sums(product_numpy, x), x.sum(0))
