import multiprocessing
import os
import queue
import random
import signal
import time

import numpy as np
import pytest

import gpunn as gp
from gpunn.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info, worker


class Squares(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return i, float(i * i)


class Failing(Squares):
    def __getitem__(self, i):
        if i == 5:
            raise KeyError("sample five")
        return i


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


class FailingOddly(Squares):
    def __getitem__(self, i):
        raise Odd(1, 2)


class Dying(Squares):
    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


class Sleeping(Squares):
    def __getitem__(self, i):
        time.sleep(30)


class Who(Squares):
    def __getitem__(self, i):
        info = get_worker_info()
        return info.id, info.num_workers, random.random(), float(np.random.rand()), gp.rand(()).item()


class Shared(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, 10, info.num_workers))


def lists(loader):
    return [[part.tolist() for part in batch] for batch in loader]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_give_the_same_batches_in_the_same_order(workers):
    loader = DataLoader(Squares(), 5, num_workers=workers)
    assert lists(loader) == lists(DataLoader(Squares(), 5)) == lists(loader)


def test_workers_of_a_tensor_dataset():
    data = TensorDataset(gp.arange(20.0).reshape(10, 2))
    assert lists(DataLoader(data, 4, num_workers=2)) == lists(DataLoader(data, 4))


def test_random_numbers_belong_to_the_worker():
    def epoch(seed):
        return lists(DataLoader(Who(), 2, num_workers=2, generator=gp.Generator().manual_seed(seed)))

    first = epoch(1)
    assert first == epoch(1) != epoch(2)
    assert [batch[0] for batch in first] == [[0, 0], [1, 1]] * 3
    drawn = [x for batch in first for part in batch[2:] for x in part]
    assert len(set(drawn)) == len(drawn) == 36


def test_streams_are_shared_out():
    batches = [b.tolist() for b in DataLoader(Shared(), 3, num_workers=2)]
    assert batches == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]


def test_an_exception_keeps_its_class_and_traceback():
    with pytest.raises(KeyError) as caught:
        list(DataLoader(Failing(), 2, num_workers=2))
    text = str(caught.value)
    assert "DataLoader worker process" in text and "sample five" in text and "__getitem__" in text
    with pytest.raises(RuntimeError, match="Caught Odd in DataLoader worker process 0"):
        list(DataLoader(FailingOddly(), 2, num_workers=1))


def test_an_exception_in_the_init_function():
    def init(number):
        raise ZeroDivisionError(f"worker {number}")

    with pytest.raises(ZeroDivisionError, match="worker 0"):
        list(DataLoader(Squares(), 2, num_workers=1, worker_init_fn=init))


def test_a_killed_worker_is_noticed():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"pid\(s\) \d+ \(exit code -9\)\) exited unexpectedly"):
        list(DataLoader(Dying(), 1, num_workers=1))
    assert time.monotonic() - start < 5


def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0.3 seconds"):
        list(DataLoader(Sleeping(), 1, num_workers=1, timeout=0.3))


def test_no_worker_outlives_its_loader():
    before = set(multiprocessing.active_children())
    for batch in DataLoader(Squares(), 2, num_workers=2):
        assert len(batch) == 2
        break
    assert set(multiprocessing.active_children()) == before


def test_persistent_workers_stay_until_the_loader_goes():
    before = set(multiprocessing.active_children())
    loader = DataLoader(Squares(), 4, num_workers=2, persistent_workers=True)
    first = lists(loader)
    pids = {p.pid for p in set(multiprocessing.active_children()) - before}
    assert len(pids) == 2 and lists(loader) == first
    assert {p.pid for p in set(multiprocessing.active_children()) - before} == pids
    del loader
    assert set(multiprocessing.active_children()) == before


def test_spawned_workers():
    assert lists(DataLoader(Squares(), 6, num_workers=1, multiprocessing_context="spawn")) == lists(
        DataLoader(Squares(), 6)
    )


def test_a_worker_runs_through_its_tasks(monkeypatch):
    """The same function that runs in a worker process, here in this one."""
    tasks, results = queue.Queue(), queue.Queue()
    for task in ((0, 0, [1, 2]), (0, 1, [5]), None):
        tasks.put(task)
    info = worker.WorkerInfo(0, 1, 7, Failing())
    monkeypatch.setattr(worker, "_info", None)
    worker.work(info, lambda data: lambda indices: [data[i] for i in indices], None, tasks, results)
    assert results.get() == (0, 0, 0, [1, 2])
    failure = results.get()[3]
    assert failure.kind is KeyError
    with pytest.raises(KeyError, match="sample five"):
        worker.raise_failure(failure)


def test_outside_a_worker_there_is_no_info():
    assert get_worker_info() is None
