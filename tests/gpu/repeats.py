"""The runs of tests/kernels, a hundred times on the GPU: always the same bits."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial

from tests.gpu.step import ROOT, Case, Setting, Step, need_pytest
from tests.gpu.suite import pytest_facts

PLUGIN = ("-p", "tests.gpu.on_gpu")
REHEARSED = ("tests/kernels/test_ctc.py::test_no_faults_and_no_order",)


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each test of tests/kernels that has runs."""
    need_pytest()
    runs = str(setting.pick(100, 2))
    rehearse = ["--gpu-rehearse"] * setting.rehearsal
    tests = setting.pick(kernel_tests(), REHEARSED)
    return {name: partial(pytest_facts, [*PLUGIN, name, "--gpu-runs", runs, *rehearse]) for name in tests}


def kernel_tests() -> list[str]:
    """The tests of tests/kernels that call check_kernels, those in a thousand orders left out: "FILE::TEST"."""
    found = []
    for file in sorted((ROOT / "tests" / "kernels").glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
                is_sweep = any("mark.sweep" in ast.unparse(mark) for mark in node.decorator_list)
                if "check_kernels" in names and not is_sweep:
                    found.append(f"{file.relative_to(ROOT).as_posix()}::{node.name}")
    return found


STEP = Step("repeats", "100 reruns of every kernel test, bit-equal", __name__, cases, limit=240, at_once=4, alone=True)
