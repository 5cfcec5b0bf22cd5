import pytest

from gpunn.utils.data import DataLoader, Dataset, StackDataset, Subset


class Squares(Dataset):
    def __getitem__(self, i):
        return i * i

    def __len__(self):
        return 4


def test_stack():
    pair, named = StackDataset(range(4), Squares()), StackDataset(n=range(4), square=Squares())
    assert len(pair) == len(named) == 4
    assert pair[3] == (3, 9) and named[3] == {"n": 3, "square": 9}
    many = StackDataset(Subset(Squares(), [3, 2, 1, 0]), Squares())
    assert many.__getitems__([0, 3]) == [(9, 0), (0, 9)]
    assert named.__getitems__([2, 0]) == [{"n": 2, "square": 4}, {"n": 0, "square": 0}]
    (batch,) = DataLoader(named, batch_size=4)
    assert batch["n"].tolist() == [0, 1, 2, 3] and batch["square"].tolist() == [0, 1, 4, 9]


def test_errors_of_stack():
    class Few(Squares):
        def __getitems__(self, indices):
            return [0]

    for make, text in (
        (lambda: StackDataset(), "no dataset"),
        (lambda: StackDataset(Squares(), a=Squares()), "both types"),
        (lambda: StackDataset(Squares(), range(3)), "Size mismatch"),
        (lambda: StackDataset(Few()).__getitems__([1, 2]), "Expected 2, got 1"),
    ):
        with pytest.raises(ValueError, match=text):
            make()
