"""What a benchmark is, and the places it can run in."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gpunn
from gpunn import backend

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "amp": 2}  # amp: float32 under autocast to bfloat16
SOFTWARE = dict.fromkeys(("float16", "bfloat16"), "NumPy computes this type one number at a time, through float32")
LAYOUTS = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Place:
    """A library on a device, and the type and memory format of the tensors that a case makes in it.

    `strong` is PyTorch as fast as it gets: channels_last, torch.compile, and on a GPU CUDA graphs, fused updates and
    autocast to bfloat16. `captured` is gpunn with its steps recorded as CUDA graphs. `tf32`: products of float32 are
    rounded to TF32 on a GPU; then the strong setting does not autocast, so that both have the same precision.
    `cpu_time`: what is timed is the CPU time of the process. `exact` is the reference: NumPy, with all numbers in
    float64. What a case reads is kept in `fed`.
    """

    name: str
    lib: Any
    device: str
    strong: bool = False
    captured: bool = False
    tf32: bool = False
    cpu_time: bool = False
    exact: bool = False
    dtype: str = "float32"
    layout: str = "contiguous"
    fed: list[Any] = field(default_factory=list, compare=False, repr=False)

    @property
    def is_gpunn(self) -> bool:
        """Whether the library is gpunn."""
        return self.lib is gpunn

    def tensor(self, array: np.ndarray, **options: Any) -> Any:
        """`array` as a tensor here."""
        made = self.lib.tensor(array, device=self.device, **options)
        self.fed.append(made)
        return made

    def random(self, *shape: int, requires_grad: bool = False) -> Any:
        """A tensor of normal numbers, the same in every place (but rounded to its type). Never zeros.

        The next one is another, also if it has the same shape.
        """
        rng = np.random.default_rng((sum(shape), len(self.fed)))
        x = self._numbers(rng.standard_normal(shape, np.float32))
        if len(shape) == 4 and (self.strong or self.layout == "channels_last"):
            x = x.contiguous(memory_format=self.lib.channels_last)
        self.fed.append(x)
        return x.requires_grad_() if requires_grad else x

    def model(self, model: Any) -> Any:
        """`model`, moved here, with the same weights in every place: uniform within 1 / √(inputs of a unit).

        Scales of norms are 1 ± 0.1, biases ± 0.1.
        """
        model = model.to(self.device)
        with self.lib.no_grad():
            for i, (name, p) in enumerate(model.named_parameters()):
                bound = 1 / np.sqrt(np.prod(p.shape[1:])) if len(p.shape) > 1 else 0.1
                values = np.random.default_rng(i).uniform(-bound, bound, tuple(p.shape))
                values += len(p.shape) == 1 and "weight" in name
                p.copy_(self._numbers(values.astype(np.float32)))
        model = model.to(getattr(self.lib, "float64" if self.exact else self._stored))
        if self.strong or self.layout == "channels_last":
            model = model.to(memory_format=self.lib.channels_last)
        if self.strong:
            model = self.lib.compile(model, mode="reduce-overhead" if self.device == "cuda" else "default")
        return model

    def precision(self) -> Any:
        """A context for the forward pass: autocast to bfloat16, for cases of that type and the strong setting."""
        if self.strong and self.device == "cuda":
            self.lib.compiler.cudagraph_mark_step_begin()  # what the graphs of the last run gave may be written over
        if not self.exact and (self.dtype == "amp" or (self.strong and self.device == "cuda" and not self.tf32)):
            return self.lib.autocast(self.device, self.lib.bfloat16)
        return contextlib.nullcontext()

    def sgd(self, parameters: Any) -> Any:
        """SGD with momentum, the fastest that the library has in the strong setting."""
        fused = {"fused": True} if self.strong and self.device == "cuda" else {}
        return self.lib.optim.SGD(parameters, lr=1e-4, momentum=0.9, **fused)

    def recorded(self, step: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        """A training step on `args`, as it runs here: recorded as one CUDA graph if steps are captured."""
        run = self.lib.compile(step) if self.captured else step
        return lambda: run(*args)

    def forget_compiled(self) -> None:
        """Drop what PyTorch has compiled: it keeps eight variants of a function, and runs all others eagerly."""
        if self.strong:
            self.lib.compiler.reset()

    def synchronize(self) -> None:
        """Wait until all work is done."""
        if self.device == "cuda":
            self.lib.cuda.synchronize()

    def _numbers(self, values: np.ndarray) -> Any:
        """Float32 values in this place's type; the reference rounds them to the type and goes on in float64."""
        x = self.lib.tensor(values, device=self.device)
        if self._stored != "float32":
            x = x.to(getattr(self.lib, self._stored))
        return x.to(self.lib.float64) if self.exact else x

    @property
    def _stored(self) -> str:
        """The type that tensors are kept in."""
        return "float32" if self.dtype == "amp" else self.dtype


PLACES = ("cpu", "cuda", "cuda-captured", "torch", "torch-strong", "torch-cuda", "torch-cuda-strong")
EXACT = Place("exact", gpunn, "cpu", exact=True)
EMULATED = "no GPU found (the emulator plays it, and its times say nothing of a GPU)"


def is_emulated() -> bool:
    """Whether the emulator plays the GPU."""
    return backend.installed_cuda() is not None


def open_place(name: str, threads: int, tf32: bool = False, cpu_time: bool = False) -> Place | str:
    """The place of this name, or why it is not there. The emulator is no GPU: its times say nothing of one.

    `cpu_time` is for places on the CPU.
    """
    device = "cuda" if "cuda" in name else "cpu"
    lib: Any = gpunn
    if name.startswith("torch"):
        try:
            lib = importlib.import_module("torch")
        except ImportError:
            return "PyTorch is not installed"
        lib.set_num_threads(threads)
        if device == "cuda" and not lib.cuda.is_available():
            return "no GPU found (by PyTorch)"
    elif device == "cuda":
        if is_emulated():
            return EMULATED
        if (problem := backend.cuda_problem()) is not None:
            return f"no GPU found ({problem})"
    if device == "cuda":
        lib.backends.cuda.matmul.allow_tf32 = tf32
    counts_cpu = cpu_time and device == "cpu"
    return Place(name, lib, device, name.endswith("strong"), name.endswith("captured"), tf32, counts_cpu)


@dataclass(frozen=True)
class Case:
    """One thing to time.

    `make(place)` returns `run`, or `(prepare, run)`: then `prepare()` is called before each `run(prepared)` and is not
    timed. What `run` returns is compared with float64. `moved` counts the bytes that must be read and written, for
    float32; `flops` the arithmetic, `images` the samples, `calls` the calls of something that only gpunn has.
    `sweep(n)` makes the same case with a batch of n. `batch` is that of this case.

    `large`: too large for a CPU. `random`: results differ from run to run. `tf32`: convolutions decide, which are
    computed in TF32 on a GPU. `note`: why PyTorch is much faster, if it is.
    """

    name: str
    make: Callable[[Place], Any]
    moved: int = 0
    flops: int = 0
    images: int = 0
    calls: int = 0
    quick: bool = False  # part of `--quick`
    batch: int = 0
    sweep: Callable[[int], Case] | None = None
    large: bool = False
    random: bool = False
    tf32: bool = False
    is_model: bool = False  # has a strong setting in PyTorch, and can be autocast
    is_step: bool = False  # a whole training step, which can be captured
    planar: bool = False  # works on images (N, C, H, W), so that the memory format matters
    note: str = ""
    family: str = ""  # "ops/pool"
    dtype: str = "float32"
    layout: str = "contiguous"

    @property
    def title(self) -> str:
        """The name with its type and memory format, if these are not the usual ones."""
        kind = "" if self.dtype == "float32" else f"/{self.dtype}"
        return self.name + kind + ("" if self.layout == "contiguous" else f"/{self.layout}")

    @property
    def reason(self) -> str:
        """Why PyTorch is much faster; "" if that is not known: then `ceilings.told` says what was measured."""
        return self.note or SOFTWARE.get(self.dtype, "")

    @property
    def bytes(self) -> int:
        """Bytes that must be moved, in the type of this case."""
        return self.moved * BYTES[self.dtype] // 4
