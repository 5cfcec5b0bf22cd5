"""What `gpunn info` sees, here and on played machines: a script is nvidia-smi, a small library libcuda."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

from gpunn.cli import facts
from gpunn.cli.facts import Gpu

BANNER = "| NVIDIA-SMI 570.86.15   Driver Version: 570.86.15   CUDA Version: 12.8 |"
BANNER_610 = "| NVIDIA-SMI 610.57.04   KMD Version: 610.57.04   CUDA UMD Version: 13.3 |"
LIBCUDA = """
extern "C" int cuDriverGetVersion(int* version) { *version = 12080; return VERSION_ERROR; }
extern "C" int cuInit(unsigned flags) { return INIT_ERROR; }
extern "C" int cuDeviceGetCount(int* count) { *count = 2; return 0; }
"""


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Puts an nvidia-smi on the path that prints `banner`, or `table` when it is asked for one."""

    def install(banner, table, exit_code=0):
        script = tmp_path / "nvidia-smi"
        choice = f"case \"$1\" in --query*) echo '{table}';; *) echo '{banner}';; esac"
        script.write_text(f"#!/bin/sh\n{choice}\nexit {exit_code}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


def test_gather_describes_this_process():
    seen = facts.gather()
    assert seen.numpy == np.__version__
    assert seen.python == ".".join(map(str, sys.version_info[:3]))
    assert seen.blas_threads is None or seen.blas_threads >= 1
    assert not seen.emulated or seen.cuda_problem is None


def test_gather_reads_the_variable_that_hides_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert facts.gather().cuda_visible_devices == "3"


@pytest.mark.parametrize(("banner", "cuda"), [(BANNER, "12.8"), (BANNER_610, "13.3"), ("no version", None)])
def test_nvidia_smi(nvidia_smi, banner, cuda):
    nvidia_smi(banner, "NVIDIA H200, 9.0, 143771 MiB, 570.86.15\nTesla V100, PCIe, 7.0, 16384 MiB, 570.86.15")
    gpus = (Gpu("NVIDIA H200", "9.0", "143771 MiB"), Gpu("Tesla V100, PCIe", "7.0", "16384 MiB"))
    assert facts.nvidia_smi() == ("570.86.15", cuda, gpus)


def test_nvidia_smi_that_reaches_no_driver(nvidia_smi):
    nvidia_smi("NVIDIA-SMI has failed because it could not communicate with the driver", "", exit_code=9)
    assert facts.nvidia_smi() == (None, None, ())


def test_no_nvidia_smi(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts.nvidia_smi() == (None, None, ())


@pytest.mark.parametrize(
    ("version_error", "init_error", "expected"),
    [(0, 0, ("12.8", 2)), (0, 100, ("12.8", 0)), (1, 0, (None, None))],
)
def test_libcuda(tmp_path, version_error, init_error, expected):
    source, library = tmp_path / "cuda.cpp", tmp_path / "libcuda.so"
    source.write_text(LIBCUDA)
    macros = [f"-DVERSION_ERROR={version_error}", f"-DINIT_ERROR={init_error}"]
    subprocess.run(["g++", "-shared", "-fPIC", *macros, str(source), "-o", str(library)], check=True)
    assert facts.libcuda(str(library)) == expected


def test_no_libcuda(tmp_path):
    assert facts.libcuda(str(tmp_path / "libcuda.so.1")) == (None, None)


def test_version():
    assert facts.version("numpy") == np.__version__
    assert facts.version("no-such-distribution") == "not installed"


def test_cupy_distributions_counts_builds_of_cupy_alone(monkeypatch, tmp_path):
    versions = {"cupy": "14.0.1", "cupy-cuda12x": "14.2.0", "cupy-rocm-7-0": "14.1.0"}
    for name, version in {**versions, "cupy-xarray": "0.1"}.items():
        name = name.replace("-", "_")  # as some builders write it
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert facts.cupy_distributions() == versions


class NotFound(RuntimeError):
    """The finder's own error."""


def install_finder(monkeypatch, headers, nvrtc):
    def load(name):
        if nvrtc is None:
            raise NotFound(name)
        return types.SimpleNamespace(abs_path=nvrtc)

    finder = types.SimpleNamespace(
        DynamicLibNotFoundError=NotFound,
        find_nvidia_header_directory={"cudart": headers}.get,
        load_nvidia_dynamic_lib=load,
    )
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    monkeypatch.setitem(sys.modules, "cuda", types.SimpleNamespace(pathfinder=finder))


def test_cuda_compiler_is_where_the_finder_says(monkeypatch, tmp_path):
    (tmp_path / "cuda_fp16.h").touch()
    install_finder(monkeypatch, str(tmp_path), "libnvrtc.so.12")
    assert facts.cuda_compiler() == (str(tmp_path), "libnvrtc.so.12")


def test_cuda_compiler_without_fp16_header_and_nvrtc(monkeypatch, tmp_path):
    install_finder(monkeypatch, str(tmp_path), None)
    assert facts.cuda_compiler() == (None, None)


def test_cuda_compiler_without_the_finder(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    assert facts.cuda_compiler() == (None, None)


def test_cuda_problem_of_a_broken_cupy(monkeypatch):
    def fails():
        raise AttributeError("half a CuPy")

    monkeypatch.setattr(facts.backend, "cuda_problem", fails)
    assert facts.cuda_problem() == "CuPy does not import (AttributeError: half a CuPy)"
