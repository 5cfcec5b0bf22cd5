import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator
from gpunn.errors import ArgumentError
from gpunn.ops.sampling.choice import _bisect
from tests.ops.sampling.test_elements import MANY, seeded


class TestRandperm:
    @pytest.mark.parametrize("n", [0, 1, 2, 1000])
    def test_is_a_permutation(self, n, device):
        x = gp.randperm(n, device=device)
        assert x.dtype is gp.int64 and sorted(x.tolist()) == list(range(n))

    @pytest.mark.parametrize("n", [1, 2, 7, 1000])
    def test_devices_draw_the_same(self, n, device):
        g, h = seeded(), seeded()
        for _ in range(2):  # and go on at the same place
            assert gp.randperm(n, device=device, generator=g).tolist() == gp.randperm(n, generator=h).tolist()

    def test_all_orders_are_equally_likely(self):
        g = seeded()
        orders = [tuple(gp.randperm(3, generator=g).tolist()) for _ in range(1200)]
        counts = np.unique(orders, axis=0, return_counts=True)[1]
        assert len(counts) == 6 and ((counts - 200) ** 2 / 200).sum() < 20.5  # χ² of 5 degrees: p = 0.001

    def test_dtypes_and_errors(self):
        assert gp.randperm(9, dtype=gp.int8).dtype is gp.int8
        with pytest.raises(RuntimeError, match="uint8"):
            gp.randperm(300, dtype=gp.uint8)
        with pytest.raises(RuntimeError, match="n >= 0, got -1"):
            gp.randperm(-1)
        with pytest.raises(TypeError, match="n must be ints"):
            gp.randperm(2.0)
        with pytest.raises(TypeError, match="expected a Generator"):
            gp.randperm(2, generator=1)


class TestMultinomial:
    WEIGHTS = (0.0, 1.0, 3.0, 0.0, 6.0, 0.0)

    @pytest.mark.parametrize("dtype", [gp.float32, gp.float64, gp.bfloat16])
    def test_with_replacement(self, dtype, device):
        x = gp.tensor([self.WEIGHTS, self.WEIGHTS[::-1]], dtype=dtype, device=device)
        chosen = gp.multinomial(x, MANY, True, generator=seeded())
        assert chosen.shape == (2, MANY) and chosen.dtype is gp.int64
        for row, weights in zip(chosen.cpu().array, (self.WEIGHTS, self.WEIGHTS[::-1]), strict=True):
            frequencies = np.bincount(row, minlength=6) / MANY
            np.testing.assert_allclose(frequencies, np.array(weights) / 10, atol=0.01)
            assert (frequencies[np.array(weights) == 0] == 0).all()

    def test_without_replacement(self, device):
        x = gp.tensor(self.WEIGHTS, device=device).expand(4000, 6)
        chosen = gp.multinomial(x, 3, generator=seeded()).cpu().array
        assert (np.sort(chosen, 1) == [1, 2, 4]).all()
        first = np.bincount(chosen[:, 0], minlength=6) / 4000
        np.testing.assert_allclose(first, np.array(self.WEIGHTS) / 10, atol=0.03)
        second = np.bincount(chosen[chosen[:, 0] == 4, 1], minlength=6)  # then 1 : 3 remain
        assert second[1] / second.sum() == pytest.approx(0.25, abs=0.03)

    def test_all_of_a_row_even_without_weight(self):
        assert sorted(gp.multinomial(gp.tensor([0.0, 1.0, 0.0]), 3).tolist()) == [0, 1, 2]
        assert gp.multinomial(gp.ones(0, 3), 1).shape == (0, 1)

    def test_bisection(self):
        bounds = np.array([[0.0, 1.0, 1.0, 4.0, 4.0]])
        u = np.array([[0.0, 0.2499, 0.25, 0.99, 1 - 2.0**-53]])
        assert _bisect(bounds, u).tolist() == [[1, 1, 3, 3, 3]]
        assert _bisect(np.array([[2.0]]), u).tolist() == [[0] * 5]

    WRONG = (
        (([-1.0, 1.0],), r"element < 0; got -1.0 at position \(0, 0\)"),
        (([1.0, 1.0], [0.0, float("nan")]), r"element < 0; got nan at position \(1, 1\)"),
        (([float("inf"), 1.0],), "`inf`.*; got inf"),
        (([1.0, 0.0], [0.0, 0.0]), r"\(sum of probabilities <= 0\); got 0.0 at position 1"),
    )

    @pytest.mark.parametrize("is_replaced", [False, True])
    @pytest.mark.parametrize(("weights", "words"), WRONG)
    def test_wrong_weights(self, weights, words, is_replaced, device):
        with pytest.raises(ArgumentError, match=words):
            gp.multinomial(gp.tensor(weights, device=device), 1, is_replaced).tolist()

    def test_the_host_does_not_wait(self):
        with emulator.enable(check=True):
            x = gp.tensor(self.WEIGHTS, device="cuda")
            before = emulator.synchronisations.count
            chosen = [gp.multinomial(x, 3, is_replaced, generator=seeded()) for is_replaced in (False, True)]
            assert emulator.synchronisations.count == before
            for row, is_replaced in zip(chosen, (False, True), strict=True):
                x = gp.tensor(self.WEIGHTS)
                assert row.tolist() == gp.multinomial(x, 3, is_replaced, generator=seeded()).tolist()

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: gp.multinomial(gp.tensor([1, 1]), 1), "only supports floating-point dtypes"),
            (lambda: gp.multinomial(gp.ones(2, 2, 2), 1), "must be 1 or 2 dim"),
            (lambda: gp.multinomial(gp.ones(()), 1), "must be 1 or 2 dim"),
            (lambda: gp.multinomial(gp.ones(3), 0), "n_sample <= 0"),
            (lambda: gp.multinomial(gp.ones(3), 4), "without replacement, got 4 > 3"),
            (lambda: gp.multinomial(gp.zeros(2, 0), 1, True), "sum of probabilities <= 0"),
            (lambda: gp.multinomial(gp.ones(1).expand(2**24 + 1), 1), r"number of categories cannot exceed 2\^24"),
        ],
    )
    def test_errors(self, call, words):
        with pytest.raises(RuntimeError, match=words):
            call()
