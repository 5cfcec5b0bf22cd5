"""Two results side by side."""

import json

import pytest

from benchmarks.compare import compare, read


def results(context=None, **times):
    entries = [
        {"name": name, "backend": name.rpartition("_")[2], "real_time": t, "time_unit": "ms"}
        for name, t in times.items()
    ]
    return {"context": context or {}, "benchmarks": entries}


def test_each_case_gets_its_speed_in_parts_of_the_earlier_one():
    text, is_slow = compare(results(a_cpu=2.0, b_cpu=1.0), results(a_cpu=1.0, b_cpu=2.0, new_cpu=9.0), None)
    lines = [line.split() for line in text.splitlines()]
    assert lines[:3] == [
        ["old", "new", "speed"],
        ["a_cpu", "2.00", "ms", "1.00", "ms", "2.00"],
        ["b_cpu", "1.00", "ms", "2.00", "ms", "0.50"],
    ]
    assert text.endswith("2 cases, geometric mean of the speed, new / old: 1.00")
    assert not is_slow


@pytest.mark.parametrize(("now", "is_slow"), [(1.04, False), (1.06, True), (0.5, False)])
def test_a_case_may_lose_a_little(now, is_slow):
    text, found = compare(results(a_cpu=1.0), results(a_cpu=now), 0.95)
    assert found is is_slow
    assert text.endswith(f", {int(is_slow)} below 0.95")
    assert text.splitlines()[1].endswith("slow") is is_slow


def test_pytorch_may_become_slower():
    text, is_slow = compare(results(a_cpu=1.0, a_torch=1.0), results(a_cpu=1.0, a_torch=9.0), 0.95)
    assert not is_slow and "a_torch" not in text


def test_units_are_those_of_google_benchmark():
    old = results(a_cpu=1000.0)
    old["benchmarks"][0]["time_unit"] = "us"
    assert "1.00" in compare(old, results(a_cpu=1.0), 0.95)[0]


def test_nothing_in_common_is_no_success():
    text, is_slow = compare(results(a_cpu=1.0), results(b_cpu=1.0), None)
    assert is_slow and "no case in common" in text


def test_long_names_leave_the_lines_within_100_columns():
    name = "binary_cross_entropy_with_logits/forward+backward/256x4096/bfloat16/channels_last/cpu"
    text, _ = compare(results(**{name: 1.0}), results(**{name: 2.0}), 0.95)
    assert max(map(len, text.splitlines())) <= 100 and name in text.splitlines()


def test_other_surroundings_are_named():
    text, _ = compare(
        results({"cpu": "A", "threads": 1}, a_cpu=1.0), results({"cpu": "B", "threads": 1}, a_cpu=1.0), 0.5
    )
    assert text.startswith("not the same surroundings: cpu: A then, B now\n")


def test_what_is_no_result_is_refused(tmp_path):
    path = tmp_path / "old.json"
    with pytest.raises(ValueError, match=r"--compare .*old\.json"):
        read(str(path))
    path.write_text("{")
    with pytest.raises(ValueError, match=r"--compare .*old\.json"):
        read(str(path))
    path.write_text("[]")
    with pytest.raises(ValueError, match="gpunn bench --json"):
        read(str(path))
    path.write_text(json.dumps(results(a_cpu=1.0)))
    assert read(str(path)) == results(a_cpu=1.0)
