"""Benchmarks: the suite of `gpunn bench`, what CuPy's calls cost, training steps beside PyTorch. They judge nothing."""

from __future__ import annotations

import importlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.families import everything
from gpunn import backend, kernels
from tests.gpu import training
from tests.gpu.models import MODELS
from tests.gpu.step import Case, Failed, Setting, Step, python

CALLS = 1000
REHEARSED = ("lenet5",)
TEXT = 'extern "C" __global__ void nothing(float* y, long long n) {}'


def cases(setting: Setting) -> Mapping[str, Case]:
    """One process has the GPU at a time."""
    bench = {"bench, quick": ["--quick", "--backends", "cpu,cuda,torch,torch-cuda"]}
    on_gpu = ["--backends", "cuda,cuda-captured,torch-cuda", "--seconds", "0.1", "--batches", "1", "--no-error"]
    bench |= {f"bench, {part}": [part, *on_gpu] for part in parts()}
    bench = setting.pick(bench, {"bench, quick": ["relu/forward/", "--backends", "cpu", "--seconds", "0"]})
    found: dict[str, Case] = {name: partial(benchmarks, arguments) for name, arguments in bench.items()}
    found["calls"], found["ceilings"] = partial(calls, setting), partial(ceilings, setting)
    return found | {name: partial(training.compared, name, setting) for name in setting.pick(MODELS, REHEARSED)}


def parts() -> list[str]:
    """The families of `gpunn bench`, models one by one: words that choose their cases."""
    names = [f"{case.family}/{case.title}".split("/") for case in everything()]
    return list(dict.fromkeys(f"{family}/{name}/" for family, name, *_ in names))


def benchmarks(arguments: Sequence[str]) -> dict[str, Any]:
    """The JSON of `gpunn bench`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "results.json")
        done = python(["-m", "benchmarks", *arguments, "--json", str(file)])
        if done.returncode != 0 or not file.exists():
            raise Failed(f"gpunn bench ended with code {done.returncode}: {(done.stdout + done.stderr)[-4000:]}")
        facts: dict[str, Any] = json.loads(file.read_text())
    return facts


def calls(setting: Setting) -> dict[str, Any]:
    """Microseconds of the host for one call, and until the GPU has done it; medians of nine rounds."""
    cupy = backend.cuda_module()
    x, y = cupy.ones(1000, "float32"), cupy.ones(1000, "float32")
    a, b = cupy.ones((64, 64), "float32"), cupy.ones((64, 64), "float32")
    nothing = cupy.RawModule(code=TEXT).get_function("nothing")
    args = (y, np.int64(1000))
    functions: dict[str, Callable[[], Any]] = {
        "RawKernel": lambda: nothing((1,), (256,), args),
        "gpunn.kernels.launch": lambda: kernels.launch("activation/piecewise", "relu_forward", 250, (y, x, 1000)),
        "ufunc": lambda: cupy.add(x, x, out=y),
        "ufunc and allocation": lambda: cupy.add(x, x),
        "reduction": lambda: x.sum(),
        "matmul": lambda: cupy.matmul(a, b),
        "empty": lambda: cupy.empty(1000, "float32"),
        "copy to the host": lambda: x.get(),
    }
    functions |= {} if setting.rehearsal else _torch_calls()
    return {name: _cost(cupy, call, setting.pick(CALLS, 5)) for name, call in functions.items()}


def _torch_calls() -> dict[str, Callable[[], Any]]:
    """The same of PyTorch, which uses the same stream; nothing where it is missing."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        return {}
    if not torch.cuda.is_available():
        return {}
    x, y = torch.ones(1000, device="cuda"), torch.ones(1000, device="cuda")
    a = torch.ones(64, 64, device="cuda")
    return {
        "torch: add into": lambda: torch.add(x, x, out=y),
        "torch: add": lambda: x + x,
        "torch: sum": lambda: x.sum(),
        "torch: relu": lambda: torch.relu(x),
        "torch: matmul": lambda: a @ a,
        "torch: empty": lambda: torch.empty(1000, device="cuda"),
    }


def ceilings(setting: Setting) -> dict[str, float]:
    """What the machine can do: GB/s of a copy (bytes read and written), TFLOP/s of products of random numbers."""
    cupy = backend.cuda_module()
    size, n = setting.pick(1 << 30, 1 << 10), setting.pick(8192, 16)
    x, y = cupy.ones(size, "float32"), cupy.empty(size, "float32")
    copy = _cost(cupy, lambda: cupy.copyto(y, x), setting.pick(5, 1))["between events"] * 1e-6
    found = {"copy GB/s": 2 * x.nbytes / max(copy, 1e-12) / 1e9}
    for name in ("float16", "float32", "float64"):
        a = cupy.asarray(np.random.default_rng(0).standard_normal((n, n), np.float32).astype(name))
        seconds = _cost(cupy, lambda a=a: cupy.matmul(a, a), setting.pick(3, 1))["between events"] * 1e-6
        found[f"matmul {name} TFLOP/s"] = 2 * n**3 / max(seconds, 1e-12) / 1e12
    return found


def _cost(cupy: Any, call: Callable[[], Any], count: int) -> dict[str, float]:
    def wait() -> None:
        cupy.cuda.runtime.deviceSynchronize()

    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    host, whole, device = [], [], []
    for _ in range(9):
        wait()
        start = time.perf_counter()
        begin.record()
        for _ in range(count):
            call()
        end.record()
        host.append(time.perf_counter() - start)
        wait()
        whole.append(time.perf_counter() - start)
        device.append(cupy.cuda.get_elapsed_time(begin, end) * 1e-3)
    medians = {"host": host, "whole": whole, "between events": device}
    return {name: statistics.median(seconds) / count * 1e6 for name, seconds in medians.items()}


STEP = Step("speed", "benchmarks: they judge nothing", __name__, cases, limit=300, alone=True)
