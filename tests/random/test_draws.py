"""The draws against their formulas and statistics."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from gpunn import backend, random
from gpunn.errors import ArgumentError, DtypeError
from gpunn.random import Generator, draws
from tests.random.plain import seeded, stream

FLOATS = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def chi_square(counts: Any, expected: float) -> float:
    """The statistic in standard deviations from its mean."""
    freedom = np.size(counts) - 1
    return float((np.sum((np.asarray(counts) - expected) ** 2) / expected - freedom) / math.sqrt(2 * freedom))


DRAWS: list[tuple[Callable[[Any, Generator, int], Any], int]] = [  # the draw of n elements, elements a block
    (lambda xp, g, n: random.uniform(xp, g, (n,), np.float16), 4),
    (lambda xp, g, n: random.uniform(xp, g, (n,), ml_dtypes.bfloat16), 4),
    (lambda xp, g, n: random.uniform(xp, g, (n,), np.float32), 4),
    (lambda xp, g, n: random.uniform(xp, g, (n,), np.float64), 2),
    (lambda xp, g, n: random.normal(xp, g, (n,), np.float16), 4),
    (lambda xp, g, n: random.normal(xp, g, (n,), ml_dtypes.bfloat16), 4),
    (lambda xp, g, n: random.normal(xp, g, (n,), np.float32), 4),
    (lambda xp, g, n: random.normal(xp, g, (n,), np.float64), 2),
    (lambda xp, g, n: random.integers(xp, g, (n,), np.int64, -5, 1000), 2),
    (lambda xp, g, n: random.bernoulli(xp, g, (n,), 0.3), 4),
    (lambda xp, g, n: random.permutation(xp, g, n, np.int64), 2),
]


@pytest.mark.parametrize(("draw", "per_block"), DRAWS)
def test_offset_moves_by_whole_blocks(draw: Callable[..., Any], per_block: int) -> None:
    for n in range(10):
        generator = seeded()
        draw(np, generator, n)
        assert generator.reserve(0)[1] == -(-n // per_block)


@pytest.mark.parametrize(("draw", "per_block"), DRAWS[:-1])
def test_elements_do_not_depend_on_how_many_are_drawn(draw: Callable[..., Any], per_block: int) -> None:
    long = draw(np, seeded(), 41)
    for n in (0, 1, 2, 3, 7, 40):
        np.testing.assert_array_equal(draw(np, seeded(), n), long[:n])
    later = seeded()
    later.reserve(3)
    np.testing.assert_array_equal(draw(np, later, 9), long[3 * per_block : 3 * per_block + 9][:9])


@pytest.mark.parametrize(("draw", "per_block"), DRAWS)
def test_devices_draw_the_same_numbers(draw: Callable[..., Any], per_block: int, device: str) -> None:
    found = draw(backend.module_of(backend.device(device)), seeded(), 101)
    wanted = draw(np, seeded(), 101)
    assert found.dtype == wanted.dtype and backend.is_cuda(found) == (device == "cuda")
    tolerance = float(ml_dtypes.finfo(found.dtype).eps) if found.dtype in FLOATS else 0
    np.testing.assert_allclose(
        backend.asnumpy(found).astype(float), wanted.astype(float), rtol=tolerance, atol=tolerance
    )


def test_uniform_is_the_upper_bits_of_its_words() -> None:
    words, pairs = stream(1234, 6), stream(1234, 6, "<u8")
    for dtype, bits in ((np.float16, 11), (ml_dtypes.bfloat16, 8), (np.float32, 24)):
        found = random.uniform(np, seeded(), (4, 6), dtype)
        assert found.dtype == dtype and found.shape == (4, 6)
        np.testing.assert_array_equal(found.astype(float).ravel(), (words >> (32 - bits)) * 2.0**-bits)
    found = random.uniform(np, seeded(), (3, 4), np.float64)
    np.testing.assert_array_equal(found.ravel(), (pairs >> 11) * 2.0**-53)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_extreme_words(dtype: Any, word: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def constant(xp: Any, seed: int, start: int, count: int) -> Any:
        return xp.full((count, 2), word, dtype=xp.uint64).view(xp.uint32)

    monkeypatch.setattr(draws, "philox", constant)
    smallest_step = 0.5 * float(ml_dtypes.finfo(dtype).eps)
    largest = 1 - smallest_step if word else 0.0
    assert random.uniform(np, seeded(), (3,), dtype).tolist() == [largest] * 3
    assert np.all(np.abs(random.normal(np, seeded(), (4,), dtype).astype(float)) < 9.6)
    assert random.bernoulli(np, seeded(), (3,), 1.0).all()
    assert not random.bernoulli(np, seeded(), (3,), 0.0).any()
    assert random.integers(np, seeded(), (1,), np.int64, 3, 10) == 3 + word % 7
    assert random.permutation(np, seeded(), 5, np.int64).tolist() == [0, 1, 2, 3, 4]  # all random bits alike


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_statistics(dtype: Any) -> None:
    x = random.uniform(np, seeded(), (256, 256), dtype).astype(float)
    assert abs(chi_square(np.bincount((x.ravel() * 128).astype(int), minlength=128), 512)) < 4
    assert abs(np.corrcoef(x.ravel()[:-1], x.ravel()[1:])[0, 1]) < 4 / 256


@pytest.mark.parametrize(("dtype", "raw", "bits"), [(np.float32, "<u4", 32), (np.float64, "<u8", 64)])
def test_normal_is_box_muller(dtype: Any, raw: str, bits: int) -> None:
    w = stream(1234, 8, raw).astype(float) * 2.0**-bits
    radius, angle = np.sqrt(-2 * np.log(w[::2] + 2.0 ** -(bits + 1))), 2 * np.pi * w[1::2]
    wanted = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()
    found = random.normal(np, seeded(), (w.size,), dtype)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=0, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_statistics(dtype: Any) -> None:
    n = 1 << 16
    x = random.normal(np, seeded(), (n // 4, 4), dtype).astype(float)
    assert abs(x.mean()) < 4 / math.sqrt(n)
    assert abs((x**2).mean() - 1) < 4 * math.sqrt(2 / n)
    assert abs((x**3).mean()) < 4 * math.sqrt(15 / n)
    assert abs((x**4).mean() - 3) < 4 * math.sqrt(96 / n)
    assert np.abs(np.corrcoef(x.T) - np.eye(4)).max() < 4 / math.sqrt(n / 4)
    inside = np.mean(np.abs(x) < 1.9599)
    assert abs(inside - 0.95) < 4 * math.sqrt(0.05 * 0.95 / n) + 0.003 * (np.dtype(dtype).itemsize == 2)


def test_integers_are_words_modulo_the_range() -> None:
    wide = stream(1234, 10, "<u8")
    for low, high in ((0, 10), (-7, 3), (-(2**62), 2**62 + 5), (5, 6)):
        found = random.integers(np, seeded(), (4, 5), np.int64, low, high)
        assert found.shape == (4, 5)
        assert found.ravel().tolist() == [low + int(w) % (high - low) for w in wide]
    everything = random.integers(np, seeded(), (20,), np.int64, -(2**63), 2**63)
    assert everything.tolist() == [int(w) - 2**63 for w in wide]


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.uint8, 0, 256),
        (np.int8, -128, 128),
        (np.bool_, 0, 2),
        (np.float32, -3, 9),
        (ml_dtypes.bfloat16, 0, 50),
    ],
)
def test_integers_of_every_dtype(dtype: Any, low: int, high: int) -> None:
    found = random.integers(np, seeded(), (20000,), dtype, low, high)
    assert found.dtype == dtype
    counts = np.bincount(found.astype(int) - low, minlength=high - low)
    assert counts.size == high - low and abs(chi_square(counts, 20000 / (high - low))) < 4


@pytest.mark.parametrize(
    ("dtype", "low", "high", "message"),
    [
        (np.int64, 3, 3, "low < high, got low=3 and high=3"),
        (np.int64, 4, 3, "low < high"),
        (np.uint8, 0, 257, "uint8 holds 0 to 255, got low=0 and high=257"),
        (np.uint8, -1, 5, "uint8 holds"),
        (np.int8, 0, 129, "int8 holds"),
        (np.bool_, 0, 3, "bool holds 0 to 1"),
        (np.float16, 0, 70000, "float16 holds"),
        (np.int64, 0, 2**63 + 1, "int64 holds"),
    ],
)
def test_integers_errors(dtype: Any, low: int, high: int, message: str) -> None:
    generator = seeded()
    with pytest.raises(ArgumentError, match=message):
        random.integers(np, generator, (2,), dtype, low, high)
    assert generator.reserve(0) == (1234, 0)


def test_bernoulli_is_uniform_below_p() -> None:
    u = random.uniform(np, seeded(), (8, 50), np.float32)
    np.testing.assert_array_equal(random.bernoulli(np, seeded(), (8, 50), 0.3), u < np.float32(0.3))
    p = np.linspace(0, 1, 50)
    found = random.bernoulli(np, seeded(), (8, 50), p)
    np.testing.assert_array_equal(found, u < p)
    assert found.dtype == np.bool_ and not found[:, 0].any() and found[:, -1].all()
    many = random.bernoulli(np, seeded(), (100_000,), 0.3).mean()
    assert abs(many - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 100_000)


@pytest.mark.parametrize("p", [-0.1, 1.5, math.nan])
def test_bernoulli_errors(p: float) -> None:
    generator = seeded()
    with pytest.raises(ArgumentError, match=f"p from 0 to 1, got {p}"):
        random.bernoulli(np, generator, (2,), p)
    assert generator.reserve(0) == (1234, 0)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 64, 65, 1000])
def test_permutation_has_every_index_once(n: int) -> None:
    found = random.permutation(np, seeded(), n, np.int64)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(n))
    if n >= 64:
        keys = stream(1234, -(-n // 2), "<u8")[:n]
        np.testing.assert_array_equal(found, np.argsort(keys, kind="stable"))  # the index bits decide nothing here


def test_permutation_orders_are_equally_probable() -> None:
    generator, draws = seeded(), 4800
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for _ in range(draws):
        counts[tuple(random.permutation(np, generator, 4, np.int64).tolist())] += 1
    assert abs(chi_square(list(counts.values()), draws / 24)) < 4


def test_permutation_dtypes_and_errors() -> None:
    assert sorted(random.permutation(np, seeded(), 256, np.uint8).tolist()) == list(range(256))
    assert random.permutation(np, seeded(), 2049, np.float16).max() == 2048
    generator = seeded()
    with pytest.raises(ArgumentError, match="n >= 0, got -1"):
        random.permutation(np, generator, -1, np.int64)
    for dtype, n in ((np.uint8, 257), (np.float16, 2050), (ml_dtypes.bfloat16, 258)):
        with pytest.raises(ArgumentError, match=f"does not hold all integers below n={n}"):
            random.permutation(np, generator, n, dtype)
    assert generator.reserve(0) == (1234, 0)


@pytest.mark.parametrize("draw", [random.uniform, random.normal])
def test_draws_of_other_dtypes_are_refused(draw: Callable[..., Any]) -> None:
    generator = seeded()
    with pytest.raises(DtypeError, match="expected a floating-point dtype, got int64"):
        draw(np, generator, (2,), np.int64)
    assert generator.reserve(0) == (1234, 0)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    for draw in (random.uniform, random.normal):
        found = draw(np, seeded(), shape, np.float32)
        assert isinstance(found, np.ndarray) and found.shape == shape
    for found in (
        random.integers(np, seeded(), shape, np.int64, 0, 5),
        random.bernoulli(np, seeded(), shape, 0.5),
    ):
        assert isinstance(found, np.ndarray) and found.shape == shape


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("draw", [random.uniform, random.normal])
def test_a_place_draws_the_same_numbers_each_time(draw: Callable[..., Any], dtype: Any, device: str) -> None:
    generator, xp = seeded(), backend.module_of(backend.device(device))
    generator.reserve(3)
    place = random.Place.of_draw(7, dtype, generator)
    again = seeded()
    again.reserve(3)
    wanted = draw(xp, again, (7,), dtype)
    assert generator.reserve(0) == again.reserve(0)
    for _ in range(2):
        assert draw(xp, place, (7,), dtype).tolist() == wanted.tolist()
