"""A pair of cases: what it calls, what it counts."""

import numpy as np

import gpunn
from benchmarks.case import Place
from benchmarks.functional import pair

CPU = Place("cpu", gpunn, "cpu")


def square(place, x):
    assert place == CPU
    return x * x


def test_forward_and_backward_of_one_function():
    forward, backward = pair("square", square, (2, 3), flops=6)
    assert (forward.name, backward.name) == ("square/forward/2x3", "square/forward+backward/2x3")
    assert (forward.moved, backward.moved) == (2 * 24, 5 * 24)
    assert (forward.flops, backward.flops) == (6, 18)
    assert (forward.batch, backward.batch) == (2, 2) and not forward.planar
    where = Place("cpu", gpunn, "cpu")
    x, g = [where.random(2, 3).numpy() for _ in range(2)]
    np.testing.assert_array_equal(forward.make(Place("cpu", gpunn, "cpu"))().numpy(), x * x)
    (gradient,) = backward.make(Place("cpu", gpunn, "cpu"))()
    np.testing.assert_allclose(gradient.numpy(), 2 * x * g, rtol=1e-6)


def test_other_batches_and_smaller_results():
    forward, backward = pair("square", square, (4, 6), out=1 / 4, flops=8, random=True, note="why")
    assert (forward.moved, backward.moved) == (4 * 24 * 5 // 4, 4 * 24 * 7 // 2)
    assert forward.random and backward.note == "why"
    smaller = backward.sweep(2)
    assert (smaller.name, smaller.flops, smaller.moved) == ("square/forward+backward/2x6", 12, backward.moved // 2)
    (gradient,) = smaller.make(CPU)()
    assert gradient.shape == (2, 6)
    assert next(pair("square", square, (1, 2, 3, 4))).planar
