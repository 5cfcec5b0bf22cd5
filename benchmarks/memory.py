"""The most memory that a training step needs, in gpunn and in PyTorch, each in a process of its own.

Counted are the bytes that are allocated while the step runs, beyond what lies there before it: parameters and the
states of the optimiser, which are the same in both. gpunn: by tracemalloc, which knows of NumPy's arrays and of
Python's own objects, so the workspaces of its convolutions are counted. PyTorch: by the events of its profiler, which
knows of tensors, but not of the workspaces of its convolutions. So gpunn is charged with more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .case import Place, open_place
from .networks import NETWORKS


class Peak(NamedTuple):
    """Bytes: that lie there before a step, and the most that are allocated beyond them while it runs."""

    rest: int
    step: int


def peak(place: str, network: str, batch: int) -> Peak:
    """The peak of a step, measured in a new process. RuntimeError with what it said if it failed."""
    above = Path(__file__).resolve().parent
    for _ in range((__package__ or "").count(".") + 1):
        above = above.parent
    command = [sys.executable, "-m", f"{__package__}.memory", place, network, str(batch)]
    done = subprocess.run(command, cwd=above, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{place}: {done.stderr.strip().splitlines()[-1:]}")
    return Peak(*json.loads(done.stdout.splitlines()[-1]))


def measured(place: Place, network: str, batch: int) -> Peak:
    """The peak of the second step, when the states of the optimiser are there and gradients are not."""
    net = NETWORKS[network]
    model = net.build(place)
    x, labels = net.data(place, batch)
    optimizer = place.sgd(model.parameters())

    def step() -> None:
        place.lib.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    step()
    optimizer.zero_grad()
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    rest = 2 * parameters + sum(b.numel() * b.element_size() for b in model.buffers())
    return Peak(rest, _traced(step) if place.is_gpunn else _profiled(place.lib, step))


def _traced(step: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _profiled(torch: Any, step: Callable[[], None]) -> int:
    profiler = torch.profiler
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def main(arguments: list[str]) -> int:
    """`PLACE NETWORK BATCH`: prints the peak as JSON."""
    name, network, batch = arguments
    place = open_place(name, 1)
    if isinstance(place, str):
        print(place, file=sys.stderr)
        return 1
    print(json.dumps(measured(place, network, int(batch))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
