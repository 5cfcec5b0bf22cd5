"""A clock and a GPU that are played: work takes as long as it says, and only `synchronize` waits for the device."""

from types import SimpleNamespace

import numpy as np

from benchmarks import clock
from benchmarks.case import Place


class Clock:
    """Plays the clocks of the module time; the process has the CPU for `part` of the time."""

    def __init__(self, monkeypatch, part=1.0):
        self.now, self.part, self.resets = 100.0, part, 0
        self.compiler = SimpleNamespace(reset=self.reset)
        monkeypatch.setattr(clock.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(clock.time, "process_time", lambda: self.now * self.part)

    def work(self, seconds):
        self.now += seconds

    def reset(self):
        self.resets += 1


class PlayedTensor:
    """Can be moved, which takes the seconds that the GPU says."""

    def __init__(self, gpu):
        self.gpu = gpu

    def detach(self):
        return self

    def to(self, kind):
        self.gpu.queue(self.gpu.in_seconds)
        return self

    def cpu(self):
        self.gpu.work(self.gpu.out_seconds)
        return self


class PlayedEvent:
    """A mark behind the work that the GPU was given up to then."""

    def __init__(self, gpu, enable_timing):
        assert enable_timing
        self.gpu = gpu

    def record(self):
        self.time = max(self.gpu.now, self.gpu.free)

    def elapsed_time(self, end):
        assert end.time <= self.gpu.now, "not reached yet"
        return (end.time - self.time) * 1e3


class PlayedGpu(Clock):
    """The library of a place "cuda". From `free` on, the device has nothing to do."""

    def __init__(self, monkeypatch, part=1.0):
        super().__init__(monkeypatch, part)
        self.free = self.in_seconds = self.out_seconds = 0.0
        self.cuda = SimpleNamespace(synchronize=self.wait, Event=lambda enable_timing: PlayedEvent(self, enable_timing))

    def queue(self, seconds):
        """Give the device work; the host goes on at once."""
        self.free = max(self.now, self.free) + seconds

    def wait(self):
        self.now = max(self.now, self.free)

    def tensor(self, array, device):
        return PlayedTensor(self)

    def zeros(self, size, device):
        return np.zeros(0)

    def place(self, name="cuda", **options):
        return Place(name, self, "cuda", **options)
