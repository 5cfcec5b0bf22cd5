import numpy as np
import pytest

import gpunn as gp
from gpunn.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

X = gp.tensor([0.5, -1.0, 2.0], dtype=gp.float64)
A = gp.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=gp.float64)


def linear(x):
    return (A * x).sum(1)


def two(x, y):
    return x * y, (x * x).sum()


def test_jacobian_of_a_linear_map_is_its_matrix():
    assert jacobian(linear, X).tolist() == A.tolist()


def test_autograd_names_this_module():
    assert gp.autograd.functional.jacobian is jacobian


def test_jacobian_of_several():
    rows = jacobian(two, (X, X * 2))
    np.testing.assert_allclose(rows[0][0].numpy(), np.diag(X.numpy() * 2))
    np.testing.assert_allclose(rows[0][1].numpy(), np.diag(X.numpy()))
    np.testing.assert_allclose(rows[1][0].numpy(), 2 * X.numpy())
    assert rows[1][1].tolist() == [0.0, 0.0, 0.0]
    one_input = jacobian(lambda x: two(x, X), X)
    assert len(one_input) == 2 and one_input[0].shape == (3, 3)
    one_output = jacobian(lambda x, y: x * y, (X, X))
    assert len(one_output) == 2


def test_jacobian_can_be_differentiated():
    x = X.clone().requires_grad_()
    jacobian(lambda t: t**3, x, create_graph=True).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * X.numpy())


def test_strict_names_what_is_independent():
    with pytest.raises(RuntimeError, match="independent of input 1"):
        jacobian(lambda x, y: x * 2, (X, X), strict=True)
    assert jacobian(lambda x: A, X).shape == (2, 3, 3)


def test_hessian_of_a_quadratic_form():
    q = gp.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]], dtype=gp.float64)
    found = hessian(lambda x: 0.5 * (x.unsqueeze(1) * q * x).sum(), X)
    np.testing.assert_allclose(found.numpy(), q.numpy())
    blocks = hessian(lambda x, y: (x * y).sum(), (X, X))
    np.testing.assert_allclose(blocks[0][1].numpy(), np.eye(3))
    assert blocks[0][0].abs().sum().item() == 0
    with pytest.raises(RuntimeError, match="single"):
        hessian(linear, X)


def test_products_with_vectors():
    u, v = gp.tensor([1.0, -2.0], dtype=gp.float64), gp.tensor([1.0, 0.0, 2.0], dtype=gp.float64)
    value, row = vjp(linear, X, u)
    np.testing.assert_allclose(value.numpy(), linear(X).numpy())
    np.testing.assert_allclose(row.numpy(), u.numpy() @ A.numpy())
    _, column = jvp(linear, X, v)
    np.testing.assert_allclose(column.numpy(), A.numpy() @ v.numpy())
    _, columns = jvp(two, (X, X), (v, v))
    np.testing.assert_allclose(columns[0].numpy(), 2 * X.numpy() * v.numpy())
    value, grads = vjp(lambda x, y: (x * y).sum(), (X, X))
    np.testing.assert_allclose(grads[0].numpy(), X.numpy())


@pytest.mark.parametrize("product", [hvp, vhp])
def test_products_with_the_hessian(product):
    v = gp.tensor([1.0, 0.0, 2.0], dtype=gp.float64)
    value, found = product(lambda x: (x**3).sum(), X, v)
    assert value.item() == (X**3).sum().item() and not value.requires_grad
    assert found.tolist() == (6 * X * v).tolist() and not found.requires_grad
    _, (to_x, to_y) = product(lambda x, y: (x * x * y).sum(), (X, X), (v, v))
    assert to_x.tolist() == (4 * X * v).tolist() and to_y.tolist() == (2 * X * v).tolist()
    x = X.clone().requires_grad_()
    _, again = product(lambda x: (x**3).sum(), x, v, create_graph=True)
    again.sum().backward()
    assert x.grad.tolist() == (6 * v).tolist()
    assert product(lambda x: x.sum(), X, v)[1].tolist() == [0, 0, 0]
    for wrong, text in ((lambda x: (x, x), "a single Tensor"), (linear, "single element")):
        with pytest.raises(RuntimeError, match=text):
            product(wrong, X, v)
    with pytest.raises(RuntimeError, match="left out"):
        product(lambda x: x.sum(), X)
    with pytest.raises(RuntimeError, match="strict"):
        product(lambda x: x.sum(), X, v, strict=True)


def test_arguments_are_checked():
    with pytest.raises(RuntimeError, match="left out"):
        vjp(linear, X)
    with pytest.raises(ValueError, match="shapes of the outputs"):
        vjp(linear, X, X)
    with pytest.raises(TypeError, match="Tensor or a tuple"):
        jacobian(linear, [1.0])
    with pytest.raises(TypeError, match="must return"):
        jacobian(lambda x: 1.0, X)
    with pytest.raises(RuntimeError, match="strict"):
        vjp(lambda x, y: x.sum(), (X, X), strict=True)
