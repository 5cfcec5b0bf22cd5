import pytest

import gpunn as gp
from gpunn.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler, TensorDataset


class Squares(Dataset):
    def __init__(self, n=10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i, float(i * i)


class Many(Squares):
    def __getitems__(self, indices):
        return [(i, -1.0) for i in indices]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(7))

    def __len__(self):
        return 7


def lists(loader):
    return [[part.tolist() for part in batch] for batch in loader]


def test_batches_in_order():
    loader = DataLoader(Squares(5), batch_size=2)
    assert lists(loader) == [[[0, 1], [0.0, 1.0]], [[2, 3], [4.0, 9.0]], [[4], [16.0]]]
    assert len(loader) == 3 and len(DataLoader(Squares(5), 2, drop_last=True)) == 2
    assert len(lists(DataLoader(Squares(5), 2, drop_last=True))) == 2


def test_the_fast_path_of_tensor_datasets_gives_the_same(monkeypatch):
    class Slow(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    tensors = gp.arange(12.0).reshape(6, 2), gp.arange(6)
    fast, slow = (lists(DataLoader(kind(*tensors), 4)) for kind in (TensorDataset, Slow))
    assert fast == slow == [[[[0, 1], [2, 3], [4, 5], [6, 7]], [0, 1, 2, 3]], [[[8, 9], [10, 11]], [4, 5]]]
    calls = []
    monkeypatch.setattr(TensorDataset, "batch", lambda self, indices: calls.append(indices))
    list(DataLoader(TensorDataset(*tensors), 4)), list(DataLoader(Slow(*tensors), 4))
    assert calls == [[0, 1, 2, 3], [4, 5]]


def test_the_fast_path_on_a_gpu(device):
    data = TensorDataset(gp.arange(12.0, device=device).reshape(6, 2))
    (batch,) = next(iter(DataLoader(data, 3, sampler=[5, 0, 2])))
    assert batch.device.type == device and batch.tolist() == [[10, 11], [0, 1], [4, 5]]


def test_shuffling_is_new_each_epoch_and_repeatable():
    def epochs(seed):
        loader = DataLoader(Squares(), 3, shuffle=True, generator=gp.Generator().manual_seed(seed))
        return [lists(loader) for _ in range(2)]

    first, again = epochs(1), epochs(1)
    assert first == again and first[0] != first[1]
    assert sorted(i for batch in first[1] for i in batch[0]) == list(range(10))


def test_samplers_and_collation():
    assert lists(DataLoader(Squares(), 2, sampler=[4, 2, 0])) == [[[4, 2], [16.0, 4.0]], [[0], [0.0]]]
    batches = BatchSampler(SequentialSampler(range(4)), 3, False)
    assert len(lists(DataLoader(Squares(4), batch_sampler=batches))) == 2
    assert list(DataLoader(Squares(2), 2, collate_fn=len)) == [2]
    assert lists(DataLoader(Many(3), 3)) == [[[0, 1, 2], [-1.0] * 3]]


def test_a_sampler_may_give_tensors():
    data = TensorDataset(gp.arange(12.0).reshape(6, 2))
    (batch,) = next(iter(DataLoader(data, 2, sampler=gp.tensor([5, 0]))))
    assert batch.tolist() == [[10, 11], [0, 1]]


def test_samples_without_batches():
    loader = DataLoader(Squares(2), batch_size=None)
    assert list(loader) == [[0, 0.0], [1, 1.0]] and len(loader) == 2
    assert list(DataLoader(Stream(), batch_size=None)) == list(range(7)) and len(DataLoader(Stream(), None)) == 7


class Stopping(Squares):
    def __getitem__(self, i):
        return next(iter(range(i, 3)))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_dataset_that_stops_by_mistake_does_not_end_the_epoch(workers):
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(DataLoader(Stopping(), 2, num_workers=workers))


def test_streams():
    assert [b.tolist() for b in DataLoader(Stream(), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [b.tolist() for b in DataLoader(Stream(), 3, drop_last=True)] == [[0, 1, 2], [3, 4, 5]]
    assert len(DataLoader(Stream(), 3)) == 3 and len(DataLoader(Stream(), 3, drop_last=True)) == 2


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"shuffle": True, "sampler": [0]}, ValueError, "mutually exclusive"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, ValueError, "auto-batching"),
        ({"num_workers": -1}, ValueError, "non-negative"),
        ({"num_workers": 1.5}, TypeError, "must be an int"),
        ({"timeout": -1}, ValueError, "timeout"),
        ({"prefetch_factor": 2}, ValueError, "num_workers > 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, ValueError, "positive"),
        ({"persistent_workers": True}, ValueError, "num_workers > 0"),
        ({"batch_size": 0}, ValueError, "positive integer"),
        ({"multiprocessing_context": "fork"}, ValueError, "num_workers > 0"),
        ({"multiprocessing_context": "knife", "num_workers": 1}, ValueError, "knife"),
        ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "got int"),
    ],
)
def test_options_are_checked(options, error, text):
    with pytest.raises(error, match=text):
        DataLoader(Squares(), **options)


def test_a_time_limit_needs_workers():
    with pytest.raises(AssertionError, match="num_workers > 0"):
        iter(DataLoader(Squares(), timeout=5))


@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_what_is_built_in_cannot_be_set_later(name):
    loader = DataLoader(Squares(), 2)
    with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
        setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [2] * 5


def test_an_epoch_has_a_length():
    batches = iter(DataLoader(Squares(7), 2))
    assert len(batches) == 4 and next(batches)[0].tolist() == [0, 1] and iter(batches) is batches
    assert len(list(batches)) == 3


def test_a_stream_takes_no_order():
    with pytest.raises(ValueError, match="IterableDataset"):
        DataLoader(Stream(), shuffle=True)


def test_a_dataset_may_give_many_at_once_and_none_alone():
    class Many:
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [float(i) for i in indices]

    assert [batch.tolist() for batch in DataLoader(Many(), 2)] == [[0.0, 1.0], [2.0, 3.0]]
