"""The table and the JSON of made-up results."""

import json

from benchmarks.case import Case
from benchmarks.measure import Timing
from benchmarks.report import as_json, rate, table


def nowhere(place):
    raise AssertionError("a report runs nothing")


MATMUL = Case("matmul", nowhere, flops=4_000_000_000)
STEP = Case("step", nowhere, images=64, flops=7)
ADD = Case("add", nowhere, moved=12_000_000)
TINY = Case("tiny", nowhere)
TIMES = {
    "cpu": Timing(0.02, 0.015, 0.025, 50),
    "torch": Timing(0.01, 0.01, 0.0125, 100),
    "cuda": Timing(0.001, 0.0009, 0.0011, 1000),
}
MISSING = {"cuda": "no GPU found (CuPy is not installed)"}


def columns(text):
    """The table as rows of cells: the dashes below the head show where a column starts."""
    lines = text.splitlines()
    starts = [i for i, c in enumerate(lines[1]) if c == "-" and (i == 0 or lines[1][i - 1] == " ")]
    ends = [*starts[1:], None]
    return [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in (lines[0], *lines[2:])]


def test_three_places_side_by_side():
    rows = columns(table([(MATMUL, TIMES), (STEP, TIMES)], ["cpu", "cuda", "torch"], {}))
    rates = "20.000 [15.000, 25.000] | {} | 1.000 [0.900, 1.100] | {} | 10.000 [10.000, 12.500] | {} | 20.0x | 0.50"
    assert [" | ".join(row) for row in rows] == [
        "case | CPU ms [p20, p80] | rate | GPU ms [p20, p80] | rate | PyTorch CPU ms [p20, p80] | rate"
        " | GPU/CPU | CPU/PyTorch",
        "matmul | " + rates.format("200.0 GFLOP/s", "4000.0 GFLOP/s", "400.0 GFLOP/s"),
        "step | " + rates.format("3,200 images/s", "64,000 images/s", "6,400 images/s"),
    ]


def test_a_missing_gpu_is_said_and_never_a_number():
    head, row = columns(table([(ADD, {"cpu": TIMES["cpu"]})], ["cpu", "cuda"], MISSING))
    assert row == ["add", "20.000 [15.000, 25.000]", "0.6 GB/s", "no GPU found", "", "not measured"]
    assert head[-1] == "GPU/CPU"


def test_without_the_cpu_nothing_is_compared():
    (_, row) = columns(table([(TINY, {"cuda": TIMES["cuda"]})], ["cuda"], {}))
    assert row == ["tiny", "1.000 [0.900, 1.100]", "", "not measured"]


def test_one_place_has_no_comparison():
    assert columns(table([(TINY, TIMES)], ["cpu"], {}))[0] == ["case", "CPU ms [p20, p80]", "rate"]


def test_the_rate_is_the_first_that_the_case_counts():
    assert [rate(case, TIMES["cuda"]) for case in (STEP, MATMUL, ADD, TINY)] == [
        "64,000 images/s",
        "4000.0 GFLOP/s",
        "12.0 GB/s",
        "",
    ]


def test_json_in_the_form_of_google_benchmark():
    found = as_json([(MATMUL, {"cpu": TIMES["cpu"]}), (STEP, TIMES), (ADD, TIMES)], {"threads": 1}, MISSING)
    assert json.loads(json.dumps(found)) == found
    assert found["context"] == {"threads": 1, "missing": MISSING}
    assert found["benchmarks"][0] == {
        "name": "matmul/cpu",
        "run_name": "matmul",
        "run_type": "iteration",
        "backend": "cpu",
        "iterations": 50,
        "real_time": 20.0,
        "cpu_time": 20.0,
        "time_unit": "ms",
        "p20": 15.0,
        "p80": 25.0,
        "flops_per_second": 2e11,
    }
    by_name = {entry["name"]: entry for entry in found["benchmarks"]}
    assert list(by_name)[1:4] == ["step/cpu", "step/torch", "step/cuda"]
    assert by_name["step/cuda"]["items_per_second"] == 64_000
    assert by_name["add/cuda"]["bytes_per_second"] == 12e9
