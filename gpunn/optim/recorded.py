"""A step of an optimizer inside a captured graph: what the host does before and after each launch of the graph.

The kernel takes its numbers from records in device memory and moves them on itself (one_launch.py). The host sends
them again only if a rate or another option has changed, or if other steps were made meanwhile. The counts in the
optimizer's state, which are on the CPU, are brought up to date when somebody asks for them.
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any

from gpunn.backend import Array
from gpunn.capture import Capture, CaptureError, StaleError
from gpunn.engine import bump
from gpunn.optim.one_launch import Job, OneLaunch
from gpunn.optim.options import options_of

if TYPE_CHECKING:
    from gpunn.optim.optimizer import Optimizer


class Replays:
    """How often a graph has stepped parameters since their counts were brought up to date."""

    def __init__(self, optimizer: Optimizer, jobs: list[Job], launches: list[OneLaunch]) -> None:
        """`launches`: those that may have been left out on the GPU, which alone knows."""
        self._optimizer, self._launches = optimizer, launches
        self.jobs = [job._replace(grad=None) for job in jobs]  # holds nothing of the graph
        self._number = 0

    def add(self) -> None:
        """Note one more."""
        self._number += 1
        if self._number == 1:
            self._optimizer._unsettled.append(self)

    def settle(self) -> None:
        """Let them count."""
        number, self._number = self._number, 0
        optimizer = self._optimizer
        if self._launches and number:
            self._settle_from_device()
            return
        is_plain = optimizer.counts in ((), ("step",))  # else each count follows from the one before
        for job in self.jobs if number else ():
            for _ in range(1 if is_plain else number):
                counts = optimizer.advanced(job.state, job.options)
                for name, value in zip(optimizer.counts, counts, strict=True):
                    job.state[name].array[...] = value
            if optimizer.counts == ("step",):
                job.state["step"].array += number - 1

    def _settle_from_device(self) -> None:
        counts = {
            p: found for launch in self._launches for p, found in launch.counts_on_device(self._optimizer).items()
        }
        for job in self.jobs:
            for name, value in zip(self._optimizer.counts, counts[id(job.p)], strict=True):
                job.state[name].array[...] = value


class RecordedStep:
    """Launches of a step that a graph repeats. Made while the graph is recorded; nothing is stepped by that."""

    def __init__(
        self,
        optimizer: Optimizer,
        recording: Capture,
        plain: list[Job],
        by_place: dict[tuple[Any, ...], list[Job]],
        found: list[Array],
    ) -> None:
        """`found`: numbers on the GPU; a launch steps nothing unless all are 0."""
        self._optimizer = optimizer
        self._jobs = [job for jobs in by_place.values() for job in jobs]
        self._check(plain)
        self._launches = [OneLaunch() for _ in by_place]
        for launch, jobs in zip(self._launches, by_place.values(), strict=True):
            act = launch.prepared(optimizer, jobs)
            if found:
                launch.skip_if(sum(found[1:], start=found[0]))
            act()
        self._parameters = [job.p.array for job in self._jobs]
        self._options = self._options_now()
        self._arrays = [self._arrays_of(job) for job in self._jobs]
        self._moves = -1  # of the optimizer, when this graph was last launched
        self._replays = Replays(optimizer, self._jobs, self._launches if found else [])
        # One count is moved on exactly; what is rounded to float32, as PyTorch does on the host, is sent each time.
        self._goes_on = all(len(optimizer.progress(job.state, False)) <= 1 for job in self._jobs)
        recording.before.append(self._before)
        recording.after.append(self._after)

    def _check(self, plain: list[Job]) -> None:
        name = type(self._optimizer).__name__
        if plain:
            shapes = ", ".join(str(tuple(job.p.array.shape)) for job in plain[:3])
            raise CaptureError(
                f"{name}.step: inside a captured step all parameters are stepped by a kernel, which takes dense CUDA "
                f"parameters with states like them; {len(plain)} cannot be, of shape {shapes}; call step() outside"
            )
        if any(job.is_first for job in self._jobs):
            raise StaleError(f"{name}.step: a parameter has its first step, which makes its state")

    def _options_now(self) -> list[dict[str, Any]]:
        return [options_of(group) for group in self._optimizer.param_groups]

    def _arrays_of(self, job: Job) -> tuple[Array | None, ...]:
        state = self._optimizer._state.get(job.p, {})
        return tuple([None if (s := state.get(name)) is None else s.array for name in self._optimizer.arrays])

    def _before(self) -> None:
        """Look whether the launches fit, and send what has changed."""
        optimizer = self._optimizer
        if not all([job.p.array is array for job, array in zip(self._jobs, self._parameters, strict=True)]):
            raise StaleError(f"{type(optimizer).__name__}.step: a parameter has other memory")
        options = self._options_now()
        if self._goes_on and optimizer._moves == self._moves and options == self._options:
            return
        state = optimizer.state  # brings the counts up to date, by the options so far
        for i, job in enumerate(self._jobs):
            if not all(map(is_, self._arrays_of(job), self._arrays[i])):
                raise StaleError(f"{type(optimizer).__name__}.step: a state has other memory")
            self._jobs[i] = job._replace(state=state[job.p], options=options[job.group])
        self._options = options
        self._replays.jobs = [job._replace(grad=None) for job in self._jobs]
        for launch in self._launches:
            launch.send_again(optimizer, {id(job.p): job for job in self._jobs})

    def _after(self) -> None:
        self._optimizer._moves += 1
        self._moves = self._optimizer._moves
        self._replays.add()
        for job in self._jobs:
            bump(job.p)
