"""Where the numbers come from: machine, versions, threads."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from gpunn import backend, cuda
from gpunn.cli.facts import version

from .case import Place


def cpu_threads() -> int:
    """How many threads the process may run at once, which is what NumPy's BLAS takes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = [os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")]
    return next((int(value) for value in given if value and value.isdecimal()), cores)


def context(places: list[Place], threads: int) -> dict[str, Any]:
    """The environment, under the names that Google Benchmark uses where it has them."""
    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "host_name": "",
        "num_cpus": os.cpu_count(),
        "cpu": _cpu_name(),
        "threads": threads,
        "python": platform.python_version(),
        "gpunn": version("gpunn"),
        "commit": _commit(),
        "numpy": np.__version__,
        "blas": _blas(),
    }
    for place in places:
        if place.name == "torch":
            found["torch"] = str(place.lib.__version__)
        if place.device == "cuda":
            found["gpu"] = cuda.get_device_name()
            found["cupy"] = str(backend.cuda_module().__version__)
    return found


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
