from math import inf

import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

RNG = np.random.default_rng(17)


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, inf, -inf])
@pytest.mark.parametrize(
    ("shape", "dim"), [((3, 4), (-2, -1)), ((2, 3, 4), (0, 2)), ((2, 3, 4), (2, 1)), ((3, 3), (1, 0))]
)
@pytest.mark.parametrize("keepdim", [False, True])
def test_matrix_norm(ord, shape, dim, keepdim, device):
    a = RNG.standard_normal(shape)

    def reference(x):
        return np.linalg.norm(x, ord, dim, keepdim)

    check_op(lambda x: gp.linalg.matrix_norm(x, ord, dim, keepdim), reference, [a], device, gradient_rtol=1e-5)
    check_op(lambda x: gp.linalg.norm(x, ord, dim, keepdim), reference, [a], device, derivatives=0)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, 2.5, inf, -inf])
@pytest.mark.parametrize(
    ("shape", "dim"), [((5,), None), ((3, 4), 0), ((2, 3, 4), -1), ((2, 3, 4), (0, 2)), ((2, 3), None)]
)
def test_vector_norm(ord, shape, dim, device):
    a = RNG.uniform(0.5, 1.5, shape) * RNG.choice([-1, 1], shape)

    def reference(x):
        lines = x.reshape(-1) if dim is None else x
        return np.linalg.vector_norm(lines, axis=dim, ord=ord)

    check_op(lambda x: gp.linalg.vector_norm(x, ord, dim), reference, [a], device, gradient_rtol=1e-5)
    if dim is not None and not isinstance(dim, tuple):
        check_op(lambda x: gp.linalg.norm(x, ord, dim), reference, [a], device, derivatives=0)


def test_norm_without_order_is_that_of_all_elements(device):
    a = RNG.standard_normal((2, 3, 4))
    check_op(gp.linalg.norm, lambda x: np.sqrt((x * x).sum()), [a], device)
    check_op(lambda x: gp.linalg.norm(x, dim=(0, 1)), lambda x: np.sqrt((x * x).sum((0, 1))), [a], device)
    check_op(lambda x: gp.linalg.norm(x, keepdim=True), lambda x: np.sqrt((x * x).sum(keepdims=True)), [a], device)
    check_dtypes(gp.linalg.norm, lambda x: np.sqrt((x * x).sum()), [a], device)


@pytest.mark.parametrize(
    ("ord", "shape", "wanted"), [(1, (0, 3), 0), (inf, (0, 3), 0), (2, (3, 0), 0), (-1, (0, 3), 0)]
)
def test_matrices_without_elements(ord, shape, wanted, device):
    assert gp.linalg.matrix_norm(gp.ones(shape, device=device), ord).item() == wanted


@pytest.mark.parametrize(("ord", "shape"), [(-1, (3, 0)), (-inf, (0, 3)), (-2, (0, 3))])
def test_matrices_without_a_smallest_element(ord, shape):
    with pytest.raises(IndexError, match=rf"linalg.matrix_norm: the norm of order {ord} .*to have non-zero size"):
        gp.linalg.matrix_norm(gp.ones(shape), ord)


def test_dtype(device):
    x = gp.full((2, 2), 3e4, device=device).half()
    assert gp.linalg.norm(x, dtype=gp.float32).item() == 6e4
    assert gp.linalg.matrix_norm(x, 1, dtype=gp.float64).dtype is gp.float64
    assert gp.linalg.matrix_norm(x, "nuc", dtype=gp.float32).item() == pytest.approx(6e4)
    with pytest.raises(RuntimeError, match="Low precision"):
        gp.linalg.matrix_norm(x, "nuc")
    with pytest.raises(RuntimeError, match="without narrowing"):
        gp.linalg.matrix_norm(x.double(), dtype=gp.float32)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("norm", (gp.ones(2, 3, 4), 2), "the input must be 1D or 2D. Got 3D"),
        ("norm", (gp.ones(2, 3), 2, (0, 1, 1)), "must be of length 1 or 2"),
        ("norm", (gp.ones(3), "fro"), "'fro' is one of matrices"),
        ("norm", (gp.ones(3, 3), "x"), "Order x not supported"),
        ("norm", (gp.ones(3, 3).long(),), "Expected a floating point tensor"),
        ("matrix_norm", (gp.ones(3),), r"at least 2 dimensions, got shape \(3,\)"),
        ("matrix_norm", (gp.ones(3, 3), 3), "Order 3 not supported"),
        ("matrix_norm", (gp.ones(3, 3), "fro", 0), "dim must be a 2-tuple"),
        ("matrix_norm", (gp.ones(3, 3), "fro", (0, 0)), "appears multiple times"),
        ("vector_norm", (gp.ones(0), inf), "does not have an identity"),
    ],
)
def test_errors(name, arguments, words):
    with pytest.raises(RuntimeError, match=words):
        getattr(gp.linalg, name)(*arguments)


def test_vector_norm_takes_numbers_only():
    with pytest.raises(TypeError, match="ord must be a number, got 'fro'"):
        gp.linalg.vector_norm(gp.ones(3), "fro")
