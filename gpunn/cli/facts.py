"""What can be observed of the machine and the installation, for `gpunn info`. Looks, and judges nothing.

The NVIDIA driver is asked twice: nvidia-smi tells of every GPU, libcuda of those that this process may use.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from gpunn import backend

_SMI_COLUMNS = "name,compute_cap,memory.total,driver_version"
_SMI_CUDA = re.compile(r"CUDA(?: UMD)? Version *: *(\d+\.\d+)")  # drivers from 610 on say UMD
_CUPY = re.compile(r"(amd-)?cupy(-cuda\d+x?|-rocm[-\d]+)?")  # the distributions that hold a folder `cupy`


@dataclass(frozen=True)
class Gpu:
    """One row of nvidia-smi."""

    name: str
    compute_capability: str
    memory: str


@dataclass(frozen=True)
class Facts:
    """All that the findings of `gpunn info` follow from."""

    gpunn: str
    python: str
    platform: str
    numpy: str
    blas: str
    blas_threads: int | None  # None: this BLAS cannot be asked
    ml_dtypes: str
    cupy: dict[str, str]  # version of each installed distribution of CuPy, by name
    driver: str | None  # version of the NVIDIA driver
    driver_cuda: str | None  # the newest CUDA that it runs, such as "12.8"; None: no driver
    gpus: tuple[Gpu, ...]  # of the machine, hidden or not
    visible_gpus: int | None  # that CUDA gives to this process; None: no libcuda
    cuda_visible_devices: str | None
    headers: str | None  # folder of cuda_fp16.h, where CuPy looks for it
    nvrtc: str | None  # the run-time compiler that CuPy loads
    cuda_problem: str | None  # why device "cuda" does not work; None if it does
    emulated: bool  # device "cuda" is played by the CPU


def gather() -> Facts:
    """The facts of this machine and this process. Never fails: what cannot be learned is None or empty."""
    driver, smi_cuda, gpus = nvidia_smi()
    driver_cuda, visible_gpus = libcuda()
    headers, nvrtc = cuda_compiler()
    problem = cuda_problem()
    return Facts(
        gpunn=version("gpunn"),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        numpy=np.__version__,
        blas=blas(),
        blas_threads=blas_threads(),
        ml_dtypes=version("ml_dtypes"),
        cupy=cupy_distributions(),
        driver=driver,
        driver_cuda=driver_cuda or smi_cuda,
        gpus=gpus,
        visible_gpus=visible_gpus,
        cuda_visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        headers=headers,
        nvrtc=nvrtc,
        cuda_problem=problem,
        emulated=problem is None and backend.cuda_module() is not sys.modules.get("cupy"),
    )


def version(distribution: str) -> str:
    """The installed version of `distribution`, or "not installed"."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def cupy_distributions() -> dict[str, str]:
    """The version of every installed distribution of CuPy, by its name. Does not import CuPy."""
    named = {d.name.lower().replace("_", "-"): d.version for d in metadata.distributions() if d.name}
    return {name: named[name] for name in sorted(named) if _CUPY.fullmatch(name)}


def blas() -> str:
    """Name and version of the BLAS that NumPy was built with, which decides its speed."""
    config = np.show_config(mode="dicts")
    built_with = config.get("Build Dependencies", {}).get("blas", {}) if config else {}
    return f"{built_with.get('name', 'unknown')} {built_with.get('version', '')}".strip()


def blas_threads() -> int | None:
    """Number of threads of the OpenBLAS that NumPy's wheels bundle; None for another BLAS."""
    folder = Path(np.__file__).parent.parent / "numpy.libs"
    for library in sorted(folder.glob("*openblas*")):
        loaded = ctypes.CDLL(str(library))
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
            if count := getattr(loaded, f"{prefix}openblas_get_num_threads{suffix}", None):
                return int(count())
    return None


def nvidia_smi() -> tuple[str | None, str | None, tuple[Gpu, ...]]:
    """Driver version, newest CUDA that it runs, and all GPUs; (None, None, ()) without a working driver."""
    table = _run_nvidia_smi(f"--query-gpu={_SMI_COLUMNS}", "--format=csv,noheader")
    rows = [row.rsplit(", ", 3) for row in table.splitlines() if row.count(", ") >= 3]
    cuda = _SMI_CUDA.search(_run_nvidia_smi())
    return rows[0][3] if rows else None, cuda[1] if cuda else None, tuple(Gpu(*row[:3]) for row in rows)


def _run_nvidia_smi(*arguments: str) -> str:
    command = ["nvidia-smi", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def libcuda(library: str = "libcuda.so.1") -> tuple[str | None, int | None]:
    """Newest CUDA that the driver runs, such as "12.8", and the number of GPUs this process may use.

    (None, None) without a driver. CUDA_VISIBLE_DEVICES counts, as it does for CuPy.
    """
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return None, None
    code, count = ctypes.c_int(), ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(code)) != 0:
        return None, None
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        count.value = 0
    return f"{code.value // 1000}.{code.value % 1000 // 10}", count.value  # 12080 is CUDA 12.8


def cuda_compiler() -> tuple[str | None, str | None]:
    """Folder of the CUDA headers and file of NVRTC, found by CuPy's own finder; None for what is missing."""
    try:
        finder = importlib.import_module("cuda.pathfinder")  # CuPy 14 depends on it
    except ImportError:
        return None, None
    headers = finder.find_nvidia_header_directory("cudart")
    if headers is not None and not Path(headers, "cuda_fp16.h").is_file():
        headers = None
    try:
        nvrtc = finder.load_nvidia_dynamic_lib("nvrtc").abs_path
    except finder.DynamicLibNotFoundError:
        nvrtc = None
    return headers, nvrtc


def cuda_problem() -> str | None:
    """Why device "cuda" does not work here; None if it does. Imports CuPy if it is installed."""
    with warnings.catch_warnings(action="ignore"):  # CuPy warns of a second CuPy; `gpunn info` says more
        try:
            return backend.cuda_problem()
        except Exception as error:  # half of a CuPy can fail in any way
            return f"CuPy does not import ({type(error).__name__}: {error})"
