import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

RNG = np.random.default_rng(3)


def regular(*shape):
    """Matrices whose inverse is not large."""
    return RNG.standard_normal(shape) * 0.3 + np.eye(shape[-1]) * 2


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (2, 1, 3, 3)])
def test_inverse(shape, device):
    check_op(gp.linalg.inv, np.linalg.inv, [regular(*shape)], device, gradient_rtol=1e-5)
    check_op(gp.inverse, np.linalg.inv, [regular(*shape)], device, derivatives=0)
    check_dtypes(gp.Tensor.inverse, np.linalg.inv, [regular(*shape)], device, ("float32",), factor=3)


@pytest.mark.parametrize(
    ("a", "b", "left"),
    [
        ((3, 3), (3, 2), True),
        ((3, 3), (3,), True),
        ((2, 3, 3), (2, 3), True),
        ((2, 3, 3), (3,), True),
        ((2, 3, 3), (4, 1, 3, 2), True),
        ((4, 1, 3, 3), (3, 1), True),
        ((3, 3), (2, 3), False),
        ((2, 3, 3), (1, 5, 3), False),
        ((3, 3), (3, 0), True),
    ],
)
def test_solve(a, b, left, device):
    def reference(x, y):
        if y.ndim == 1 or y.shape == x.shape[:-1]:
            return (np.linalg.inv(x) @ y[..., None])[..., 0]
        return np.linalg.inv(x) @ y if left else y @ np.linalg.inv(x)

    inputs = [regular(*a), RNG.standard_normal(b)]
    check_op(lambda x, y: gp.linalg.solve(x, y, left=left), reference, inputs, device, gradient_rtol=1e-5)


def test_singular_matrices(device):
    good, bad = np.eye(2), np.array([[1.0, 2], [2, 4]])
    batch = gp.tensor(np.stack([good, good, bad]), device=device)
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.inv: \(Batch element 2\): .*singular.*\(3, 2, 2\)"):
        gp.linalg.inv(batch)
    with pytest.raises(RuntimeError, match=r"linalg.solve: .*singular"):
        gp.linalg.solve(batch[2], gp.ones(2, device=device, dtype=gp.float64))
    with pytest.raises(gp.linalg.LinAlgError, match=r"linalg.matrix_power: .*singular"):
        gp.linalg.matrix_power(batch, -1)


def test_no_number_is_no_singular_matrix(device):
    x = gp.tensor([[np.nan, 1.0], [1.0, 2.0]], device=device)
    assert gp.linalg.solve(gp.eye(2, device=device), gp.tensor([np.nan, 1.0], device=device)).isnan().any().item()
    assert gp.linalg.inv(x).isnan().any().item()


@pytest.mark.parametrize(
    ("a", "b", "left", "words"),
    [
        ((3, 3), (2, 3), True, r"equation AX = B \(\(3, 3\) and \(2, 3\)\): B needs 3 rows"),
        ((3, 3), (3, 2), False, r"equation XA = B .* B needs 3 columns"),
        ((3, 3), (3,), False, "not supported for left=False"),
        ((2, 3, 3), (5, 3, 1), True, r"do not broadcast: \(2, 3, 3\) and \(5, 3, 1\)"),
        ((3, 3), (), True, "at least 1 dimension"),
    ],
)
def test_solve_errors(a, b, left, words):
    with pytest.raises(RuntimeError, match=words):
        gp.linalg.solve(gp.ones(a), gp.ones(b), left=left)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 5, 8])
def test_matrix_power(n, device):
    a = regular(2, 3, 3) * 0.5
    check_op(lambda x: gp.linalg.matrix_power(x, n), lambda x: np.linalg.matrix_power(x, n), [a], device)
    check_op(lambda x: x.matrix_power(n), lambda x: np.linalg.matrix_power(x, n), [a], device, derivatives=0)


def test_matrix_power_is_a_copy_and_takes_integers(device):
    x = gp.tensor([[1, 1], [0, 1]], device=device)
    assert gp.matrix_power(x, 1).data_ptr() != x.data_ptr()
    assert gp.matrix_power(x, 10).tolist() == [[1, 10], [0, 1]]
    assert gp.matrix_power(x, 0).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(TypeError, match="n must be an int"):
        gp.matrix_power(x, 1.5)
