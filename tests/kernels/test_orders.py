"""Every kernel runs in check mode and in a thousand orders, and a result that depends on the order is noticed."""

import subprocess
import sys

import numpy as np
import pytest

from gpunn.kernels.source import kernel_file, stems
from tests.emulator.launching import needs_compiler
from tests.gpu.step import ROOT
from tests.kernels.orders import check_kernels as check  # tests/gpu runs the tests that name it otherwise


@needs_compiler
def test_every_kernel_runs_in_a_thousand_orders(tmp_path):
    file = tmp_path / "launched"
    plugin = ["-p", "tests.kernels.launched", "--launched", str(file), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-m", "sweep", "tests/kernels"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    launched = set(file.read_text().splitlines())
    missing = [
        f"{stem} {name}" for stem in stems() for name in kernel_file(stem).kernels if f"{stem} {name}" not in launched
    ]
    assert not missing, "add a run in MANY orders for " + ", ".join(missing)


@needs_compiler
def test_a_result_that_depends_on_the_order_is_noticed():
    runs = iter(range(9))
    with pytest.raises(AssertionError, match="result 0 differs with 2 blocks"):
        check(lambda: np.float32(next(runs)))
    runs = iter([1, 1, 1, 2])
    with pytest.raises(AssertionError, match="result 0 differs with order 1"):
        check(lambda: np.float32(next(runs)))
