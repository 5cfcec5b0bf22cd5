"""What a machine can do at best, measured: copies, products of matrices, the smallest call. And what bounds a case."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gpunn import backend

from .case import Case, Place
from .clock import Runner, Sample, runner
from .measure import Timing

LAUNCH = 0.8  # of the time of a case on a GPU: if the host takes that much, launching bounds it
SMALL = 3.0  # calls of the smallest operation: what takes less on a CPU is bounded by calls
STEADY = 0.8  # of the best rate: if the median of a ceiling's rates is below, other work has disturbed it
FIRST_ROUNDS = 5
PART = 0.1  # of the time of the benchmarks at most goes into measuring ceilings again

COPIES = {  # bytes that copies read and write: data in each of the caches, and in memory
    "cpu": tuple(1 << n for n in range(16, 28)),
    "cuda": (*[1 << n for n in range(22, 28)], 1 << 31),
}
SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices


@dataclass
class Ceilings:
    """The best that was measured.

    `copies`: bytes a second, read and written, by how many bytes a copy moves. `products`: flops a second, by type.
    `call`: seconds of the smallest operation. `steadiness`: the median rate in parts of the best, for copies in memory
    and products, whichever has less: 1 on a machine that does nothing else.
    """

    copies: dict[int, float]
    call: float
    products: dict[str, float] = field(default_factory=dict)
    steadiness: float = 1.0

    @property
    def copy(self) -> float:
        """Bytes a second of a copy of what no cache holds."""
        return self.copies[max(self.copies)]

    @property
    def is_steady(self) -> bool:
        """Whether the ceilings can be relied on."""
        return self.steadiness >= STEADY

    def bandwidth(self, moved: int) -> float:
        """Bytes a second for a case that moves so many: as fast as the fastest copy of half as many, or more."""
        return max([rate for size, rate in self.copies.items() if size >= moved / 2], default=self.copy)

    def rate(self, case: Case) -> float:
        """The ceiling of arithmetic for `case`; 0 if none of its kind was measured."""
        kind = "tf32" if case.tf32 and case.dtype == "float32" and "tf32" in self.products else case.dtype
        return self.products.get("bfloat16" if kind == "amp" else kind, 0.0)


class Probe(NamedTuple):
    """Something that shows a ceiling: its kind and key in `Ceilings`, the work of one call, calls in a sample."""

    kind: str  # "copy", "product", "call"
    key: Any
    work: float
    calls: int
    run: Runner


class Meter:
    """Measures the ceilings of a place, and measures them again between the cases: a busy moment shall not set them."""

    def __init__(self, place: Place, probes: list[Probe]) -> None:
        self.place, self._probes = place, probes
        self._rates: list[list[float]] = [[] for _ in probes]
        self._next = 0.0

    def measure(self, rounds: int = FIRST_ROUNDS) -> None:
        """Take a sample of each ceiling, `rounds` times."""
        begin = time.perf_counter()
        for _ in range(rounds):
            for probe, rates in zip(self._probes, self._rates, strict=True):
                rates.append(probe.work / max(probe.run(probe.calls).seconds, 1e-12))
        end = time.perf_counter()
        self._next = end + (end - begin) / rounds / PART

    def measure_again(self) -> None:
        """Take one more sample of each, unless the last ones were so recent that it would cost too much time."""
        if time.perf_counter() >= self._next:
            self.measure(1)

    @property
    def is_ready(self) -> bool:
        """Whether each ceiling has a sample."""
        return all(self._rates)

    def ceilings(self) -> Ceilings:
        """The best of all samples."""
        best: dict[str, dict[Any, float]] = {"copy": {}, "product": {}, "call": {}}
        steadiness = 1.0
        largest = max(probe.key for probe in self._probes if probe.kind == "copy")
        for probe, rates in zip(self._probes, self._rates, strict=True):
            best[probe.kind][probe.key] = max(rates)
            if probe.kind == "product" or probe.key == largest:
                steadiness = min(steadiness, statistics.median(rates) / max(rates))
        return Ceilings(best["copy"], 1 / best["call"][""], best["product"], steadiness)


def probes(place: Place, dtypes: list[str], cold: bool = False, scale: float = 1.0) -> list[Probe]:
    """What is measured in `place`: copies, one call, products of random matrices of each type, and on a GPU in TF32.

    `cold`: without copies of what a cache holds. `scale` makes the work smaller, for tests.
    """
    place = replace(place, fed=[])
    sizes = COPIES[place.device][-1:] if cold else COPIES[place.device]
    found = [_copy(place, max(8, int(size * scale))) for size in sizes]
    one = place.random(1)
    found.append(Probe("call", "", 1.0, 100, _warm(lambda: one + one, place)))
    n = max(1, int(SIDE[place.device] * scale))
    a = place.random(n, n)
    for name in dict.fromkeys("bfloat16" if name == "amp" else name for name in dtypes):
        b = a.to(getattr(place.lib, name))
        found.append(Probe("product", name, 2 * n**3, 1, _warm(lambda b=b: b @ b, place)))  # type: ignore[misc]
    if place.device == "cuda" and "float32" in dtypes:
        found.append(Probe("product", "tf32", 2 * n**3, 1, _in_tf32(_warm(lambda: a @ a, place), place)))
    return found


def _copy(place: Place, size: int) -> Probe:
    """A copy that reads and writes `size` bytes, by the array library itself: of random numbers, not of zeros."""
    block = place.random(min(size // 8, 1 << 24))
    x = block.repeat(max(1, size // 8 // block.numel())).array
    y = x.copy()
    xp = backend.array_module(x)
    return Probe("copy", size, float(2 * x.nbytes), max(1, (1 << 22) // size), _warm(lambda: xp.copyto(y, x), place))


def _warm(call: Callable[[], Any], place: Place) -> Runner:
    """Runs of `call`. On a CPU, what other processes had of it meanwhile is left out: it is no limit of the machine."""
    call()
    run = runner(call, place)
    return run if place.device == "cuda" else lambda n: _undisturbed(run(n))


def _undisturbed(sample: Sample) -> Sample:
    """With one thread the CPU time is less than the time if others disturbed; with several it is more."""
    return sample._replace(seconds=min(sample.seconds, sample.cpu) or sample.seconds)


def _in_tf32(run: Runner, place: Place) -> Runner:
    def switched(n: int) -> Any:
        with _tf32(place):
            return run(n)

    switched(1)
    return switched


@contextmanager
def _tf32(place: Place) -> Iterator[None]:
    switch = place.lib.backends.cuda.matmul
    before, switch.allow_tf32 = switch.allow_tf32, True
    try:
        yield
    finally:
        switch.allow_tf32 = before


def share(case: Case, timing: Timing, top: Ceilings) -> tuple[float, str] | None:
    """The part of the roofline that a case reaches, and what bounds it: "memory" or "compute"; None without counts.

    The roofline is the larger of bytes / copies and flops / products (Williams et al., 2009).
    """
    memory = case.bytes / top.bandwidth(case.bytes)
    compute = case.flops / top.rate(case) if top.rate(case) else 0.0
    if memory == compute == 0:
        return None
    return max(memory, compute) / timing.median, "memory" if memory >= compute else "compute"


def bound(case: Case, timing: Timing, top: Ceilings, is_gpu: bool) -> str:
    """What bounds a case: "launch" if the host's calls do, else as the roofline says; "" without counts."""
    if case.calls:
        return "launch"
    if (is_gpu and timing.enqueue >= LAUNCH * timing.median) or timing.median < SMALL * top.call:
        return "launch"
    reached = share(case, timing, top)
    return "" if reached is None else reached[1]


def told(bounded_by: str, reached: float | None) -> str:
    """What was measured of a case that is slow and has no note: what bounds it, and how near it comes to that."""
    if bounded_by == "launch":
        return "no note; measured: its calls take the time, not the work in them"
    if not bounded_by or reached is None:
        return "no note, and nothing is counted that would tell"
    return f"no note; measured: bound by {bounded_by}, {reached:.0%} of what this machine does at best"
