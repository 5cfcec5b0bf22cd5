"""Gradient descent arrives at the least squares solution."""

import numpy as np


def test_descent_agrees_with_the_closed_form(example):
    module = example("linear_regression")
    x, y = module.data()
    w = module.closed_form(x, y)
    np.testing.assert_allclose(module.descend(x, y), w, rtol=1e-6)
    np.testing.assert_allclose(w, [2.0, -1.0, 0.5, 3.0], atol=0.03)  # what the data were made from, and noise


def test_the_closed_form_solves_the_normal_equations(example):
    module = example("linear_regression")
    x, y = module.data(n=50, seed=3)
    design = np.hstack([x, np.ones((50, 1))])
    residual = y.ravel() - design @ module.closed_form(x, y)
    np.testing.assert_allclose(design.T @ residual, 0, atol=1e-10)


def test_what_it_prints(example, run):
    closed, descent = run(example("linear_regression")).splitlines()
    assert closed.startswith("closed form") and descent.startswith("gradient descent")
    assert closed[16:] == descent[16:]
