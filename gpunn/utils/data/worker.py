"""Worker processes of a DataLoader: what runs in them, and the pool that feeds them and puts batches in order."""

from __future__ import annotations

import multiprocessing
import os
import random as python_random
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import numpy as np

from gpunn import random
from gpunn.engine import autocast
from gpunn.errors import GpunnError
from gpunn.utils.data.channel import Sender

_PATIENCE = 1.0  # seconds between a worker's looks at whether the main process is alive, and to end in


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


class Exhausted:
    """What a fetcher gives when its IterableDataset has no more samples."""


class _Text(str):
    """A text whose repr is itself: KeyError shows the repr of its argument, which would hide the lines."""

    def __repr__(self) -> str:
        return str(self)


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader: its number, the number of workers, its seed and dataset. Else None."""
    return _info


def work(
    info: WorkerInfo,
    make_fetcher: Callable[[Any], Callable[[Any], Any]],
    init: Any,
    tasks: Connection,
    results: Connection,
) -> None:
    """The life of a worker: (epoch, number, indices) in, (epoch, number, batch) out, until None comes."""
    global _info
    _info = info
    autocast.forget()
    python_random.seed(info.seed)
    np.random.seed(info.seed % 2**32)
    random.manual_seed(info.seed)
    parent = os.getppid()
    outbox = Sender(results)
    fetch: Any = None
    epoch, failure = -1, None
    try:
        try:
            if init is not None:
                init(info.id)
        except Exception as error:
            failure = _failure(error, info.id)
        while (task := _next_task(tasks, parent)) is not None:
            if task[0] != epoch:
                epoch, fetch = task[0], None
            try:
                if failure is None:
                    fetch = fetch or make_fetcher(info.dataset)
                outbox.put((epoch, task[1], failure or fetch(task[2])))
            except Exception as error:  # also of a batch that cannot be sent
                outbox.put((epoch, task[1], _failure(error, info.id)))
    except KeyboardInterrupt:  # the main process was interrupted as well, and says so
        return


def _next_task(tasks: Connection, parent: int) -> Any:
    """The next task; None at the end, also if the main process is gone."""
    try:
        while not tasks.poll(_PATIENCE):
            if os.getppid() != parent:
                return None
        return tasks.recv()
    except (EOFError, OSError):
        return None


def _failure(error: Exception, worker: int) -> Failure:
    text = f"Caught {type(error).__name__} in DataLoader worker process {worker}.\nOriginal {traceback.format_exc()}"
    try:
        ForkingPickler.dumps(type(error))
    except Exception:  # a class inside a function, which the main process cannot find
        return Failure(WorkerError, text)
    return Failure(type(error), text)


def raise_failure(failure: Failure) -> None:
    """Raise a worker's exception in the main process: its class, if that takes a text, and its traceback as text."""
    try:
        error = failure.kind(_Text(failure.text))
    except Exception:
        error = WorkerError(failure.text)
    raise error


class WorkerPool:
    """`num_workers` processes and a pipe to and from each."""

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
        self._spawner: Any = context if is_context else multiprocessing.get_context(context or _start_method())
        self.timeout, self.prefetch, self.epoch = timeout, prefetch, 0
        self.processes: list[Any] = []
        self.results: list[Connection] = []
        ends: list[Connection] = []
        try:
            for i in range(num_workers):
                info = WorkerInfo(i, num_workers, seed + i, dataset)
                ends.append(self._start(info, make_fetcher, init))
        finally:  # threads begin when all processes have been forked
            self.tasks = [Sender(end) for end in ends]
            if len(ends) < num_workers:
                self.shut_down()

    def _start(self, info: WorkerInfo, make_fetcher: Any, init: Any) -> Connection:
        """Start a worker; returns the end of the pipe that its tasks go into.

        Only the worker has the other ends then, so that its death, also in the middle of a batch, is the end of file.
        """
        task_reader, task_writer = self._spawner.Pipe(duplex=False)
        result_reader, result_writer = self._spawner.Pipe(duplex=False)
        process = self._spawner.Process(
            target=work, args=(info, make_fetcher, init, task_reader, result_writer), daemon=True
        )
        with task_reader, result_writer, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of fork beside threads, such as BLAS's
            process.start()
        self.processes.append(process)
        self.results.append(result_reader)
        end: Connection = task_writer
        return end

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
            if isinstance(answer, Exhausted):
                active = [a for a in active if a != worker]
                continue
            if isinstance(answer, Failure):
                raise_failure(answer)
            yield answer

    def _next_answer(self) -> tuple[int, Any]:
        """The next answer of this epoch; raises if a worker is gone or time is up."""
        while True:
            ready: list[Any] = wait(self.results, self.timeout or None)
            if not ready:
                raise WorkerError(f"DataLoader timed out after {self.timeout} seconds")
            for reader in ready:
                try:
                    epoch, number, answer = reader.recv()
                except (EOFError, OSError):
                    raise self._death(reader) from None
                if epoch == self.epoch:
                    return number, answer

    def _death(self, reader: Any) -> WorkerError:
        process = self.processes[self.results.index(reader)]
        process.join(_PATIENCE)
        text = f"{process.pid} (exit code {process.exitcode})"
        return WorkerError(f"DataLoader worker (pid(s) {text}) exited unexpectedly")

    def shut_down(self) -> None:
        """End the workers, by force if they do not listen."""
        for tasks in self.tasks:
            tasks.put(None)
            tasks.close()
        end = time.monotonic() + _PATIENCE
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.kill()
                process.join()
        for reader in self.results:
            reader.close()


def _start_method() -> str:
    """fork where there is one, as PyTorch: datasets then need not be picklable."""
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
