import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from gpunn.ops.linalg.products import MatMul
from tests.harness import check_dtypes, check_op

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
    ((2, 1, 0), (2, 0, 1)),
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_matmul(shapes, device):
    check_op(gp.matmul, np.matmul, shapes, device)
    check_dtypes(gp.matmul, np.matmul, shapes, device, factor=2)
    check_op(lambda a, b: a @ b, np.matmul, shapes, device, derivatives=0)


@pytest.mark.parametrize("a_t", [False, True])
@pytest.mark.parametrize("b_t", [False, True])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_transposed_operands(a_t, b_t, batch, device):
    shapes = [(*batch, *((4, 3) if a_t else (3, 4))), (*batch, *((5, 4) if b_t else (4, 5)))]
    check_op(
        lambda a, b: MatMul(a_t, b_t)(a, b), lambda a, b: (a.mT if a_t else a) @ (b.mT if b_t else b), shapes, device
    )


def test_views_are_not_copied(device, monkeypatch):
    """BLAS takes transposed matrices as they are."""
    a = gp.ones(3, 4, device=device).t()
    copies = []
    monkeypatch.setattr(np, "ascontiguousarray", lambda x: copies.append(x) or x)
    assert (a @ gp.ones(3, 2, device=device)).tolist() == [[3, 3]] * 4
    assert not copies


@pytest.mark.parametrize(
    ("op", "reference", "shapes"),
    [
        (gp.mm, np.matmul, [(2, 3), (3, 4)]),
        (gp.bmm, np.matmul, [(5, 2, 3), (5, 3, 4)]),
        (gp.mv, np.matmul, [(2, 3), (3,)]),
        (gp.dot, np.dot, [(3,), (3,)]),
        (gp.dot, np.dot, [(0,), (0,)]),
        (gp.vdot, np.dot, [(3,), (3,)]),
        (gp.inner, np.inner, [(3,), (3,)]),
        (gp.inner, np.inner, [(2, 5, 3), (4, 3)]),
        (gp.inner, np.inner, [(2, 3), ()]),
        (gp.outer, np.outer, [(2,), (3,)]),
        (gp.outer, np.outer, [(0,), (3,)]),
    ],
)
def test_other_products(op, reference, shapes, device):
    check_op(op, reference, shapes, device)
    check_dtypes(op, reference, shapes, device, factor=2)


def test_vecdot(device):
    check_op(lambda a, b: gp.linalg.vecdot(a, b, dim=1), lambda a, b: (a * b).sum(1), [(2, 3, 4), (3, 4)], device)
    assert gp.linalg.vecdot(gp.ones(2, 3, device=device), gp.ones(3, device=device)).tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="same dtype"):
        gp.linalg.vecdot(gp.ones(2), gp.ones(2, dtype=gp.float64))
    with pytest.raises(RuntimeError, match="floating point"):
        gp.linalg.vecdot(gp.ones(2, dtype=gp.int64), gp.ones(2, dtype=gp.int64))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64"])
def test_integers_are_exact(dtype, device):
    kind = getattr(gp, dtype)
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 100, shape).astype(kind.numpy) for shape in ((3, 4), (4, 2)))
    found = gp.tensor(a, device=device) @ gp.tensor(b, device=device)
    assert found.dtype is kind
    wanted = (a.astype(int) @ b.astype(int)).astype(kind.numpy)  # small types wrap round
    np.testing.assert_array_equal(backend.asnumpy(found.array), wanted)
    big = gp.tensor([2**62 + 1], device=device)
    assert big.dot(gp.tensor([1], device=device)).item() == 2**62 + 1
    assert gp.outer(gp.tensor([2], device=device), gp.tensor([0.5], device=device)).dtype is gp.float32


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
def test_half_types_are_added_in_float32(dtype, device):
    ones = gp.ones(1, 4000, dtype=dtype, device=device)
    assert (ones @ ones.t()).item() == gp.tensor(4000.0, dtype=dtype).item()
    assert ones[0].dot(ones[0]).item() == gp.tensor(4000.0, dtype=dtype).item()


def test_not_contiguous(device):
    a = gp.tensor(np.arange(48.0).reshape(2, 4, 6), device=device)
    for left, right in (
        (a[:, ::2, ::3], a[:, :2, ::2]),
        (a.transpose(0, 1), a[0, :, :2].t().expand(4, 2, 4)[:, :, :0]),
    ):
        if left.shape[-1] == right.shape[-2]:
            wanted = backend.asnumpy(left.array) @ backend.asnumpy(right.array)
            np.testing.assert_array_equal(backend.asnumpy((left @ right).array), wanted)


def test_infinities_and_nan(device):
    a = gp.tensor([[np.inf, 1.0], [np.nan, 1.0]], device=device)
    found = (a @ gp.tensor([[1.0], [1.0]], device=device)).flatten().tolist()
    assert found[0] == np.inf
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x(2, 3) @ x(4, 5), RuntimeError, r"shapes cannot be multiplied: \(2, 3\) @ \(4, 5\); .* 3, must"),
        (lambda x: x(3) @ x(4, 5), RuntimeError, "must be equal to the second to last"),
        (lambda x: x(2, 3) @ x(4), RuntimeError, "must be equal to the last"),
        (lambda x: x(2, 3, 4) @ x(3, 4, 5), RuntimeError, r"batch dimensions \(2,\) and \(3,\) do not broadcast"),
        (lambda x: x(()) @ x(2), RuntimeError, "at least 1D, but they are 0D and 1D"),
        (lambda x: x(2) @ x(2).double(), RuntimeError, "same dtype, but got: gpunn.float32, gpunn.float64"),
        (lambda x: (x(2) > 0) @ (x(2) > 0), NotImplementedError, "matmul: not implemented for bool"),
        (lambda x: x(2) @ [1, 2], TypeError, "unsupported operand"),
        (lambda x: [1, 2] @ x(2), TypeError, "unsupported operand"),
        (lambda x: gp.matmul(x(2), 1), TypeError, "matmul: expected Tensors, got int"),
        (lambda x: x(2, 3).mm(x(4, 5)), RuntimeError, "cannot be multiplied .2x3 and 4x5"),
        (lambda x: x(2, 3).mm(x(3)), RuntimeError, r"mat2 must be a matrix, got shape \(3,\)"),
        (lambda x: x(2, 3, 4).bmm(x(2, 3, 4)), RuntimeError, r"to be: \[2, 4\] but got: \[2, 3\]"),
        (lambda x: x(2, 3).bmm(x(2, 3, 4)), RuntimeError, "batch1 must be a 3D tensor"),
        (lambda x: x(2, 3).mv(x(4)), RuntimeError, r"size mismatch, got mat \(2, 3\), vec \(4,\)"),
        (lambda x: x(2, 3).mv(x(3, 1)), RuntimeError, "matrix @ vector expected"),
        (lambda x: x(2).dot(x(3)), RuntimeError, r"got \(2,\) and \(3,\)"),
        (lambda x: x(2, 2).dot(x(2)), RuntimeError, "1D tensors expected"),
        (lambda x: x(2, 3).inner(x(4)), RuntimeError, r"got shapes \(2, 3\) and \(4,\)"),
        (lambda x: x(2, 3).outer(None), TypeError, "outer: expected a Tensor, got NoneType"),
        (lambda x: x(2, 3).outer(x(4)), RuntimeError, r"Expected 1-D argument self, but got shape \(2, 3\)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(gp.ones)


@st.composite
def factors(draw):
    """Shapes that matmul takes, and axes orders for their memory."""
    n, k, m = (draw(st.integers(0, 3)) for _ in range(3))
    common = draw(st.lists(st.integers(1, 3), max_size=2))
    batches = [
        [size if draw(st.booleans()) else 1 for size in common[draw(st.integers(0, len(common))) :]] for _ in range(2)
    ]
    left = [k] if draw(st.booleans()) and not batches[0] else [*batches[0], n, k]
    right = [k] if draw(st.booleans()) and not batches[1] else [*batches[1], k, m]
    return [(shape, draw(st.permutations(range(len(shape))))) for shape in (left, right)]


@settings(max_examples=150, deadline=None)
@given(factors())
def test_any_shapes_and_strides(case):
    arrays = []
    for shape, order in case:
        memory = np.arange(1.0, np.prod(shape) + 1).reshape([shape[axis] for axis in order])
        arrays.append(memory.transpose(np.argsort(order)))
    tensors = [gp.as_tensor(a) for a in arrays]
    for t in tensors:
        t.requires_grad_()
    found = gp.matmul(*tensors)
    wanted = np.matmul(*arrays)
    np.testing.assert_allclose(found.array, wanted)
    found.sum().backward()
    for t, a in zip(tensors, arrays, strict=True):
        assert t.grad.shape == a.shape
    total = sum((t.grad * t.detach()).sum().item() for t in tensors)
    np.testing.assert_allclose(total, 2 * wanted.sum())  # Euler: the product is homogeneous of degree 1 in each factor


def test_ger_is_outer(device):
    assert gp.ger(gp.tensor([1.0, 2.0], device=device), gp.tensor([3.0, 4.0], device=device)).tolist() == [
        [3, 4],
        [6, 8],
    ]
