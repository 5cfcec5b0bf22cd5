"""Shapes, dtypes and errors are tested exactly, distributions by their moments and by Kolmogorov and Smirnov."""

import math

import numpy as np
import pytest

import gpunn as gp

MANY = 40_000
NORMAL_CDF = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))


def seeded(seed=7):
    return gp.Generator().manual_seed(seed)


def distance(sample, cdf):
    """The largest gap between the empirical distribution and `cdf`, times √n: above 1.95 once in a thousand."""
    x = np.sort(np.asarray(sample, np.float64).ravel())
    steps = np.arange(len(x) + 1) / len(x)
    return math.sqrt(len(x)) * max(np.abs(cdf(x) - steps[:-1]).max(), np.abs(cdf(x) - steps[1:]).max())


@pytest.mark.parametrize("draw", [gp.rand, gp.randn])
def test_size_dtype_and_device(draw, device):
    for x in (draw(2, 3, device=device), draw((2, 3), device=device), draw(size=(2, 3), device=device)):
        assert x.shape == (2, 3) and x.dtype is gp.float32 and x.device.type == device
    assert draw(0, 3).shape == (0, 3) and draw(()).shape == ()
    assert draw(2, dtype=gp.bfloat16).dtype is gp.bfloat16
    assert draw(2, requires_grad=True).requires_grad
    with pytest.raises(NotImplementedError, match="int64"):
        draw(2, dtype=gp.int64)
    with pytest.raises(TypeError, match="expected a Generator"):
        draw(2, generator=3)


@pytest.mark.parametrize("dtype", [gp.float32, gp.float64, gp.float16])
def test_distributions(dtype, device):
    u = gp.rand(MANY, dtype=dtype, device=device, generator=seeded()).cpu().array
    assert u.min() >= 0 and u.max() < 1
    assert distance(u, lambda x: x) < 1.95 + 0.5 * (dtype is gp.float16)
    z = gp.randn(MANY, dtype=dtype, device=device, generator=seeded()).cpu().array.astype(float)
    assert abs(z.mean()) < 0.02 and abs(z.var() - 1) < 0.03
    assert distance(z, NORMAL_CDF) < 1.95 + 0.5 * (dtype is gp.float16)


def test_seeds_and_streams():
    gp.manual_seed(5)
    first = gp.rand(4)
    again = gp.rand(4)
    assert gp.manual_seed(5) is gp.manual_seed(5)
    assert gp.rand(4).tolist() == first.tolist() != again.tolist()
    g = seeded()
    state = g.get_state()
    one = gp.randn(3, generator=g)
    g.set_state(state)
    assert gp.randn(3, generator=g).tolist() == one.tolist()


def test_the_default_generator_is_left_alone_by_others():
    gp.manual_seed(1)
    wanted = gp.rand(3).tolist()
    gp.manual_seed(1)
    gp.rand(3, generator=seeded())
    assert gp.rand(3).tolist() == wanted


@pytest.mark.parametrize(
    "draw",
    [
        lambda d: gp.rand(1001, device=d, generator=seeded()),
        lambda d: gp.rand(1001, device=d, generator=seeded(), dtype=gp.bfloat16),
        lambda d: gp.randint(-5, 90, (1001,), device=d, generator=seeded()),
        lambda d: gp.randperm(1001, device=d, generator=seeded()),
        lambda d: gp.bernoulli(gp.full((1001,), 0.3, device=d), generator=seeded()),
        lambda d: gp.multinomial(gp.arange(9.0, device=d), 5, generator=seeded()),
    ],
)
def test_devices_agree_bit_for_bit(draw, device):
    assert draw(device).cpu().tolist() == draw("cpu").tolist()


def test_like(device):
    x = gp.zeros(2, 3, device=device).t()
    for draw in (gp.rand_like, gp.randn_like, lambda a, **k: gp.randint_like(a, 5, **k)):
        y = draw(x)
        assert y.shape == (3, 2) and y.dtype is gp.float32 and y.device == x.device and y.stride() == (1, 3)
        assert draw(x, dtype=gp.float64, memory_format=gp.contiguous_format).is_contiguous()
        a, b = (draw(x, generator=seeded(), memory_format=m) for m in (gp.preserve_format, gp.contiguous_format))
        assert a.tolist() == b.tolist()
        with pytest.raises(TypeError, match="must be a Tensor, not list"):
            draw([1.0])
    assert gp.randint_like(x.to(gp.int8), 2, 5).dtype is gp.int8


class TestRandint:
    @pytest.mark.parametrize(
        ("args", "options", "low", "high"),
        [
            ((5, (900,)), {}, 0, 5),
            ((-2, 3, (900,)), {}, -2, 3),
            ((5,), {"size": (900,)}, 0, 5),
            ((), {"high": 3, "size": [900]}, 0, 3),
            ((2, (30, 30)), {"dtype": gp.bool}, 0, 2),
            ((0, 256, (30, 300)), {"dtype": gp.uint8}, 0, 256),
            ((7, (900,)), {"dtype": gp.float16}, 0, 7),
        ],
    )
    def test_range(self, args, options, low, high, device):
        x = gp.randint(*args, **options, device=device, generator=seeded())
        assert x.dtype is options.get("dtype", gp.int64)
        assert sorted(set(x.cpu().array.ravel().astype(int).tolist())) == list(range(low, high))

    def test_is_uniform(self):
        counts = np.bincount(gp.randint(10, (MANY,), generator=seeded()).array, minlength=10)
        assert ((counts - MANY / 10) ** 2 / (MANY / 10)).sum() < 28  # χ² of 9 degrees: p = 0.001

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda: gp.randint(5, 5, (2,)), RuntimeError, "from=5 >= to=5"),
            (lambda: gp.randint(0, 300, (2,), dtype=gp.uint8), RuntimeError, "uint8 holds"),
            (lambda: gp.randint(5), TypeError, "missing"),
            (lambda: gp.randint(5.0, (2,)), TypeError, "high must be ints"),
            (lambda: gp.randint(2, 5), TypeError, "size must be ints, got 5"),
            (lambda: gp.randint(0, 5, 2), TypeError, "size must be ints, got 2"),
        ],
    )
    def test_errors(self, call, error, words):
        with pytest.raises(error, match=words):
            call()


class TestNormal:
    def test_numbers(self, device):
        x = gp.normal(3.0, 2.0, (MANY,), device=device, generator=seeded())
        assert x.dtype is gp.float32
        assert distance((x.cpu().array - 3) / 2, NORMAL_CDF) < 1.95
        assert gp.normal(1, 0, size=(2,), dtype=gp.float64).tolist() == [1, 1]

    @pytest.mark.parametrize("dtype", [gp.bfloat16, gp.float16, gp.float64])
    def test_dtypes_and_0d(self, dtype, device):
        assert gp.normal(0.5, 2, (3,), dtype=dtype, device=device).dtype is dtype
        single = gp.tensor(2.0, dtype=dtype, device=device)
        assert gp.normal(single, 0.0).item() == gp.normal(2.0, single * 0).item() == 2
        assert gp.normal(single, single).dtype is dtype

    def test_tensors(self, device):
        mean = gp.tensor([[0.0], [100.0]], device=device)
        x = gp.normal(mean, gp.tensor([0.0, 1.0, 2.0], device=device), generator=seeded())
        assert x.shape == (2, 3) and x[:, 0].tolist() == [0, 100]
        assert gp.normal(mean.half()).dtype is gp.float16
        assert gp.normal(2.0, gp.zeros(2, dtype=gp.float64)).dtype is gp.float64

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda: gp.normal(0.0, -1.0, (2,)), RuntimeError, "std >= 0.0, but found std -1"),
            (lambda: gp.normal(gp.zeros(2), -gp.ones(2)), RuntimeError, "all elements of std >= 0.0"),
            (lambda: gp.normal(gp.zeros(2), gp.ones(3)), RuntimeError, "must match the size"),
            (lambda: gp.normal(gp.zeros(2, dtype=gp.int32), 1.0), NotImplementedError, "int32"),
            (lambda: gp.normal(gp.zeros(2), 1.0, (2,)), TypeError, "numbers only"),
            (lambda: gp.normal(0.0, 1.0), TypeError, "missing"),
        ],
    )
    def test_errors(self, call, error, words):
        with pytest.raises(error, match=words):
            call()


class TestBernoulli:
    def test_frequencies(self, device):
        p = gp.tensor([0.0, 0.2, 0.9, 1.0], device=device).expand(MANY // 4, 4)
        mean = gp.bernoulli(p, generator=seeded()).mean(0)
        np.testing.assert_allclose(mean.cpu().array, [0, 0.2, 0.9, 1], atol=0.015)
        assert gp.bernoulli(gp.zeros(3, dtype=gp.int32), 1.0).tolist() == [1, 1, 1]

    @pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32, gp.float64])
    def test_devices_draw_the_same(self, dtype, device):
        p = gp.linspace(0, 1, 35).reshape(5, 7).to(dtype)
        for given in (p, p.mT, p[:, :1].expand(5, 7)):
            wanted = gp.bernoulli(given, generator=seeded())
            found = gp.bernoulli(given.to(device), generator=seeded())
            assert found.dtype is dtype and found.tolist() == wanted.tolist()
            mine = gp.empty(given.shape, device=device).bernoulli_(given.to(device), generator=seeded())
            assert mine.dtype is gp.float32 and mine.tolist() == wanted.tolist()
        whole = gp.empty(2, 2, device=device).bernoulli_(gp.tensor([0, 1], device=device))
        assert whole.tolist() == [[0, 1], [0, 1]]

    def test_gradient_is_zero(self):
        p = gp.full((2,), 0.5, requires_grad=True)
        gp.bernoulli(p).sum().backward()
        assert p.grad.tolist() == [0, 0]

    def test_errors(self):
        for wrong in (gp.full((2,), 1.5), gp.full((2,), float("nan"))):
            with pytest.raises(RuntimeError, match=r"p to be in \[0, 1\]"):
                gp.bernoulli(wrong)
        with pytest.raises(NotImplementedError, match="int64"):
            gp.bernoulli(gp.tensor([1]))
