"""Training steps of whole models, gpunn and PyTorch on the GPU, taking turns in one process."""

from __future__ import annotations

import contextlib
import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gpunn
from benchmarks.case import Place
from tests.gpu.models import MODELS, Model
from tests.gpu.step import Failed, Setting

ROUNDS, WARM_UP = 15, 4
ROUND_SECONDS = 0.05
NOT_THERE = (AttributeError, NotImplementedError)  # what gpunn does not have yet


@dataclass(frozen=True)
class Variant:
    """A library and a precision: float32 with or without TF32, bfloat16 (channels last), or autocast to it."""

    place: Place
    precision: str  # "fp32", "tf32", "bf16", "amp"

    def enter(self) -> Any:
        """Set the library's switches; a context for the step."""
        backends = self.place.lib.backends
        backends.cudnn.allow_tf32 = backends.cuda.matmul.allow_tf32 = self.precision != "fp32"
        if self.precision == "amp":
            return self.place.lib.autocast(self.place.device, self.place.lib.bfloat16)
        return contextlib.nullcontext()

    def step(self, model: Model) -> Callable[[], Any]:
        """Build the model, and return one training step of it; it answers with the loss."""
        lib = self.place.lib
        dtype = lib.bfloat16 if self.precision == "bf16" else lib.float32
        net = model.build(self.place).to(dtype)
        x, labels = model.data(self.place, dtype)
        if self.precision in ("bf16", "amp") and x.ndim == 4:
            net = net.to(memory_format=lib.channels_last)
            x = x.contiguous(memory_format=lib.channels_last)
        optimizer = lib.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
        cross_entropy = lib.nn.functional.cross_entropy

        def step() -> Any:
            with self.enter():
                optimizer.zero_grad()
                loss = cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step


def compared(name: str, setting: Setting) -> dict[str, Any]:
    """Seconds of a training step in each variant: median, 20th and 80th percentile; what gpunn lacks, by name."""
    model = MODELS[name]
    if setting.rehearsal:
        model = Model(model.build, (2, *model.shape[1:]), model.classes, model.is_text)
    ready: dict[str, tuple[Variant, Callable[[], Any], int]] = {}
    facts: dict[str, Any] = {"batch": model.shape, "missing": {}}
    faults = []
    for label, variant in variants(setting).items():
        try:
            step = variant.step(model)
            losses = [float(step()) for _ in range(setting.pick(WARM_UP, 2))]
            ready[label] = variant, step, setting.pick(_steps_in_a_round(variant, step), 1)
            facts[label] = {"losses": losses}
        except NOT_THERE as error:
            facts["missing"][label] = repr(error)
        except Exception as error:  # the others are still worth their times
            faults.append(f"{label}: {type(error).__name__}: {error}")
    times: dict[str, list[float]] = {label: [] for label in ready}
    for _ in range(setting.pick(ROUNDS, 1)):
        for label, (variant, step, count) in ready.items():
            times[label].append(_seconds(variant, step, count))
    for label, seconds in times.items():
        ordered = sorted(seconds)
        last = len(ordered) - 1
        facts[label]["seconds"] = [statistics.median(ordered), ordered[round(0.2 * last)], ordered[round(0.8 * last)]]
        facts[label]["per_second"] = model.shape[0] / statistics.median(ordered)
    if faults:
        raise Failed("\n".join(faults), facts)
    return facts


def variants(setting: Setting) -> dict[str, Variant]:
    """gpunn's, then PyTorch's if it is there and has CUDA."""
    mine = Place("cuda", gpunn, "cuda")
    found = {f"gpunn {p}": Variant(mine, p) for p in setting.pick(("fp32", "tf32", "bf16"), ("fp32",))}
    with contextlib.suppress(ImportError):
        torch: Any = None if setting.rehearsal else importlib.import_module("torch")
        if torch is not None and torch.cuda.is_available():
            theirs = Place("torch", torch, "cuda")
            found |= {f"torch {p}": Variant(theirs, p) for p in ("fp32", "tf32", "bf16", "amp")}
    return found


def _steps_in_a_round(variant: Variant, step: Callable[[], Any]) -> int:
    return max(1, round(ROUND_SECONDS / _seconds(variant, step, 1)))


def _seconds(variant: Variant, step: Callable[[], Any], count: int) -> float:
    variant.place.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        step()
    variant.place.synchronize()
    return (time.perf_counter() - start) / count
