"""compute-sanitizer over the runs of tests/kernels where it works; fences and fills over them everywhere.

The tool is tried on a kernel with a planted fault first: where it does not find that, the reason is kept, and the
fences alone must do.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from gpunn import backend
from tests.gpu.repeats import PLUGIN, kernel_tests
from tests.gpu.step import Case, Failed, Setting, Skipped, Step, need_pytest, python
from tests.gpu.suite import pytest_facts

TOOLS = {  # and their options
    "memcheck": ["--padding", "256", "--report-api-errors", "no"],
    "racecheck": [],
    "synccheck": [],
    "initcheck": [],
}
NOT_INSTALLED = "compute-sanitizer is not installed; fences and fills stand in for it"
FOUND = 86  # the exit code that we ask of the tool
FAULTS = {"memcheck": "beyond", "racecheck": "race", "synccheck": None, "initcheck": "unwritten"}
KERNELS = """
extern "C" __global__ void beyond(float* y, const float* x) { y[100000 + threadIdx.x] = 1; }
extern "C" __global__ void unwritten(float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x]; }
extern "C" __global__ void race(float* y, const float* x) {
  __shared__ float a[64];
  a[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = a[63 - threadIdx.x];
}
"""


def cases(setting: Setting) -> Mapping[str, Case]:
    """The four tools and the fences, each over each test of tests/kernels that has runs."""
    need_pytest()
    if setting.rehearsal:
        raise Skipped("the emulator has checks of its own, and no compute-sanitizer")
    tries: dict[str, Case] = {f"{tool} tried": partial(tried, tool) for tool in TOOLS}
    fences: dict[str, Case] = {
        f"fences {n}": partial(pytest_facts, [*PLUGIN, n, "--gpu-guard"]) for n in kernel_tests()
    }
    return (
        tries | fences | {f"{tool} {name}": partial(sanitized, tool, name) for tool in TOOLS for name in kernel_tests()}
    )


def tried(tool: str) -> dict[str, Any]:
    """Whether the tool works here, which is no fault of gpunn."""
    problem = tool_problem(tool)
    if problem is not None:
        raise Skipped(problem)
    return {"works": True}


def tool_problem(tool: str) -> str | None:
    """Why `tool` of compute-sanitizer cannot be used; None if it finds what was planted and nothing else."""
    if shutil.which("compute-sanitizer") is None:
        return NOT_INSTALLED
    for fault in (None, FAULTS[tool]):
        done = python(["-m", "tests.gpu.sanitizer", *([fault] if fault else [])], command(tool))
        if done.returncode != (FOUND if fault else 0):
            text = (done.stdout + done.stderr)[-1500:]
            return f"compute-sanitizer {tool} does not work here (code {done.returncode}): {text}"
    return None


def sanitized(tool: str, name: str) -> dict[str, Any]:
    """One run of a kernel test under `tool`."""
    if shutil.which("compute-sanitizer") is None:
        raise Skipped(NOT_INSTALLED)
    try:
        return pytest_facts([*PLUGIN, name, "--gpu-runs", "1", "--gpu-no-pool", "-s"], command(tool))
    except Failed as failed:
        problem = tool_problem(tool)
        if problem is not None:
            raise Skipped(problem) from failed
        raise Failed(f"{tool}: {failed}", failed.facts) from failed


def command(tool: str) -> list[str]:
    """The tool before a command line."""
    program = shutil.which("compute-sanitizer") or "compute-sanitizer"
    options = ["--error-exitcode", str(FOUND), "--print-limit", "10", "--target-processes", "application-only"]
    return [program, "--tool", tool, *TOOLS[tool], *options]


STEP = Step("sanitizer", "compute-sanitizer, and fences and fills", __name__, cases, limit=150, at_once=6, alone=True)


def main(argv: list[str]) -> int:
    """Run a kernel that is right, or the one with the fault that `argv` names."""
    cupy = backend.cuda_module()
    cupy.cuda.set_allocator(None)
    y, x = cupy.empty(64, "float32"), cupy.empty(64, "float32")
    if argv != ["unwritten"]:
        x.fill(1)
    module = cupy.RawModule(code=KERNELS.replace("100000 +", "100000 +" if argv == ["beyond"] else ""))
    module.get_function(argv[0] if argv else "beyond")((1,), (64,), (y, x))
    cupy.cuda.runtime.deviceSynchronize()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
