"""The step of all parameters of a dtype on a GPU in one launch.

What a kernel needs of the host lies in device memory and is sent only when it changes: a table of addresses, and for
each set of parameters with the same options and the same number of steps behind them a record of numbers. The kernel
moves the records on to the next step itself, so in a run of equal steps nothing is sent, and a captured graph of
launches goes on counting when it is replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from gpunn import backend, capture, kernels
from gpunn.backend import Array, array_module
from gpunn.kernels import many
from gpunn.kernels.source import C_TYPES

if TYPE_CHECKING:
    from gpunn.optim.optimizer import Optimizer
    from gpunn.tensor import Tensor

COLUMNS: Final = 16  # of a record; COLUMNS in optimizer/step.cuh
STATES: Final = 3  # rows of addresses for states, as there
_PROGRESS: Final = 3  # columns for what a step changes

Record = tuple[float, ...]


class Job(NamedTuple):
    """What a step is to do with one parameter."""

    group: int
    options: dict[str, Any]
    p: Tensor
    grad: Array
    state: dict[str, Any]
    arrays: tuple[Array | None, ...]  # of the state, in the order of the kernel; none where there are no kernels
    is_first: bool


new_job: Any = tuple.__new__  # new_job(Job, (…)): Job(…) takes three times as long, and runs for each parameter
Seen = dict[Any, tuple[Array, tuple[Array | None, ...]]]  # by parameter: arrays that were looked at before


def sorted_out(kernel: object, jobs: list[Job], seen: Seen) -> tuple[list[Job], dict[tuple[Any, ...], list[Job]]]:
    """The jobs that no kernel can do, and the others by dtype and GPU. `seen` is kept from step to step."""
    if kernel is None or not backend.is_cuda_in_use():
        return jobs, {}
    plain: list[Job] = []
    by_place: dict[tuple[Any, ...], list[Job]] = {}
    for job in jobs:
        p = job.p.array
        known = seen.get(job.p)
        if known is None or known[0] is not p or not all(map(is_, known[1], job.arrays)):
            if not _fit(p, job.arrays):
                plain.append(job)
                continue
            seen[job.p] = p, job.arrays
        by_place.setdefault((p.dtype, p.device.id), []).append(job)
    return plain, by_place


def _fit(p: Array, states: tuple[Array | None, ...]) -> bool:
    """Whether a kernel can step `p` with `states`: they are the user's, who may have moved or cast one of the two."""
    kind, dtype, shape = type(p), p.dtype, p.shape
    alike = [s is None or (type(s) is kind and s.dtype == dtype and s.shape == shape) for s in states]
    return backend.is_cuda(p) and all(alike) and all([s is None or many.is_dense(s) for s in (p, *states)])


class OneLaunch:
    """The parameters of one dtype on one GPU, and what has been sent there."""

    def __init__(self) -> None:
        self._fixed: list[Array | None] = []  # parameters and their states
        self._fixed_addresses: tuple[int, ...] = ()
        self._are_contiguous = False  # the parameters, and with them the states
        self._addresses: tuple[int, ...] = ()
        self._table: Array = None
        self._members: list[int] = []  # for each parameter the number of its record
        self._ids: list[int] = []  # of the parameters
        self._sets: Array = None
        self._known: list[Record] | None = None  # the records as the kernel has left them
        self._records: Array = None
        self._done: Array = None
        self._first: list[Job] = []  # a parameter of each record
        self._was_launched = False

    def prepared(self, optimizer: Optimizer, jobs: list[Job]) -> Callable[[], None]:
        """The launch for `jobs`, all but made. Nothing that the user sees changes before it is called."""
        like = jobs[0].p.array
        self._find(optimizer, jobs)
        grads = [job.grad for job in jobs]
        if not all([g.flags.c_contiguous for g in grads]) or not self._are_contiguous:
            grads = [many.laid_out_as(job.grad, job.p.array) for job in jobs]
        plan = many.plan(grads)
        addresses = (*many.addresses(grads), *self._fixed_addresses)
        if addresses != self._addresses:
            self._addresses, self._table = addresses, many.table(addresses, like)
        self._send_records(optimizer, jobs, like)
        args = (
            self._table,
            self._records,
            self._done,
            plan.sizes,
            self._sets,
            plan.pieces,
            len(jobs),
            plan.number,
            len(self._first),
        )
        file, kernel = optimizer.kernel or ("", "")
        return partial(self._launch, file, kernel, plan.threads, args, {"T": C_TYPES[like.dtype.name]}, grads)

    def _launch(
        self, file: str, kernel: str, threads: int, args: tuple[Any, ...], constants: dict[str, str], arrays: object
    ) -> None:
        """`arrays`: copies of gradients, alive until now."""
        self._known, self._was_launched = None, threads > 0
        kernels.launch(file, kernel, threads, args, constants)

    def expect(self, optimizer: Optimizer) -> None:
        """Note how the kernel has left the records, now that the states of the last jobs have been moved on.

        Records with more than a count in them are sent each time: the host rounds them to float32, as PyTorch does.
        """
        is_certain = self._was_launched and len(optimizer.progress(self._first[0].state, False)) == 1
        self._known = [record_of(optimizer, job, False) for job in self._first] if is_certain else None

    def _send_records(self, optimizer: Optimizer, jobs: list[Job], like: Array) -> None:
        numbers: dict[tuple[Any, ...], int] = {}
        members: list[int] = []
        first: list[Job] = []
        for job in jobs:
            key = (job.group, optimizer.progress(job.state, job.is_first))
            number = numbers.setdefault(key, len(numbers))
            if number == len(first):
                first.append(job)
            members.append(number)
        xp = array_module(like)
        records = [record_of(optimizer, job, job.is_first) for job in first]
        with backend.placed_on(backend.device_of(like)):
            if members != self._members or self._sets is None:
                self._members, self._sets = members, capture.constant(xp, np.array(members, np.int32))
            if self._records is None or len(self._records) != len(records):
                self._records = capture.constant(xp, np.array(records))
                self._done = capture.constant(xp, np.zeros(2, np.uint32))
            elif records != self._known:
                self._records[...] = xp.asarray(np.array(records))
        self._known, self._first = records, first
        self._ids = [id(job.p) for job in jobs]

    def skip_if(self, found: Array) -> None:
        """Let launches after this do nothing as long as `found`, a number on the GPU, is not 0."""
        self._done[1:] = found.reshape(1) != 0

    def counts_on_device(self, optimizer: Optimizer) -> dict[int, tuple[float, ...]]:
        """By the id of each parameter its counts as the kernel has left them. Waits for the GPU."""
        records, width = backend.asnumpy(self._records), len(optimizer.counts)
        return {p: tuple(records[number, :width].tolist()) for p, number in zip(self._ids, self._members, strict=True)}

    def send_again(self, optimizer: Optimizer, jobs: dict[int, Job]) -> None:
        """Send the records as they follow from `jobs`, by the ids of their parameters: the next launch starts there."""
        records = np.array([record_of(optimizer, jobs[id(job.p)], False) for job in self._first])
        self._records[...] = array_module(self._records).asarray(records)

    def _find(self, optimizer: Optimizer, jobs: list[Job]) -> None:
        """Note where parameters and states lie, unless they are the same arrays as before."""
        fixed = [array for job in jobs for array in (job.p.array, *job.arrays)]
        if len(fixed) == len(self._fixed) and all(map(is_, fixed, self._fixed)):
            return
        for job in jobs:
            _lay_out(optimizer, job)
        columns: list[list[Array | None]] = [[job.p.array for job in jobs]]
        for n in range(STATES):
            columns.append([_array(job, optimizer.arrays, n) for job in jobs])
        self._fixed, self._are_contiguous = fixed, all([job.p.array.flags.c_contiguous for job in jobs])
        self._fixed_addresses = many.addresses([array for column in columns for array in column])


def _lay_out(optimizer: Optimizer, job: Job) -> None:
    """Let the states of a parameter lie in memory as it does."""
    for name, array in zip(optimizer.arrays, job.arrays, strict=True):
        if array is not None and not many.is_laid_out_as(array, job.p.array):
            job.state[name].array = many.laid_out_as(array, job.p.array)


def _array(job: Job, names: tuple[str, ...], n: int) -> Array | None:
    """State number `n`; it may have been laid out anew since the job was made."""
    state = job.state.get(names[n]) if n < len(names) else None
    return None if state is None else state.array


def record_of(optimizer: Optimizer, job: Job, is_first: bool) -> Record:
    """The numbers for the kernel: progress, options that all optimizers have, the optimizer's own."""
    options, progress = job.options, optimizer.progress(job.state, is_first)
    common = (options["lr"], options.get("weight_decay", 0.0), options.get("maximize", False))
    record = (*progress, *(0.0,) * (_PROGRESS - len(progress)), *common, *optimizer.numbers(options))
    return tuple([float(x) for x in (*record, *(0.0,) * (COLUMNS - len(record)))])
