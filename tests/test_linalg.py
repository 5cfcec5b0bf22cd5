import inspect

import pytest

import gpunn as gp
from gpunn.ops.linalg.cross import linalg_cross

PROMISED = ["norm", "vector_norm", "matrix_norm", "inv", "solve", "det", "slogdet", "cholesky", "qr", "svd", "eigh"]
PROMISED += ["pinv", "matrix_power", "cross", "matmul"]


@pytest.mark.parametrize("name", PROMISED)
def test_the_face_has_it_and_says_what_it_does(name):
    assert inspect.getdoc(getattr(gp.linalg, name))


def test_names_that_exist_twice():
    assert gp.linalg.cross is linalg_cross
    assert gp.linalg.matmul is gp.matmul
    for name in ("inverse", "det", "slogdet", "cholesky", "qr", "svd", "pinverse", "matrix_power"):
        assert getattr(gp.Tensor, name) is getattr(gp, name)


def test_its_error_is_a_runtime_error():
    with pytest.raises(gp.linalg.LinAlgError) as caught:
        gp.linalg.inv(gp.zeros(2, 2))
    assert isinstance(caught.value, RuntimeError)
    assert not isinstance(caught.value, ValueError)
