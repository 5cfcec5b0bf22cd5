"""What machine and what versions the results belong to."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.environment import context
from gpunn import backend, emulator
from tests.gpu.step import Case, Failed, Setting, Step

MODULES = ("cupy", "numpy", "torch", "pytest", "hypothesis", "ml_dtypes", "safetensors")
TOOLS = (("nvidia-smi",), ("nvcc", "--version"), ("g++", "--version"), ("compute-sanitizer", "--version"))
LEAST_CAPABILITY = 75


def cases(setting: Setting) -> Mapping[str, Case]:
    """The machine, its software, its GPU."""
    return {"machine": machine, "software": software, **({} if setting.rehearsal else {"gpu": gpu})}


def machine() -> dict[str, Any]:
    """Processor, memory, commit."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    threads = len(os.sched_getaffinity(0))
    return {**context([], threads), "platform": platform.platform(), "memory": pages, "numpy": np.__version__}


def software() -> dict[str, Any]:
    """Versions of the modules and tools, or why they are not there."""
    found: dict[str, Any] = {name: _module(name) for name in MODULES}
    found.update({command[0]: _output(command) for command in TOOLS})
    found["emulator"] = emulator.compiler_problem() or "works"
    return found


def gpu() -> dict[str, Any]:
    """The GPU as CUDA sees it."""
    cupy = backend.cuda_module()
    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    found = {k: v.decode(errors="replace") if isinstance(v, bytes) else v for k, v in properties.items()}
    found = {k: v for k, v in found.items() if isinstance(v, int | float | str)}
    found["driver"], found["runtime"] = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    with contextlib.suppress(AttributeError):
        found["nvrtc"] = cupy.cuda.nvrtc.getVersion()
    found["free_memory"] = runtime.memGetInfo()[0]
    capability = int(cupy.cuda.Device().compute_capability)
    if capability < LEAST_CAPABILITY:
        raise Failed(f"compute capability {capability}, gpunn needs {LEAST_CAPABILITY}", found)
    return {**found, "capability": capability}


def _module(name: str) -> str:
    try:
        return str(getattr(importlib.import_module(name), "__version__", "there"))
    except ImportError as error:
        return f"not there: {error}"


def _output(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        return "not there"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return (done.stdout or done.stderr).strip()[-2000:]


STEP = Step("environment", "the machine and its versions", __name__, cases)
