import numpy as np

from gpunn.ops.activation.parabolas import STEPS, Parabolas


def test_a_steep_function_is_right_to_one_and_a_half_units():
    x = np.random.default_rng(0).uniform(-9, 6, 100_000).astype(np.float32)
    exact = np.exp(9 * x.astype(np.float64))
    off = np.abs(Parabolas(lambda t: np.exp(9 * t), -9, 6)(x) - exact) / np.spacing(exact.astype(np.float32))
    assert 0.5 < off.max() < 1.5


def test_at_and_beside_the_borders_of_steps():
    at = np.arange(-2 * STEPS, 3 * STEPS + 1, dtype=np.float32) / STEPS
    between = (np.arange(-2 * STEPS, 3 * STEPS, dtype=np.float32) + 0.5) / STEPS
    table = Parabolas(np.cosh, -2, 3)
    for x in (at, between, np.nextafter(between, np.float32(9)), np.nextafter(between, np.float32(-9))):
        np.testing.assert_allclose(table(x), np.cosh(x.astype(np.float64)), rtol=2e-7)


def test_beyond_the_ends_are_the_values_there_and_nan_stays():
    with np.errstate(invalid="ignore"):
        y = Parabolas(np.sin, -1, 2)(np.array([-np.inf, -1e30, -1, 2, 1e30, np.inf, np.nan], np.float32))
    np.testing.assert_allclose(y, [*[np.sin(-1)] * 3, *[np.sin(2)] * 3, np.nan], rtol=1e-7)


def test_what_it_reads_is_left_alone_and_any_shape_will_do():
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    given = x.copy()
    y = Parabolas(np.exp, -1, 1)(x)
    assert y.shape == (3, 4) and y.dtype == np.float32 and np.array_equal(x, given)
    assert Parabolas(np.exp, -1, 1)(x[:0]).shape == (0, 4)
