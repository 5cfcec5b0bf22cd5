"""Worker processes of a DataLoader: what runs in them, and the pool that feeds them and puts batches in order."""

from __future__ import annotations

import multiprocessing
import os
import queue
import random as python_random
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gpunn import random
from gpunn.errors import GpunnError

_PATIENCE = 0.1  # seconds between looks at whether the other side is alive


class WorkerInfo(NamedTuple):
    """Which worker of how many a process is."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class WorkerError(GpunnError, RuntimeError):
    """A worker process that died or kept the loader waiting too long."""


class Failure(NamedTuple):
    """An exception of a worker, on its way to the main process."""

    kind: type[BaseException]
    text: str


class _Exhausted:
    """What a worker answers when its IterableDataset has no more samples."""


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader: its number, the number of workers, its seed and dataset. Else None."""
    return _info


def work(
    info: WorkerInfo, make_fetcher: Callable[[Any], Callable[[Any], Any]], init: Any, tasks: Any, results: Any
) -> None:
    """The life of a worker: (epoch, number, indices) in, (epoch, worker, number, batch) out, until None comes."""
    global _info
    _info = info
    python_random.seed(info.seed)
    np.random.seed(info.seed % 2**32)
    random.manual_seed(info.seed)
    parent = os.getppid()
    failure = None
    try:
        if init is not None:
            init(info.id)
    except Exception as error:
        failure = _failure(error, info.id)
    fetch: Any = None
    epoch = -1
    try:
        while (task := _next_task(tasks, parent)) is not None:
            if task[0] != epoch:
                epoch, fetch = task[0], None
            answer: Any = failure
            if answer is None:
                try:
                    fetch = fetch or make_fetcher(info.dataset)
                    answer = fetch(task[2])
                except StopIteration:
                    answer = _Exhausted()
                except Exception as error:
                    answer = _failure(error, info.id)
            results.put((epoch, info.id, task[1], answer))
    except KeyboardInterrupt:  # the main process was interrupted as well, and says so
        return


def _next_task(tasks: Any, parent: int) -> Any:
    """The next task; None at the end, also if the main process is gone."""
    while os.getppid() == parent:
        try:
            return tasks.get(timeout=5.0)
        except queue.Empty:
            continue
    return None


def _failure(error: Exception, worker: int) -> Failure:
    text = f"Caught {type(error).__name__} in DataLoader worker process {worker}.\n"
    return Failure(type(error), f"{text}Original {traceback.format_exc()}")


def raise_failure(failure: Failure) -> None:
    """Raise a worker's exception in the main process: its class, if that takes a text, and its traceback as text."""
    try:
        error = failure.kind(failure.text)
    except Exception:
        error = WorkerError(failure.text)
    raise error


class WorkerPool:
    """`num_workers` processes and the queues to and from them."""

    def __init__(
        self,
        dataset: Any,
        make_fetcher: Callable[[Any], Callable[[Any], Any]],
        num_workers: int,
        seed: int,
        init: Any,
        context: Any,
        timeout: float,
        prefetch: int,
    ) -> None:
        is_context = hasattr(context, "Process")
        spawner: Any = context if is_context else multiprocessing.get_context(context or _start_method())
        self.timeout, self.prefetch, self.epoch = timeout, prefetch, 0
        self.results = spawner.Queue()
        self.tasks = [spawner.Queue() for _ in range(num_workers)]
        self.processes = []
        for i, tasks in enumerate(self.tasks):
            info = WorkerInfo(i, num_workers, seed + i, dataset)
            process = spawner.Process(target=work, args=(info, make_fetcher, init, tasks, self.results), daemon=True)
            with warnings.catch_warnings():  # Python 3.12 warns of fork beside threads, such as those of BLAS
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            self.processes.append(process)

    def run(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batch of each entry of `batches` (lists of indices), in their order."""
        self.epoch += 1
        active = list(range(len(self.tasks)))
        waiting: dict[int, int] = {}  # batch number → worker
        arrived: dict[int, Any] = {}
        sent = wanted = turn = 0
        exhausted = False
        while True:
            while not exhausted and active and sent - wanted < self.prefetch * len(self.tasks):
                indices = next(batches, None)
                if indices is None:
                    exhausted = True
                    break
                worker = active[turn % len(active)]
                self.tasks[worker].put((self.epoch, sent, indices))
                waiting[sent] = worker
                turn, sent = turn + 1, sent + 1
            if wanted == sent:
                return
            while wanted not in arrived:
                number, answer = self._next_answer()
                arrived[number] = answer
            answer = arrived.pop(wanted)
            worker = waiting.pop(wanted)
            wanted += 1
            if isinstance(answer, _Exhausted):
                active = [a for a in active if a != worker]
                continue
            if isinstance(answer, Failure):
                raise_failure(answer)
            yield answer

    def _next_answer(self) -> tuple[int, Any]:
        """The next answer of this epoch; raises if a worker is gone or time is up."""
        start = time.monotonic()
        while True:
            try:
                epoch, _, number, answer = self.results.get(timeout=_PATIENCE)
            except queue.Empty:
                dead = [p for p in self.processes if not p.is_alive()]
                if dead:
                    pids = ", ".join(f"{p.pid} (exit code {p.exitcode})" for p in dead)
                    raise WorkerError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly") from None
                if self.timeout and time.monotonic() - start > self.timeout:
                    raise WorkerError(f"DataLoader timed out after {self.timeout} seconds") from None
                continue
            if epoch == self.epoch:
                return number, answer

    def shut_down(self) -> None:
        """End the workers, by force if they do not listen."""
        for tasks in self.tasks:
            tasks.put(None)
        for process in self.processes:
            process.join(timeout=1.0)
            if process.is_alive():
                process.terminate()
                process.join()
        for channel in [*self.tasks, self.results]:
            channel.close()
            channel.cancel_join_thread()


def _start_method() -> str:
    """fork where there is one, as PyTorch: datasets then need not be picklable."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
