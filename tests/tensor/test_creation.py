import math

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import GraphError
from tests.ops.sampling.test_elements import MANY, NORMAL_CDF, distance, seeded


class TestNew:
    @pytest.mark.parametrize(
        "make",
        [
            lambda x, **o: x.new_tensor([[1, 2, 3], [4, 5, 6]], **o),
            lambda x, **o: x.new_empty(2, 3, **o),
            lambda x, **o: x.new_zeros((2, 3), **o),
            lambda x, **o: x.new_ones(size=(2, 3), **o),
            lambda x, **o: x.new_full((2, 3), 7, **o),
        ],
    )
    def test_dtype_and_device_are_those_of_the_tensor(self, make, device):
        x = gp.zeros(1, dtype=gp.float16, device=device)
        y = make(x)
        assert y.shape == (2, 3) and y.dtype is gp.float16 and y.device == x.device and not y.requires_grad
        z = make(x, dtype=gp.float64, device="cpu", requires_grad=True)
        assert z.dtype is gp.float64 and z.device == gp.device("cpu") and z.requires_grad

    def test_values(self):
        x = gp.zeros(1, dtype=gp.int32)
        assert x.new_tensor([1.5]).tolist() == [1]
        assert x.new_zeros(2).tolist() == [0, 0] and x.new_ones(2).tolist() == [1, 1]
        assert x.new_full((2,), 2.7).tolist() == [2, 2]
        source = gp.ones(2)
        assert gp.zeros(1).new_tensor(source).fill_(3) is not source and source.tolist() == [1, 1]


class TestFillAndCopy:
    def test_fill(self, device):
        x = gp.zeros(2, 3, device=device)
        assert x.fill_(2.5) is x and (x.array == 2.5).all() and x._version == [1]
        assert x.fill_(gp.tensor(2)).tolist() == [[2, 2, 2]] * 2
        assert x.zero_().sum() == 0
        assert gp.zeros(2, dtype=gp.uint8, device=device).fill_(-1).tolist() == [255, 255]
        assert gp.zeros(3, device=device).expand(2, 3).fill_(1).tolist() == [[1, 1, 1]] * 2
        last = gp.zeros(1, 2, 2, 2, device=device).to(memory_format=gp.channels_last)
        assert last.fill_(1).is_contiguous(memory_format=gp.channels_last)

    def test_copy(self, device):
        x = gp.zeros(2, 3, device=device)
        assert x.copy_(gp.arange(3, device=device)) is x
        assert x.tolist() == [[0, 1, 2]] * 2
        assert x.copy_(gp.ones(2, 1)).tolist() == [[1, 1, 1]] * 2  # from the CPU
        assert x.copy_(4).tolist() == [[4, 4, 4]] * 2
        y = gp.arange(5.0, device=device)
        y.narrow(0, 1, 4).copy_(y.narrow(0, 0, 4))
        assert y.tolist() == [0, 0, 1, 2, 3]

    def test_gradients(self, device):
        x, s = gp.ones(2, 3, device=device, requires_grad=True), gp.ones(3, device=device, requires_grad=True)
        y = x * 2
        y.copy_(s.half())
        assert y.requires_grad
        (y * y).sum().backward()
        assert x.grad.tolist() == [[0, 0, 0]] * 2 and s.grad.tolist() == [4, 4, 4]
        value = gp.tensor(3.0, device=device, requires_grad=True)
        z = gp.zeros(4, device=device)
        z.narrow(0, 1, 2).fill_(value)
        z.sum().backward()
        assert value.grad == 2
        w = x * 2
        w.select(0, 0).zero_()
        x.grad = None
        w.sum().backward()
        assert x.grad.tolist() == [[0, 0, 0], [2, 2, 2]]

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda x: x.fill_("a"), TypeError, "expected a number"),
            (lambda x: x.fill_(gp.ones(1)), RuntimeError, "0-dimension value tensor but got tensor with 1"),
            (lambda x: x.int().fill_(math.nan), RuntimeError, "without overflow"),
            (lambda x: x.copy_([1, 2, 3]), TypeError, "must be Tensor, not list"),
            (lambda x: x.copy_(gp.ones(4)), RuntimeError, r"copy_: The size of tensor a \(3\)"),
            (lambda x: x.copy_(gp.ones(1, 3)), RuntimeError, r"doesn't match the broadcast shape \[1, 3\]"),
            (lambda x: gp.ones(2, requires_grad=True).fill_(1), GraphError, "a leaf Variable that requires grad"),
            (lambda x: x.expand(2, 3).copy_(x), RuntimeError, "more than one element"),
        ],
    )
    def test_errors_change_nothing(self, call, error, words):
        x = gp.arange(3.0)
        with pytest.raises(error, match=words):
            call(x)
        assert x.tolist() == [0, 1, 2] and x._version == [0]


class TestRandom:
    def test_uniform(self, device):
        x = gp.zeros(MANY, device=device).uniform_(-2, 6, generator=seeded()).cpu().array
        assert x.min() >= -2 and x.max() <= 6 and distance((x + 2) / 8, lambda u: u) < 1.95
        assert gp.zeros(2).uniform_(3, 3).tolist() == [3, 3]
        assert gp.zeros(3, dtype=gp.bfloat16).uniform_(to=5).dtype is gp.bfloat16

    def test_normal(self, device):
        x = gp.zeros(MANY, device=device).normal_(3, 2, generator=seeded()).cpu().array
        assert distance((x - 3) / 2, NORMAL_CDF) < 1.95

    def test_exponential(self, device):
        x = gp.zeros(MANY, device=device).exponential_(0.5, generator=seeded()).cpu().array
        assert x.min() >= 0 and distance(x, lambda v: -np.expm1(-0.5 * v)) < 1.95

    def test_cauchy(self, device):
        x = gp.zeros(MANY, device=device).cauchy_(1, 2, generator=seeded()).cpu().array
        assert distance((x - 1) / 2, lambda v: np.arctan(v) / np.pi + 0.5) < 1.95

    def test_log_normal(self, device):
        x = gp.zeros(MANY, device=device).log_normal_(3, 2, generator=seeded()).cpu().array
        assert distance((np.log(x) - 3) / 2, NORMAL_CDF) < 1.95

    def test_geometric(self, device):
        x = gp.zeros(MANY, dtype=gp.int32, device=device).geometric_(0.25, generator=seeded()).cpu().array
        for k in range(1, 8):
            assert (x == k).mean() == pytest.approx(0.75 ** (k - 1) * 0.25, abs=0.01)
        assert x.min() == 1

    def test_bernoulli(self, device):
        x = gp.zeros(MANY // 4, 4, device=device)
        assert x.bernoulli_(0.25, generator=seeded()).mean().item() == pytest.approx(0.25, abs=0.01)
        p = gp.tensor([0.0, 1.0, 0.5, 0.0], device=device)
        mean = x.bernoulli_(p, generator=seeded()).mean(0)
        np.testing.assert_allclose(mean.cpu().array, [0, 1, 0.5, 0], atol=0.02)
        assert gp.zeros(2, dtype=gp.int8).bernoulli_(1).tolist() == [1, 1]

    @pytest.mark.parametrize(
        ("dtype", "largest"), [(gp.bool, 1), (gp.uint8, 255), (gp.int64, 2**63 - 1), (gp.float16, 2**11)]
    )
    def test_random_fills_the_range(self, dtype, largest):
        x = gp.zeros(5000, dtype=dtype).random_(generator=seeded())
        assert 0 <= x.min().item() <= largest * 0.01 and largest * 0.98 <= x.max().item() <= largest

    def test_random_with_limits(self, device):
        x = gp.zeros(200, device=device)
        assert set(x.random_(3).tolist()) == {0, 1, 2}
        assert set(x.random_(-1, 1).tolist()) == {-1, 0}
        assert set(x.random_(to=2).tolist()) == {0, 1}

    @pytest.mark.parametrize("dtype", [gp.bfloat16, gp.float64])
    def test_0d(self, dtype, device):
        x = gp.tensor(0.5, dtype=dtype, device=device)
        for draw in (x.uniform_, x.normal_, x.exponential_, x.random_, x.bernoulli_, x.cauchy_, x.log_normal_):
            y = draw()
            assert y is x and y.shape == () and y.dtype is dtype and not isinstance(y.array, np.generic)

    def test_out_of_place_methods(self, device):
        x = gp.ones(4, device=device)
        assert x.bernoulli().tolist() == [1, 1, 1, 1] and x.bernoulli(p=0).sum() == 0
        assert sorted(x.multinomial(4).tolist()) == [0, 1, 2, 3]

    def test_is_recorded(self):
        x = gp.ones(2, requires_grad=True)
        y = x * 2
        y.normal_()
        assert y.requires_grad and y._version == [1]
        y.sum().backward()
        assert x.grad.tolist() == [0, 0]

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda x: x.uniform_(3, 2), RuntimeError, "found from=3 > to=2"),
            (lambda x: x.normal_(0, -1), RuntimeError, "std -1"),
            (lambda x: x.exponential_(0), RuntimeError, "lambda > 0.0, but found lambda=0"),
            (lambda x: x.cauchy_(0, 0), RuntimeError, "sigma > 0.0, but found sigma=0"),
            (lambda x: x.int().cauchy_(), RuntimeError, "must be a floating point"),
            (lambda x: x.log_normal_(0, 0), RuntimeError, "std > 0.0, but found std=0"),
            (lambda x: x.geometric_(1), RuntimeError, "in \\(0, 1\\), but got p=1"),
            (lambda x: x.bool().geometric_(0.5), NotImplementedError, "not implemented for bool"),
            (lambda x: x.bernoulli_(2), RuntimeError, "but got p=2"),
            (lambda x: x.bernoulli_(gp.ones(2)), RuntimeError, "must match the size"),
            (lambda x: x.bernoulli_(gp.ones(1, 3)), RuntimeError, "does not broadcast"),
            (lambda x: x.random_(5, 4), RuntimeError, "from=5 >= to=4"),
            (lambda x: x.random_(0, 2**70), RuntimeError, "float32 holds"),
            (lambda x: x.int().normal_(), NotImplementedError, "normal_: not implemented for int32"),
            (lambda x: x.int().exponential_(), RuntimeError, "must be a floating point"),
            (lambda x: x.uniform_(generator=1), TypeError, "expected a Generator"),
            (lambda x: x.expand(2, 3).normal_(), RuntimeError, "more than one element"),
        ],
    )
    def test_errors_change_nothing(self, call, error, words):
        x = gp.arange(3.0)
        before = gp.get_rng_state().tolist()
        with pytest.raises(error, match=words):
            call(x)
        assert x.tolist() == [0, 1, 2] and x._version == [0] and gp.get_rng_state().tolist() == before
