"""The findings of `gpunn info` on made-up machines, each with the line that mends it."""

import json
from dataclasses import replace

import pytest

from gpunn.cli import info
from gpunn.cli.facts import Facts, Gpu

H200 = Gpu("NVIDIA H200", "9.0", "143771 MiB")
V100 = Gpu("Tesla V100", "7.0", "16384 MiB")
HEALTHY = Facts(
    gpunn="0.1.0",
    python="3.11.7",
    platform="Linux x86_64",
    numpy="2.4.6",
    blas="scipy-openblas 0.3.31",
    blas_threads=16,
    ml_dtypes="0.6.0",
    cupy={"cupy-cuda12x": "14.2.0"},
    driver="570.86.15",
    driver_cuda="12.8",
    gpus=(H200,),
    visible_gpus=1,
    cuda_visible_devices=None,
    headers="include",
    nvrtc="libnvrtc.so.12",
    cuda_problem=None,
    emulated=False,
)
EMULATED = replace(HEALTHY, driver=None, driver_cuda=None, gpus=(), visible_gpus=None, cupy={}, emulated=True)
NO_GPU = replace(EMULATED, emulated=False, cuda_problem="CuPy is not installed")
INSTALL_12 = 'python -m pip install "cupy-cuda12x[ctk]>=14"'
INSTALL_13 = 'python -m pip install "cupy-cuda13x[ctk]>=14"'


def machine(**changes):
    return replace(HEALTHY, **changes)


def test_a_healthy_machine_has_no_findings():
    assert info.findings(HEALTHY) == []


@pytest.mark.parametrize(
    ("facts", "words", "fix"),
    [
        (NO_GPU, "no NVIDIA driver", ""),
        (machine(driver_cuda="11.4", cupy={}), "runs CUDA 11.4 at most", INSTALL_12),
        (machine(gpus=(), visible_gpus=0), "sees no GPU", ""),
        (
            machine(cuda_visible_devices="", gpus=(H200, V100), visible_gpus=0),
            "CUDA_VISIBLE_DEVICES='' hides every GPU (2 here)",
            "unset CUDA_VISIBLE_DEVICES",
        ),
        (machine(cupy={}), "CuPy is not installed", INSTALL_12),
        (machine(cupy={}, driver_cuda="13.0"), "CuPy is not installed", INSTALL_13),
        (machine(cupy={}, driver_cuda="14.1"), "CuPy is not installed", INSTALL_13),
        (machine(cupy={}, driver_cuda="13.0", gpus=(H200, V100)), "CuPy is not installed", INSTALL_12),
        (machine(cupy={}, gpus=()), "CuPy is not installed", INSTALL_12),
        (
            machine(cupy={"cupy-cuda11x": "13.6.0", "cupy-cuda12x": "14.2.0"}),
            "cupy-cuda11x must go",
            f"python -m pip uninstall -y cupy-cuda11x cupy-cuda12x && {INSTALL_12}",
        ),
        (
            machine(driver_cuda="13.0", cupy={"cupy-cuda11x": "13.6.0", "cupy-cuda12x": "14.2.0"}),
            "; cupy-cuda11x must go",
            f"python -m pip uninstall -y cupy-cuda11x cupy-cuda12x && {INSTALL_12}",
        ),
        (
            machine(gpus=(), cupy={"cupy": "14.0.0", "cupy-cuda13x": "14.2.0"}),
            "cupy and cupy-cuda13x must go",
            f"python -m pip uninstall -y cupy cupy-cuda13x && {INSTALL_12}",
        ),
        (
            machine(cupy={"cupy-cuda13x": "14.2.0"}),
            "cupy-cuda13x does not fit NVIDIA H200 (9.0) with a driver for CUDA 12.8",
            f"python -m pip uninstall -y cupy-cuda13x && {INSTALL_12}",
        ),
        (
            machine(cupy={"cupy-cuda13x": "14.2.0"}, driver_cuda="13.0", gpus=(V100,)),
            "does not fit Tesla V100 (7.0)",
            f"python -m pip uninstall -y cupy-cuda13x && {INSTALL_12}",
        ),
        (
            machine(cupy={"cupy-cuda11x": "13.6.0"}, headers=None, nvrtc=None),
            "cupy-cuda11x does not fit",
            f"python -m pip uninstall -y cupy-cuda11x && {INSTALL_12}",
        ),
        (machine(cupy={"cupy-cuda12x": "13.6.0"}, nvrtc=None), "13.6.0 is older than 14", INSTALL_12),
        (machine(cupy={"cupy": "13.6.0"}), "13.6.0 is older than 14", 'python -m pip install "cupy>=14"'),
        (machine(headers=None), "no CUDA headers (cuda_fp16.h), so", INSTALL_12),
        (machine(nvrtc=None), "no NVRTC, so", INSTALL_12),
        (machine(headers=None, nvrtc=None), "no CUDA headers (cuda_fp16.h) and no NVRTC", INSTALL_12),
        (
            machine(cupy={"cupy": "14.2.0"}, nvrtc=None, driver_cuda="13.1"),
            "no NVRTC",
            'python -m pip install "cuda-toolkit[cudart,nvrtc]==13.*"',
        ),
        (EMULATED, "emulated on the CPU", ""),
        (machine(cuda_problem="CuPy does not import"), "CuPy does not import", ""),
    ],
)
def test_finding(facts, words, fix):
    (finding,) = info.findings(facts)
    assert words in finding.problem
    assert finding.fix == fix


def test_newer_drivers_run_the_cuda_12_build():
    assert info.findings(machine(driver_cuda="13.0")) == []


def test_causes_come_before_effects():
    facts = machine(cuda_visible_devices="-1", visible_gpus=0, cupy={}, cuda_problem="CuPy is not installed")
    hidden, missing = info.findings(facts)
    assert "hides" in hidden.problem and "not installed" in missing.problem


@pytest.mark.parametrize(
    ("facts", "extra"),
    [
        (HEALTHY, "cuda12x"),
        (machine(driver_cuda="13.0"), "cuda13x"),
        (machine(driver_cuda="13.0", gpus=(Gpu("?", "[N/A]", "?"),)), "cuda13x"),
        (machine(driver_cuda="11.8"), ""),
        (machine(gpus=(), visible_gpus=0), ""),
        (NO_GPU, ""),
    ],
)
def test_cuda_extra(facts, extra):
    assert info.cuda_extra(facts) == extra


def test_report_prints_the_fix_under_the_problem():
    lines = list(info.report(machine(cupy={})))
    assert "GPU 0      NVIDIA H200, compute capability 9.0, 143771 MiB" in lines
    assert lines[-2:] == ["* there is a GPU, but CuPy is not installed", f"    {INSTALL_12}"]


def test_report_speaks_of_the_compiler_where_there_is_a_cupy():
    assert "NVRTC      libnvrtc.so.12" in list(info.report(HEALTHY))
    assert not any(line.startswith("NVRTC") for line in info.report(NO_GPU))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (HEALTHY, "ready"),
        (NO_GPU, "not usable"),
        (EMULATED, "emulated"),
    ],
)
def test_report_says_whether_cuda_works(facts, state):
    assert f'"cuda"     {state}' in list(info.report(facts))


@pytest.fixture
def on(monkeypatch):
    return lambda facts: monkeypatch.setattr(info, "gather", lambda: facts)


def test_main_prints_the_report(on, capsys):
    on(HEALTHY)
    assert info.main([]) == 0
    assert capsys.readouterr().out == "\n".join(info.report(HEALTHY)) + "\n"


def test_main_prints_json(on, capsys):
    on(NO_GPU)
    assert info.main(["--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["numpy"] == "2.4.6" and printed["findings"][0]["fix"] == ""


def test_main_prints_the_extra_for_make_demo(on, capsys):
    on(HEALTHY)
    assert info.main(["--extra"]) == 0
    assert capsys.readouterr().out == "cuda12x\n"


@pytest.mark.parametrize("argv", [["--jsno"], ["--json", "--extra"], ["more"]])
def test_main_refuses_bad_arguments(argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        info.main(argv)
    assert "usage: gpunn info" in capsys.readouterr().err
