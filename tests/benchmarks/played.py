"""A clock and a GPU that are played: work takes as long as it says, and only `synchronize` waits for the device."""

from types import SimpleNamespace

import numpy as np

from benchmarks.case import Place


class Clock:
    """Plays time.perf_counter in the given modules of benchmarks."""

    def __init__(self, monkeypatch, *modules):
        self.now = 100.0
        for module in modules:
            monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)

    def work(self, seconds):
        self.now += seconds


class PlayedTensor:
    """Has a size; copies and products keep the device busy."""

    def __init__(self, gpu, shape):
        self.gpu, self.shape = gpu, tuple(shape)

    def numel(self):
        return int(np.prod(self.shape))

    def repeat(self, n):
        return PlayedTensor(self.gpu, (self.shape[0] * n,))

    def clone(self):
        return PlayedTensor(self.gpu, self.shape)

    def detach(self):
        return self

    def to(self, kind):
        if kind == "cuda":
            self.gpu.busy += self.gpu.in_seconds
        return self

    def cpu(self):
        self.gpu.work(self.gpu.out_seconds)
        return self

    def copy_(self, other):
        self.gpu.busy += self.gpu.copy_seconds

    def __add__(self, other):
        self.gpu.busy += 1e-6
        return self

    def __matmul__(self, other):
        self.gpu.busy += self.gpu.matmul_seconds[self.gpu.allow_tf32]
        return self


class PlayedGpu(Clock):
    """The library of a place "cuda". `busy` are the seconds of work before the device."""

    float32 = "float32"

    def __init__(self, monkeypatch, *modules):
        super().__init__(monkeypatch, *modules)
        self.busy, self.allow_tf32 = 0.0, False
        self.copy_seconds, self.matmul_seconds = 1.0, {False: 1.0, True: 1.0}
        self.in_seconds = self.out_seconds = 0.0
        self.cuda = SimpleNamespace(synchronize=self.wait)
        self.backends = SimpleNamespace(cuda=SimpleNamespace(matmul=self))

    def wait(self):
        self.work(self.busy)
        self.busy = 0.0

    def tensor(self, array, device):
        return PlayedTensor(self, array.shape)

    def place(self, name="cuda"):
        return Place(name, self, "cuda")
