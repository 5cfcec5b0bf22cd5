"""Tables and JSON of made-up results."""

import json

import pytest

from benchmarks.case import Case
from benchmarks.ceilings import Ceilings
from benchmarks.measure import Result, Timing
from benchmarks.report import Report, as_json, header, kernels, notes, ratio, summary, table, text

MATMUL = Case("matmul", None, flops=4_000_000_000, family="ops/linalg", batch=8, sweep=lambda n: None)
STEP = Case("step", None, images=64, flops=7, family="models", strong=True)
ADD = Case("add", None, moved=12_000_000, family="ops/arithmetic")
CALLS = Case("launch", None, calls=1000, family="overhead/kernels")
TIMES = {
    "cpu": Timing(0.02, 0.015, 0.025, 50, 0.02),
    "cuda": Timing(0.001, 0.0009, 0.0011, 1000, 0.0002),
    "torch": Timing(0.01, 0.01, 0.0125, 100, 0.01),
    "torch-cuda": Timing(0.002, 0.002, 0.002, 100, 0.001),
}
TOPS = {"cpu": Ceilings(2e9, 1e-6, {"float32": 1e12}), "cuda": Ceilings(48e9, 1e-5, {"float32": 16e12})}
MISSING = {"cuda": "no GPU found (CuPy is not installed)", "torch-cuda": "no GPU found (by PyTorch)"}
EVERYWHERE = ["cpu", "cuda", "torch", "torch-cuda"]


def result(case, *places, **known):
    return Result(case, {name: TIMES[name] for name in places}, **known)


def report(results, places=EVERYWHERE, missing=None, tops=TOPS):
    return Report(results, places, tops, missing or {}, {"threads": 1, "gpu": "", "cpu": "A B"})


def rows(shown):
    """A table as dictionaries by the head: the dashes below the head show where a column starts."""
    lines = shown.splitlines()
    starts = [i for i, c in enumerate(lines[1]) if c == "-" and (i == 0 or lines[1][i - 1] == " ")]
    ends = [*starts[1:], None]
    head, *cells = [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in (lines[0], *lines[2:])]
    return [dict(zip(head, row, strict=True)) for row in cells]


@pytest.fixture
def full():
    sweep = {"cpu": {1: 0.5, 2: 1.0, 4: 2.0}, "cuda": {1: 1.0, 2: 1.0, 4: 1.0}}
    errors = {"cpu": 1e-7, "cuda": 3e-4, "torch": 1.0}
    return result(MATMUL, *EVERYWHERE, errors=errors, transfers=(0.004, 0.0005), launches={"a": 2, "b": 1}, sweep=sweep)


def test_all_that_is_known_of_a_case(full):
    assert rows(table([full], report([full]))) == [
        {
            "case": "matmul",
            "error": "3e-04",
            "CPU ms [p20, p80]": "20.0 [15.0, 25.0]",
            "CPU TFLOP/s": "0.200",
            "% of ceiling": "25",
            "bound": "compute",
            "GPU ms [p20, p80]": "1.00 [0.900, 1.10]",
            "enqueue us": "200",
            "in ms": "4.00",
            "out ms": "0.500",
            "GPU TFLOP/s": "4.00",
            "PyTorch CPU ms": "10.0 [10.0, 12.5]",
            "PyTorch GPU ms": "2.00 [2.00, 2.00]",
            "GPU / CPU": "20.00",
            "CPU / PyTorch CPU": "0.50",
            "GPU / PyTorch GPU": "2.00",
            "GPU wins from batch": "2",
        }
    ]


def test_the_cpus_and_the_gpus_part_of_their_ceilings(full):
    shown = table([full], report([full])).splitlines()
    assert [shown[0].count(word) for word in ("% of ceiling", "bound")] == [2, 2]
    assert [" 20 " in shown[2], " 25 " in shown[2]] == [True, True]


def test_memory_and_rates():
    (add, step, launch) = rows(
        table([result(ADD, "cpu"), result(STEP, "cpu"), result(CALLS, "cpu")], report([], ["cpu"]))
    )
    assert (add["CPU GB/s"], add["% of ceiling"], add["bound"]) == ("0.600", "30", "memory")
    assert step["CPU calls or images/s"] == "3,200.0/s"
    assert (launch["CPU calls or images/s"], launch["bound"]) == ("20.00 us a call", "launch")


def test_a_missing_gpu_is_said_and_never_a_number():
    shown = table([result(ADD, "cpu", "torch")], report([], missing=MISSING))
    (row,) = rows(shown)
    assert row["GPU"] == row["GPU / CPU"] == "not measured"
    assert not {"enqueue us", "in ms", "GPU ms [p20, p80]", "PyTorch GPU ms", "GPU / PyTorch GPU"} & set(row)
    assert row["CPU / PyTorch CPU"] == "0.50"
    assert header(report([], missing=MISSING)).endswith(
        "cuda: " + MISSING["cuda"] + "\ntorch-cuda: no GPU found (by PyTorch)"
    )
    assert summary(report([], missing=MISSING)) == "GPU: not measured; " + MISSING["cuda"]


def test_the_header_names_what_is_known():
    assert header(report([])).splitlines() == [
        "threads: 1  cpu: A B",
        "ceilings, CPU: copy 2.00 GB/s, float32 products 1.00 TFLOP/s, smallest call 1.00 us",
        "ceilings, GPU: copy 48.0 GB/s, float32 products 16.0 TFLOP/s, smallest call 10.0 us",
    ]


def test_ratios_need_both_sides():
    assert ratio(result(ADD, "cpu", "torch"), "cpu", "torch") == 0.5
    assert ratio(result(ADD, "cpu"), "cpu", "torch") is None
    (row,) = rows(table([result(ADD, "cuda")], report([], ["cpu", "cuda"])))
    assert row["GPU / CPU"] == "not measured"


def test_what_failed_is_said():
    broken = result(ADD, "cpu", faults={"torch": "TypeError: no"})
    (row,) = rows(table([broken], report([broken])))
    assert row["PyTorch CPU ms"] == "failed"
    assert notes([broken]) == "failed:\n  add in torch: TypeError: no"


def test_slow_cases_have_a_reason():
    slow, why = result(ADD, "cpu"), Case("exp", None, note="one core")
    slow.times["torch"] = Timing(0.002, 0.002, 0.002, 1)
    other = Result(why, slow.times)
    assert notes([slow, other]).splitlines()[1:] == ["  add, 0.10: nobody has looked into it", "  exp, 0.10: one core"]
    assert notes([result(ADD, "cpu", "torch")]) == ""


def test_kernels_are_named_with_what_they_are_built_for(full):
    library = result(ADD, "cuda")
    assert kernels([full, library]) == "kernels:\n  matmul: 2 x a; b\n  add: libraries of CUDA"
    assert kernels([result(ADD, "cpu")]) == ""


def test_means_and_the_worst():
    fast, slow = result(MATMUL, "cpu", "torch"), result(ADD, "cpu")
    slow.times["torch"] = Timing(0.005, 0.005, 0.005, 1)
    assert summary(report([fast, slow])).splitlines() == [
        "CPU / PyTorch CPU: geometric mean 0.35 of 2 cases,",
        "  worst 0.25 (add); linalg 0.50, arithmetic 0.25",
    ]


def test_groups_have_a_table_each(full):
    shown = text(report([full, result(STEP, "cpu"), result(ADD, "cpu")]))
    parts = shown.split("\n\n")
    assert [part.splitlines()[0] for part in parts[1:3]] == ["[ops]", "[models]"]
    assert [line.split()[0] for line in parts[1].splitlines()[3:]] == ["matmul", "add"]
    assert parts[3].startswith("kernels:") and "geometric mean" in parts[-1]


def test_json_in_the_form_of_google_benchmark(full):
    found = as_json(report([full, result(STEP, "cpu"), result(ADD, "cuda", faults={"cpu": "E: x"})], missing=MISSING))
    assert json.loads(json.dumps(found)) == found
    assert found["context"]["missing"] == MISSING and found["context"]["failed"] == {"add/cpu": "E: x"}
    assert found["context"]["ceilings"]["cpu"] == {
        "copy_bytes_per_second": 2e9,
        "call_seconds": 1e-6,
        "flops_per_second": {"float32": 1e12},
    }
    by_name = {entry["name"]: entry for entry in found["benchmarks"]}
    assert list(by_name) == [*[f"matmul/{name}" for name in EVERYWHERE], "step/cpu", "add/cuda"]
    assert by_name["matmul/cpu"] == {
        "name": "matmul/cpu",
        "run_name": "matmul",
        "run_type": "iteration",
        "family": "ops/linalg",
        "backend": "cpu",
        "dtype": "float32",
        "layout": "contiguous",
        "iterations": 50,
        "real_time": 20.0,
        "cpu_time": 20.0,
        "time_unit": "ms",
        "p20": 15.0,
        "p80": 25.0,
        "flops_per_second": 2e11,
        "error": 1e-7,
        "bound": "compute",
        "share_of_ceiling": pytest.approx(0.2),
        "ms_by_batch": {"1": 500.0, "2": 1000.0, "4": 2000.0},
    }
    gpu = by_name["matmul/cuda"]
    assert (gpu["enqueue_us"], gpu["transfer_in_ms"], gpu["transfer_out_ms"]) == (200.0, 4.0, 0.5)
    assert gpu["kernels"] == {"a": 2, "b": 1}
    assert by_name["step/cpu"]["items_per_second"] == 3200 and by_name["add/cuda"]["bytes_per_second"] == 12e9
