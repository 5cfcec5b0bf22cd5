import numpy as np

import gpunn as gp
from gpunn.ops.composed import gradients


def product(a, b, c):
    return a * a * b if c is None else a * b * c


def test_only_what_is_needed():
    a, b = (gp.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    found = gradients(product, gp.ones(2), (a, b, None), (True, False, False))
    assert found[0].tolist() == [8, 18] and found[1:] == (None, None)


def test_each_place_of_one_tensor_has_its_own_gradient():
    a = gp.tensor([2.0, 3.0], requires_grad=True)
    first, second, _ = gradients(product, gp.ones(2), (a, a, None), (True, True, False))
    assert first.tolist() == [8, 18] and second.tolist() == [4, 9]


def test_gradients_can_be_differentiated():
    a, b = (gp.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    grad = gp.tensor([1.0, 5.0], requires_grad=True)
    first, _, _ = gradients(product, grad, (a, b, None), (True, True, False))  # 2 a b grad
    of_a, of_b, of_grad = gp.autograd.grad(first.sum(), (a, b, grad))
    np.testing.assert_allclose([of_a.tolist(), of_b.tolist(), of_grad.tolist()], [[4, 30], [4, 30], [8, 18]])
