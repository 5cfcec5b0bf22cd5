"""What a benchmark is, and the places it can run in."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gpunn
from gpunn import backend


@dataclass(frozen=True)
class Place:
    """A library and a device: gpunn on the CPU ("cpu") or a GPU ("cuda"), PyTorch on the CPU ("torch")."""

    name: str
    lib: Any
    device: str

    def tensor(self, array: np.ndarray, **options: Any) -> Any:
        """`array` as a tensor here."""
        return self.lib.tensor(array, device=self.device, **options)

    def random(self, *shape: int, requires_grad: bool = False) -> Any:
        """A float32 tensor of normal numbers, the same in every place."""
        values = np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)
        return self.tensor(values, requires_grad=requires_grad)

    def synchronize(self) -> None:
        """Wait until all work is done."""
        if self.device == "cuda":
            self.lib.cuda.synchronize()


def open_place(name: str, threads: int) -> Place | str:
    """The place of this name, or why it is not there."""
    if name == "torch":
        try:
            torch: Any = importlib.import_module("torch")
        except ImportError:
            return "PyTorch is not installed"
        torch.set_num_threads(threads)
        return Place(name, torch, "cpu")
    if name == "cuda" and (problem := backend.cuda_problem()) is not None:
        return f"no GPU found ({problem})"
    return Place(name, gpunn, name)


@dataclass(frozen=True)
class Case:
    """One thing to time.

    `make(place)` returns `run`, or `(prepare, run)`: then `prepare()` is called before each `run(prepared)` and is not
    timed. `moved` counts the bytes that must be read and written, `flops` the arithmetic, `images` the samples.
    `calls` counts calls of something that only gpunn has; PyTorch is left out then.
    """

    name: str
    make: Callable[[Place], Any]
    moved: int = 0
    flops: int = 0
    images: int = 0
    calls: int = 0
    quick: bool = False  # part of `--quick`
