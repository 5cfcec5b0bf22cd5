"""The runs of tests/kernels, a hundred times on the GPU: always the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.gpu.step import ROOT, Case, Setting, Step, need_pytest
from tests.gpu.suite import pytest_facts

PLUGIN = ("-p", "tests.gpu.on_gpu")
REHEARSED = ("tests/kernels/test_ctc.py",)


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each file of tests/kernels that has runs."""
    need_pytest()
    runs = str(setting.pick(100, 2))
    rehearse = ["--gpu-rehearse"] * setting.rehearsal
    files = setting.pick(kernel_tests(), REHEARSED)
    return {name: partial(pytest_facts, [*PLUGIN, name, "--gpu-runs", runs, *rehearse]) for name in files}


def kernel_tests() -> list[str]:
    """The files of tests/kernels that call check_kernels."""
    files = sorted((ROOT / "tests" / "kernels").glob("test_*.py"))
    return [f.relative_to(ROOT).as_posix() for f in files if "check_kernels(" in f.read_text()]


STEP = Step("repeats", "100 reruns of every kernel test, bit-equal", __name__, cases, limit=240, at_once=4, alone=True)
