from collections import Counter

import pytest

import gpunn as gp
from gpunn.utils.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(n=0):
    return gp.Generator().manual_seed(n)


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2] and len(SequentialSampler("abc")) == 3


def test_random_order_is_a_permutation_that_the_seed_decides():
    orders = [list(RandomSampler(range(50), generator=seeded(s))) for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[2]) == list(range(50))
    gp.manual_seed(5)
    first = [list(RandomSampler(range(20))) for _ in range(2)]
    gp.manual_seed(5)
    assert first == [list(RandomSampler(range(20))) for _ in range(2)] and first[0] != first[1]


def test_there_is_no_random_order_of_nothing():
    with pytest.raises(ValueError, match="num_samples=0: the dataset is empty"):
        RandomSampler([])


def test_random_number_of_samples():
    assert len(list(RandomSampler(range(4), num_samples=10, generator=seeded()))) == 10
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=4000, generator=seeded()))
    assert all(850 < n < 1150 for n in Counter(drawn).values()) and len(drawn) == 4000


def test_draws_are_made_as_they_are_needed():
    endless = iter(RandomSampler(range(4), replacement=True, num_samples=10**12, generator=seeded()))
    assert {next(endless) for _ in range(3000)} == {0, 1, 2, 3}


def test_subset():
    found = list(SubsetRandomSampler([5, 7, 9], generator=seeded()))
    assert sorted(found) == [5, 7, 9] and len(SubsetRandomSampler([5, 7])) == 2


def test_weights_decide_how_often():
    drawn = Counter(WeightedRandomSampler([1.0, 0.0, 3.0], 4000, generator=seeded()))
    assert drawn[1] == 0 and 2800 < drawn[2] < 3200
    once = list(WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False, generator=seeded()))
    assert sorted(once) == [0, 2]
    first = Counter(
        next(iter(WeightedRandomSampler([1.0, 3.0], 1, replacement=False, generator=seeded(s)))) for s in range(800)
    )
    assert 540 < first[1] < 660


def test_batches():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, False)) == 3 and len(BatchSampler(range(5), 2, True)) == 2


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RandomSampler("ab", replacement=1), "replacement"),
        (lambda: RandomSampler("ab", num_samples=0), "num_samples"),
        (lambda: WeightedRandomSampler([1.0], 0), "num_samples"),
        (lambda: WeightedRandomSampler([1.0], 1, replacement=None), "replacement"),
        (lambda: WeightedRandomSampler([-1.0], 1), "non-negative"),
        (lambda: WeightedRandomSampler([1.0, 0.0], 2, replacement=False), "cannot draw 2"),
        (lambda: WeightedRandomSampler([float("inf"), 1.0], 1), "finite"),
        (lambda: WeightedRandomSampler([float("nan"), 1.0], 1), "finite"),
        (lambda: WeightedRandomSampler([[1.0, 2.0]], 1), "1d sequence"),
        (lambda: list(RandomSampler([], num_samples=3)), "empty dataset"),
        (lambda: list(RandomSampler([], True, 3)), "empty dataset"),
        (lambda: BatchSampler(range(3), 0, False), "batch_size"),
        (lambda: BatchSampler(range(3), 1, 0), "drop_last"),
    ],
)
def test_arguments_are_checked(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomSampler("ab", replacement="yes"),
        lambda: WeightedRandomSampler("12", 1),
        lambda: WeightedRandomSampler(None, 1),
        lambda: list(RandomSampler("ab", generator=5)),
        lambda: list(SubsetRandomSampler([1], generator=5)),
        lambda: list(WeightedRandomSampler([1.0], 1, generator=5)),
    ],
)
def test_types_are_checked(make):
    with pytest.raises(TypeError):
        make()


def test_weights_are_a_tensor():
    assert str(WeightedRandomSampler([1, 3], 2).weights) == "tensor([1., 3.], dtype=gpunn.float64)"


def test_what_a_sampler_must_have():
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())
