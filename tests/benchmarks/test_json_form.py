"""JSON in the form of Google Benchmark."""

import json

import pytest

from benchmarks.json_form import as_json
from tests.benchmarks.made_up import ADD, EAGER, MISSING, STEP, full, report, result


def test_what_is_written():
    broken = result(ADD, "cuda", faults={"cpu": "E: x"})
    found = as_json(report([full(), result(STEP, "cpu", "cuda-captured"), broken], missing=MISSING))
    assert json.loads(json.dumps(found)) == found
    assert found["context"]["missing"] == MISSING and found["context"]["failed"] == {"add/cpu": "E: x"}
    assert found["context"]["ceilings"]["cpu"] == {
        "copy_bytes_per_second": 2e9,
        "copies": {"1000000": 40e9, "1000000000": 2e9},
        "call_seconds": 1e-6,
        "flops_per_second": {"float32": 1e12},
        "steadiness": 1.0,
    }
    by_name = {entry["name"]: entry for entry in found["benchmarks"]}
    assert list(by_name) == [*[f"matmul/{name}" for name in EAGER], "step/cpu", "step/cuda-captured", "add/cuda"]
    assert by_name["matmul/cpu"] == {
        "name": "matmul/cpu",
        "family_index": 0,
        "per_family_instance_index": 0,
        "run_name": "matmul/cpu",
        "run_type": "iteration",
        "repetitions": 1,
        "repetition_index": 0,
        "threads": 1,
        "case": "matmul",
        "family": "ops/linalg",
        "backend": "cpu",
        "dtype": "float32",
        "layout": "contiguous",
        "iterations": 50,
        "real_time": 20e6,
        "cpu_time": 19e6,
        "time_unit": "ns",
        "p20": 15e6,
        "p80": 25e6,
        "flops_per_second": 2e11,
        "error": 1e-7,
        "bound": "compute",
        "share_of_ceiling": pytest.approx(0.2),
        "ms_by_batch": {"1": 500.0, "2": 1000.0, "4": 2000.0},
    }
    gpu = by_name["matmul/cuda"]
    assert (gpu["enqueue_us"], gpu["transfer_in_ms"], gpu["transfer_out_ms"]) == (200.0, 4.0, 0.5)
    assert gpu["kernels"] == {"a": 2, "b": 1} and gpu["wins_from_batch"] == 2
    captured = by_name["step/cuda-captured"]
    assert captured["enqueue_us"] == pytest.approx(10.0) and "kernels" not in captured
    assert captured["bound"] == "compute"  # of the ceilings of the GPU
    assert by_name["step/cpu"]["items_per_second"] == 3200 and by_name["add/cuda"]["bytes_per_second"] == 12e9


def test_what_the_tools_of_google_benchmark_read():
    """tools/gbench/util.py and report.py of google/benchmark at 267a1115: which keys, of which types."""
    found = as_json(report([full()]))
    assert found["context"].get("json_schema_version", 1) == 1
    seconds = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
    for entry in found["benchmarks"]:
        assert entry["name"] == entry["run_name"]  # filters look at the latter
        assert entry["run_type"] == "iteration" and entry["time_unit"] in seconds
        assert entry["real_time"] > 0 and entry["cpu_time"] > 0
        assert all(isinstance(entry[key], int) for key in ("iterations", "threads", "family_index", "repetition_index"))
        assert f"{entry['real_time']:14.0f}".strip() != "0"  # as it is shown: without decimals
