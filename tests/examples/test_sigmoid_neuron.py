"""The neuron of the lecture: 0.73, and gradients as the derivative of the sigmoid by hand says."""

import math

import pytest


def test_the_numbers_of_the_lecture(example):
    output, dw, dx = example("sigmoid_neuron").neuron([2.0, -3.0, -3.0], [-1.0, -2.0])
    assert round(output, 2) == 0.73
    assert [round(d, 2) for d in dw] == [-0.20, -0.39, 0.20]
    assert [round(d, 2) for d in dx] == [0.39, -0.59]


@pytest.mark.parametrize(("w", "x"), [([0.5, -1.0, 0.25], [2.0, 3.0]), ([0.0, 0.0, 0.0], [1.0, -1.0])])
def test_the_derivative_by_hand(example, w, x):
    output, dw, dx = example("sigmoid_neuron").neuron(w, x)
    s = 1 / (1 + math.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])))
    assert output == pytest.approx(s, rel=1e-6)
    assert dw == pytest.approx([s * (1 - s) * v for v in (*x, 1.0)], rel=1e-6)
    assert dx == pytest.approx([s * (1 - s) * v for v in w[:2]], rel=1e-6)


def test_what_it_prints(example, run):
    assert run(example("sigmoid_neuron")).splitlines() == [
        "output 0.73",
        "by w: [-0.2, -0.39, 0.2]",
        "by x: [0.39, -0.59]",
    ]
