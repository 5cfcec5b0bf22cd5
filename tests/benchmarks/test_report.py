"""The report of made-up results."""

import pytest

from benchmarks.case import Case
from benchmarks.ceilings import Ceilings, share
from benchmarks.measure import Result, Timing
from benchmarks.report import header, kernels, notes, summary, text
from tests.benchmarks.made_up import ADD, CALLS, MATMUL, MISSING, STEP, TOPS, full, report, result

CONTEXT = {
    "date": "2026-01-02",
    "cpu": "A B",
    "num_cpus": 8,
    "threads": 4,
    "gpu": "NVIDIA H200",
    "multiprocessors": 132,
    "driver": "580.1",
    "cuda": "runtime 12.9, driver 13.0",
    "cupy": "14.2.0",
    "gpunn": "0.1.0",
    "commit": "abc1234",
    "python": "3.11.7",
    "numpy": "2.4.6",
    "blas": "scipy-openblas 0.3.31",
    "torch": "2.13.0",
    "dtypes": "float32, amp",
    "tf32": "convolutions on, products off",
    "cache": "warm",
}


def test_the_header_has_all_of_the_surroundings():
    full_report = report([])
    full_report.context = CONTEXT
    assert header(full_report).splitlines() == [
        "gpunn bench, 2026-01-02",
        "machine    A B, 8 CPUs, threads of BLAS: 4",
        "gpu        NVIDIA H200, 132 multiprocessors, driver 580.1, CUDA runtime 12.9, driver 13.0, CuPy",
        "           14.2.0",
        "software   gpunn 0.1.0, commit abc1234, Python 3.11.7, NumPy 2.4.6, scipy-openblas 0.3.31, PyTorch",
        "           2.13.0",
        "precision  float32, amp, TF32: convolutions on, products off",
        "caches     warm",
        "ceilings   cpu: copy 2.00 GB/s (40.0 in cache), float32 products 1.00 TFLOP/s, smallest call 1.00 us",
        "ceilings   cuda: copy 48.0 GB/s, float32 products 16.0 TFLOP/s, smallest call 10.0 us",
    ]


def test_the_header_names_only_what_is_known():
    lines = header(report([], tops={})).splitlines()
    assert lines == ["gpunn bench", "machine    A B, threads of BLAS: 1"]


def test_ceilings_that_moved_are_said_to_be_unreliable():
    shaky = {"cpu": Ceilings({8: 1e9}, 1e-6, {"float32": 1e12}, steadiness=0.4)}
    assert "UNRELIABLE: the median is 40 % of the best" in " ".join(header(report([], tops=shaky)).split())


def test_a_missing_gpu_is_said_and_never_a_number():
    shown = text(report([result(ADD, "cpu", "torch")], missing=MISSING))
    assert "missing    cuda: no GPU found (CuPy is not installed)\n" in shown
    assert "\n[ops] cuda: not measured\n" in shown and shown.endswith("GPU: not measured; no GPU found")
    assert "enqueue" not in shown and "/cpu" not in shown


def test_groups_have_a_table_each():
    shown = text(report([full(), result(STEP, "cpu"), result(ADD, "cpu"), result(CALLS, "cpu")]))
    parts = shown.split("\n\n")
    assert [part.splitlines()[0] for part in parts[1:4]] == ["[ops]", "[models]", "[overhead]"]
    assert [line for line in parts[1].splitlines() if not line.startswith(" ")] == ["[ops]", "matmul", "add"]
    assert parts[4].startswith("[throughput, samples a second by batch]\n") and parts[5].startswith("[kernels")
    assert "geometric mean" in parts[-1]


def test_the_table_of_a_group_has_only_its_own_columns():
    models = text(report([full(), result(STEP, "cpu")])).split("\n\n")[2]
    assert models.splitlines()[1].split() == ["time", "[p20,", "p80]", "per", "s", "TFLOP/s", "%", "bound"]


def test_a_run_that_was_stopped_says_so():
    assert text(report([result(ADD, "cpu")], stopped="stopped after 1 of 9 cases")).endswith("1 of 9 cases")


def test_what_failed_is_said_in_one_line_each():
    broken = result(ADD, "cpu", faults={"torch-strong": "BackendError: no g++\nand a long trace", "torch": "E: no"})
    assert notes(report([broken])) == "failed:\n  add in torch-strong: BackendError: no g++\n  add in torch: E: no"


def test_slow_cases_have_a_reason():
    slow, why = result(ADD, "cpu"), Case("exp", None, note="one core")
    slow.times["torch"] = Timing(0.002, 0.002, 0.002, 1)
    other = Result(why, slow.times)
    lines = notes(report([slow, other], tops={})).splitlines()
    assert lines[1:3] == ["  add, 0.10: no note, and nothing is counted that would tell", "  exp, 0.10: one core"]
    reached = share(ADD, slow.times["cpu"], TOPS["cpu"])[0]
    assert f"bound by memory, {reached:.0%} of what this" in notes(report([slow])).splitlines()[1]
    assert notes(report([result(ADD, "cpu", "torch")])) == ""


@pytest.mark.parametrize(("had", "is_busy"), [(0.018, False), (0.017, True)])
def test_a_busy_machine_is_told_by_the_time_that_the_process_had(had, is_busy):
    waited = Result(ADD, {"cpu": Timing(0.02, 0.02, 0.02, 1, 0.02, had), "cuda": Timing(1.0, 1.0, 1.0, 1)})
    assert ("busy: runs on the CPU had it for 85 %" in notes(report([waited]))) is is_busy


def test_kernels_are_named_with_their_configuration():
    library = result(ADD, "cuda")
    assert kernels([full(), library]).splitlines()[1:] == ["  matmul: 2 x a; b", "  add: libraries of CUDA"]
    assert kernels([result(ADD, "cpu")]) == ""
    many = result(ADD, "cuda", launches={f"softmax.kernel_{i} <float32> 16 x 256": 1 for i in range(9)})
    lines = kernels([many]).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) > 2 and all(line.rstrip(";").endswith(" 16 x 256") for line in lines[1:])  # none is broken


def test_means_and_the_worst():
    fast, slow = result(MATMUL, "cpu", "torch"), result(ADD, "cpu")
    slow.times["torch"] = Timing(0.005, 0.005, 0.005, 1)
    assert summary(report([fast, slow])).splitlines() == [
        "cpu / torch: geometric mean 0.35 of 2 cases, worst 0.25 (add)",
        "  linalg 0.50, arithmetic 0.25",
    ]


def test_captured_steps_have_means_beside_all_others():
    places = ["cpu", "cuda", "cuda-captured", "torch-cuda", "torch-cuda-strong"]
    found = [line for line in summary(report([result(STEP, *places)])).splitlines() if "captured" in line]
    assert [line.split()[:7] for line in found] == [
        ["cuda-captured", "/", "cpu:", "geometric", "mean", "40.00", "of"],
        ["cuda-captured", "/", "torch-cuda:", "geometric", "mean", "4.00", "of"],
        ["cuda-captured", "/", "torch-cuda-strong:", "geometric", "mean", "0.80", "of"],
        ["cuda-captured", "/", "cuda:", "geometric", "mean", "2.00", "of"],
    ]
