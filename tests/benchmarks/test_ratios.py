"""The page of Markdown that a JSON of results gives."""

from benchmarks.ratios import page

CONTEXT = {
    "cpu": "A B",
    "threads": 1,
    "torch": "2.0",
    "numpy": "2.4",
    "blas": "openblas",
    "commit": "abc",
    "gpunn": "0.1",
    "date": "2026-01-02T03:04:05+00:00",
}


def entry(name, backend, ms, **more):
    return {"case": name, "family": "ops/a", "backend": backend, "real_time": ms, "time_unit": "ms", **more}


def test_ratios_means_and_reasons():
    entries = [
        entry("x", "cpu", 2.0, error=1e-7),
        entry("x", "torch", 1.0),
        entry("y", "cpu", 8.0, reason="because"),
        entry("y", "torch", 1.0),
        entry("z", "cpu", 8.0),
        entry("v", "cpu", 9.0, bound="memory", share_of_ceiling=0.25),
        entry("v", "torch", 1.0),
    ]
    text = page({"context": CONTEXT, "benchmarks": entries}, "a.json")
    assert "A B, 1 thread each; PyTorch 2.0, NumPy 2.4 with openblas; gpunn abc; 2026-01-02." in text
    assert "--json a.json" in text
    assert "| ops/a | 3 | 0.19 | 0.11 v |" in text
    assert "| x | 2.00 | 1.00 | 0.50 | 1e-07 |" in text and "| y | 8.00 | 1.00 | 0.12 | - |" in text
    assert "| z |" not in text
    measured = "no note; measured: bound by memory, 25% of what this machine does at best"
    assert text.endswith(f"Below 0.2, and why:\n\n- y: because\n- v: {measured}\n")


def test_nanoseconds_are_shown_as_milliseconds():
    entries = [entry("x", "cpu", 2e6) | {"time_unit": "ns"}, entry("x", "torch", 1e3) | {"time_unit": "us"}]
    assert "| x | 2.00 | 1.00 | 0.50 | - |" in page({"context": CONTEXT, "benchmarks": entries}, "a.json")


def test_without_pytorch_there_is_nothing_to_show():
    text = page({"context": CONTEXT, "benchmarks": [entry("x", "cpu", 2.0)]}, "a.json")
    assert "Nothing was measured beside PyTorch." in text and "Below" not in text
