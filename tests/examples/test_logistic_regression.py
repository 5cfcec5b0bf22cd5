"""Gradient descent arrives where Newton's method does, at a gradient of zero."""

import numpy as np


def test_descent_agrees_with_newton(example):
    module = example("logistic_regression")
    x, y = module.data()
    np.testing.assert_allclose(module.descend(x, y), module.newton(x, y), rtol=1e-6)


def test_newton_ends_where_the_gradient_is_zero(example):
    module = example("logistic_regression")
    x, y = module.data(n=100, seed=5)
    design = np.hstack([x, np.ones((100, 1))])
    p = 1 / (1 + np.exp(-design @ module.newton(x, y)))
    np.testing.assert_allclose(design.T @ (p - y.ravel()), 0, atol=1e-10)
    assert set(np.unique(y)) == {0.0, 1.0}


def test_what_it_prints(example, run):
    newton, descent = run(example("logistic_regression")).splitlines()
    assert newton.startswith("Newton") and descent.startswith("gradient descent")
    assert newton[16:] == descent[16:]
