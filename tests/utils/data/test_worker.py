import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

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


def test_the_lines_of_a_key_error_are_shown():
    with pytest.raises(KeyError) as caught:
        list(DataLoader(Failing(), 2, num_workers=1))
    assert len(str(caught.value).splitlines()) > 3


class Local(Squares):
    def __getitem__(self, i):
        class Unreachable(Exception):
            pass

        raise Unreachable("hidden")


def test_an_exception_of_a_class_that_cannot_be_sent():
    with pytest.raises(RuntimeError, match="Caught Unreachable"):
        list(DataLoader(Local(), 2, num_workers=1))


class Unsendable(Squares):
    def __getitem__(self, i):
        return lambda: i


def test_a_batch_that_cannot_be_sent_is_an_error():
    with pytest.raises(Exception, match=r"(?s)DataLoader worker process 0.*(pickle|local object)"):
        list(DataLoader(Unsendable(), 2, num_workers=1, collate_fn=list, timeout=5))


def test_indices_that_cannot_be_sent_are_an_error():
    with pytest.raises(Exception, match=r"pickle|local object"):
        list(DataLoader(Squares(), batch_sampler=[[lambda: 1]], num_workers=1, timeout=5))


def test_the_init_function():
    def init(number):
        random.seed(100 + number)

    batches = list(DataLoader(Who(), 1, sampler=[0, 1], num_workers=2, worker_init_fn=init))
    assert [batch[2].item() for batch in batches] == [random.Random(seed).random() for seed in (100, 101)]


def test_an_exception_in_the_init_function():
    def init(number):
        raise ZeroDivisionError(f"worker {number}")

    with pytest.raises(ZeroDivisionError, match="worker 0"):
        list(DataLoader(Squares(), 2, num_workers=1, worker_init_fn=init))


class Large(Squares):
    """Kills its worker while it sends a sample: the pipe holds 64 KiB."""

    def __getitem__(self, i):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return np.zeros(1 << 20)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", [Dying, Large])
def test_a_killed_worker_is_noticed(workers, kind):
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"pid\(s\) \d+ \(exit code -9\)\) exited unexpectedly"):
        for _ in DataLoader(kind(), 1, num_workers=workers):
            if kind is Large:
                time.sleep(0.4)  # the next samples are on their way, and wait in full pipes
    assert time.monotonic() - start < 8  # a loader that does not notice would wait for ever


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


def test_persistent_workers_survive_a_break_and_serve_several_iterators():
    loader = DataLoader(Who(), 1, num_workers=1, persistent_workers=True, collate_fn=lambda batch: os.getpid())
    first = next(batches := iter(loader))
    del batches
    assert set(loader) == {first}
    both = list(zip(loader, loader, strict=True))
    assert len(both) == 12 and len({pid for pids in both for pid in pids}) == 2
    loader = DataLoader(Squares(), 4, num_workers=2, persistent_workers=True)
    for _ in range(3):
        for batch in loader:
            assert batch[0].tolist() == [0, 1, 2, 3]
            break
    assert lists(loader) == lists(DataLoader(Squares(), 4))


PROGRAM = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from gpunn.utils.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 100
    def __getitem__(self, i):
        time.sleep(0.05)
        return os.getpid()

for pids in DataLoader(Slow(), 1, num_workers=2):
    print(pids.item(), flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_main_process(sent):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pids = {int(program.stdout.readline()) for _ in range(4)}
    program.send_signal(sent)
    _, errors = program.communicate(timeout=10)
    assert errors.count("KeyboardInterrupt") == (1 if sent == signal.SIGINT else 0)
    end = time.monotonic() + 5
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_dataset_that_cannot_be_sent_leaves_no_worker():
    before = set(multiprocessing.active_children())
    with pytest.raises(Exception, match=r"pickle|local object"):
        list(DataLoader([lambda: 1], num_workers=2, multiprocessing_context="spawn"))
    assert set(multiprocessing.active_children()) == before


def test_spawned_workers():
    assert lists(DataLoader(Squares(), 6, num_workers=1, multiprocessing_context="spawn")) == lists(
        DataLoader(Squares(), 6)
    )


def test_a_worker_runs_through_its_tasks(monkeypatch):
    """The same function that runs in a worker process, here in this one."""
    (tasks, to_worker), (results, from_worker) = multiprocessing.Pipe(False), multiprocessing.Pipe(False)
    for task in ((0, 0, [1, 2]), (0, 1, [5]), (1, 2, [3]), None):
        to_worker.send(task)
    info = worker.WorkerInfo(0, 1, 7, Failing())
    monkeypatch.setattr(worker, "_info", None)
    worker.work(info, lambda data: lambda indices: [data[i] for i in indices], None, tasks, from_worker)
    assert results.recv() == (0, 0, [1, 2])
    epoch, number, failure = results.recv()
    assert (epoch, number, failure.kind) == (0, 1, KeyError) and results.recv() == (1, 2, [3])
    with pytest.raises(KeyError, match="sample five"):
        worker.raise_failure(failure)


def test_outside_a_worker_there_is_no_info():
    assert get_worker_info() is None
