import numpy as np
import pytest

import gpunn as gp
from gpunn.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)


def numbers(n, start=0):
    return TensorDataset(gp.arange(start, start + n), gp.arange(n) * 10)


def test_tensor_dataset():
    data = numbers(5)
    assert len(data) == 5 and [t.item() for t in data[3]] == [3, 30]
    assert [t.tolist() for t in data[1:3]] == [[1, 2], [10, 20]]
    assert [t.tolist() for t in data.batch([4, 0])] == [[4, 0], [40, 0]]
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors: \[\(2,\), \(3,\)\]"):
        TensorDataset(gp.ones(2), gp.ones(3))
    with pytest.raises(TypeError, match=r"expected tensors, got \['Tensor', 'ndarray'\]"):
        TensorDataset(gp.ones(2), np.ones(2))


def test_concatenation():
    data = numbers(2) + numbers(3, start=100)
    assert len(data) == 5 and [data[i][0].item() for i in range(-5, 5)] == [0, 1, 100, 101, 102] * 2
    for bad in (5, -6):
        with pytest.raises(IndexError, match="out of range"):
            data[bad]
    with pytest.raises(AssertionError, match="empty"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="IterableDataset"):
        ConcatDataset([Stream()])


class Stream(IterableDataset):
    def __init__(self, *values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


def test_chain():
    data = ChainDataset([Stream(1, 2), Stream(3)])
    assert list(data) == [1, 2, 3] == list(data) and len(data) == 3
    assert [batch.tolist() for batch in DataLoader(data, batch_size=2)] == [[1, 2], [3]]
    assert list(Stream(1, 2) + Stream(3)) == [1, 2, 3]
    wrong = ChainDataset([Stream(1), numbers(1)])
    for use in (list, len):
        with pytest.raises(AssertionError, match="only supports IterableDataset"):
            use(wrong)


def test_subset():
    data = Subset(numbers(10), [7, 2])
    assert len(data) == 2 and data[0][0].item() == 7 and data[[1, 0]][0].tolist() == [2, 7]


@pytest.mark.parametrize(("lengths", "sizes"), [([6, 4], [6, 4]), ([0.5, 0.3, 0.2], [5, 3, 2]), ([0.65, 0.35], [7, 3])])
def test_random_split(lengths, sizes):
    parts = random_split(numbers(10), lengths, gp.Generator().manual_seed(3))
    assert [len(p) for p in parts] == sizes
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    again = random_split(numbers(10), lengths, gp.Generator().manual_seed(3))
    assert [p.indices for p in parts] == [p.indices for p in again]
    other = random_split(numbers(100), [50, 50], gp.Generator().manual_seed(4))
    assert other[0].indices != sorted(other[0].indices)


class Counting(Dataset):
    def __getitem__(self, i):
        return i

    def __len__(self):
        return 9


class Many(Counting):
    def __getitems__(self, indices):
        return [-i for i in indices]


def test_subset_of_a_dataset_that_gives_many_at_once():
    assert Subset(Many(), [3, 4, 5]).__getitems__([2, 0]) == [-5, -3]
    assert Subset(Subset(Many(), [3, 4, 5]), [2, 1]).__getitems__([0]) == [-5]
    assert Subset(Counting(), [3, 4, 5]).__getitems__([2, 0]) == [5, 3]


@pytest.mark.parametrize("lengths", [[6, 5], [1.5, -0.5], [12, -2], [4.5, 6.5]])
def test_lengths_must_fit(lengths):
    with pytest.raises(ValueError, match=r"does not equal|whole numbers|between 0 and 1|must not be negative"):
        random_split(numbers(10), lengths)


def test_what_a_dataset_must_have():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]


def test_batch_takes_arrays():
    assert numbers(4).batch(np.array([1, 2]))[0].tolist() == [1, 2]
