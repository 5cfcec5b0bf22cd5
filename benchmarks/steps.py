"""What training steps are made of: time in NumPy and around it, and the most memory, beside PyTorch's."""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from gpunn.engine import function

from .case import Place, open_place
from .environment import cpu_threads
from .memory import peak
from .models import BATCHES
from .networks import NETWORKS
from .tables import columns, duration

DESCRIPTION = """\
Take training steps of networks apart, on the CPU: how much of their time goes into the NumPy code of
operations and updates, how much into all around it (the engine, layers, checks), and how much memory
they need at most beside PyTorch, each in a process of its own."""


CALLER: Any = function  # the module that calls `run_quietly` for the NumPy code of each operation


class Split(NamedTuple):
    """Of a step: its seconds, those inside NumPy code, and how often that was called."""

    step: float
    inside: float
    calls: int

    @property
    def around(self) -> float:
        """What the step takes beyond its NumPy code, in parts of that."""
        return self.step / self.inside - 1


class _Clock:
    """Adds up the seconds inside the functions that it has wrapped, by the clock `now`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds, self.calls, self.now = 0.0, 0, now

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, whose time counts."""

        def wrapped(*args: Any) -> Any:
            start = self.now()
            try:
                return call(*args)
            finally:
                self.seconds += self.now() - start
                self.calls += 1

        return wrapped


@contextmanager
def _watched(optimizer: Any, now: Callable[[], float]) -> Iterator[_Clock]:
    """A clock over the forward of all operations and the updates of `optimizer`, as they run inside a step."""
    clock, run = _Clock(now), CALLER.run_quietly
    CALLER.run_quietly = clock.timed(run)
    optimizer.update = clock.timed(optimizer.update)
    try:
        yield clock
    finally:
        CALLER.run_quietly = run
        del optimizer.update


def split(place: Place, network: str, batch: int, seconds: float) -> Split:
    """The parts of a step: of many, the one whose ratio of parts is the median.

    Each is two steps, one as it is and one with a clock around all NumPy code: `forward_numpy` of each operation, of
    gradients too, and `update` of the optimiser. All else of the step without clocks counts as around it. With one
    thread the clock is the CPU time of the process, so that other work on the machine does not count.
    """
    now = time.process_time if cpu_threads() == 1 else time.perf_counter
    net = NETWORKS[network]
    model = net.build(place)
    x, labels = net.data(place, batch)
    optimizer = place.sgd(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        place.lib.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    found: list[Split] = []
    look = _look(now)
    end = time.perf_counter() + seconds
    step()
    while len(found) < 3 or time.perf_counter() < end:
        with _watched(optimizer, now) as clock:
            step()
        start = now()
        step()
        found.append(Split(now() - start, clock.seconds - clock.calls * look, clock.calls))
    return sorted(found, key=lambda one: one.around)[len(found) // 2]


def _look(now: Callable[[], float]) -> float:
    """The seconds that a clock counts for each call besides what is called: the median of many."""
    times = []
    for _ in range(1000):
        start = now()
        times.append(now() - start)
    return sorted(times)[len(times) // 2]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table with a line for each network; 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="gpunn steps", description=DESCRIPTION)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)} (default: lenet5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for the time of each (default: %(default)s)")
    parser.add_argument("--batch", type=int, help="(default: that of gpunn bench)")
    parser.add_argument("--memory", action="store_true", help="also the most memory, beside PyTorch's")
    args = parser.parse_args(argv)
    names = args.networks or ["lenet5"]
    if unknown := [name for name in names if name not in NETWORKS]:
        parser.error(f"unknown network {', '.join(unknown)}; there are {', '.join(NETWORKS)}")
    place = open_place("cpu", cpu_threads())
    assert isinstance(place, Place)
    rows = []
    for name in names:
        batch = args.batch or BATCHES[name]
        found = split(place, name, batch, args.seconds)
        each = (found.step - found.inside) / found.calls
        cells = [f"{name}/batch{batch}", duration(found.step), duration(found.inside), f"{found.around:.1%}"]
        rows.append([*cells, str(found.calls), duration(each), *(_memory(name, batch) if args.memory else ())])
    head = ["step", "time", "in NumPy", "around it", "calls", "around each"]
    print(columns([head + (["peak", "PyTorch's", "ratio"] if args.memory else []), *rows]))
    return 0


def _memory(network: str, batch: int) -> list[str]:
    """The most memory beyond what lies there before a step, that of PyTorch, and the ratio with all that lies there."""
    ours = peak("cpu", network, batch)
    if importlib.util.find_spec("torch") is None:
        return [_size(ours.step), "not installed", ""]
    theirs = peak("torch", network, batch)
    return [_size(ours.step), _size(theirs.step), f"{sum(ours) / sum(theirs):.2f}"]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
