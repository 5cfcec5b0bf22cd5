"""Where the numbers come from: machine, versions, threads."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpunn import backend, backends, cuda
from gpunn.cli.facts import nvidia_smi, version

from .case import Place

SYMBOLS = ("scipy_openblas_get_num_threads64_", "scipy_openblas_get_num_threads", "openblas_get_num_threads")


def cpu_threads() -> int:
    """How many threads NumPy's BLAS uses: as OpenBLAS says, else as it would choose."""
    told = _openblas_threads()
    if told is not None:
        return told
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = [os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")]
    return next((int(value) for value in given if value and value.isdecimal()), cores)


def _openblas_threads() -> int | None:
    """What the OpenBLAS in this process says; None for other libraries and systems."""
    try:
        mapped = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    for file in dict.fromkeys(line.split()[-1] for line in mapped if "openblas" in line):
        for name in SYMBOLS:
            with contextlib.suppress(OSError, AttributeError):
                return int(getattr(ctypes.CDLL(file), name)())
    return None


def context(
    places: list[Place], threads: int, cache: str = "warm", dtypes: Sequence[str] = ("float32",)
) -> dict[str, Any]:
    """The environment, under the names that Google Benchmark uses where it has them.

    `cache`: "warm" if the data of a case stay in the caches from run to run, "cold" if they are driven out before each.
    """
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host_name": "",
        "executable": "gpunn bench",
        "json_schema_version": 1,
        "num_cpus": os.cpu_count(),
        "load_avg": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "cpu": _cpu_name(),
        "threads": threads,
        "python": platform.python_version(),
        "gpunn": version("gpunn"),
        "commit": _commit(),
        "numpy": np.__version__,
        "blas": _blas(),
        "dtypes": ", ".join(dtypes),
        "tf32": "no GPU to have it",
        "cache": cache,
    }
    for place in places:
        if not place.is_gpunn:
            found["torch"] = str(place.lib.__version__)
        elif place.device == "cuda":
            found |= _gpu()
    return found


def _gpu() -> dict[str, Any]:
    """The GPU, its driver, CUDA and CuPy, and whether float32 may be rounded to TF32."""
    cupy = backend.cuda_module()
    runtime = cupy.cuda.runtime
    policy = {"convolutions": backends.cudnn.allow_tf32, "products": backends.cuda.matmul.allow_tf32}
    return {
        "gpu": cuda.get_device_name(),
        "multiprocessors": int(runtime.getDeviceProperties(0)["multiProcessorCount"]),
        "driver": nvidia_smi()[0] or "",
        "cuda": f"runtime {_release(runtime.runtimeGetVersion())}, driver {_release(runtime.driverGetVersion())}",
        "cupy": str(cupy.__version__),
        "tf32": ", ".join(f"{name} {'on' if is_on else 'off'}" for name, is_on in policy.items()),
    }


def _release(number: int) -> str:
    """12090 is CUDA 12.9."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _blas() -> str:
    config: Any = np.show_config(mode="dicts")
    blas = (config or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', '?')} {blas.get('version', '')}".strip()


def _commit() -> str:
    """The commit of the checkout, "-dirty" if files were changed; nothing in a wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():  # git would look further up, and find a strange project
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
