"""The command line of the benchmarks."""

import json
import runpy
import sys

import pytest

from benchmarks import runner
from gpunn import backend, emulator

ONE = ["--seconds", "0", "relu/forward/"]


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """CuPy is not installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(backend, "_installed", None)


def test_list_prints_names_and_runs_nothing(capsys, monkeypatch):
    monkeypatch.setattr(runner, "measure", None)
    assert runner.main(["--list"]) == 0
    everything = capsys.readouterr().out.splitlines()
    assert everything == [case.name for family in runner.FAMILIES for case in family.cases()]
    runner.main(["--list", "--quick"])
    quick = capsys.readouterr().out.splitlines()
    assert set(quick) < set(everything) and "lenet5/step/batch64" in quick


def test_a_filter_keeps_what_contains_one_of_its_words(capsys):
    runner.main(["--list", "sigmoid", "mlp/back"])
    names = capsys.readouterr().out.splitlines()
    assert names == ["sigmoid/forward/64x6x28x28", "sigmoid/forward+backward/64x6x28x28", "mlp/backward/batch64"]
    runner.main(["--list", "--quick", "sigmoid", "mlp/back"])
    assert capsys.readouterr().out.splitlines() == ["mlp/backward/batch64"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["no such case"], "no case has such a name; see --list"),
        (["--backends", "cpu,tpu"], "unknown backend tpu; there are cpu, cuda, torch"),
        (["--backends", ""], "unknown backend"),
        (["--seconds", "long"], "invalid float"),
    ],
)
def test_wrong_arguments_end_with_code_2(capsys, argv, message):
    with pytest.raises(SystemExit) as caught:
        runner.main(argv)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_table_and_a_gpu_that_is_not_there(capsys):
    assert runner.main([*ONE, "add/forward/64"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert "numpy: " in lines[0] and "gpu:" not in lines[0]
    assert lines[1].startswith("cuda: no GPU found (CuPy is not installed") and "pip install" in lines[1]
    assert lines[2].startswith("case") and lines[2].endswith("GPU/CPU")
    for line, name in zip(lines[4:], ["add/forward/64", "relu/forward/64x6x28x28"], strict=True):
        assert line.startswith(name) and line.count("no GPU found") == 1 and line.endswith("not measured")


def test_a_gpu_alone_that_is_not_there_gives_no_number(capsys):
    assert runner.main([*ONE, "--backends", "cuda", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["benchmarks"] == []
    assert list(found["context"]["missing"]) == ["cuda"]


def test_json_on_stdout_is_all_that_is_there(capsys):
    assert runner.main([*ONE, "--backends", "cpu,cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    (entry,) = found["benchmarks"]
    assert entry["name"] == "relu/forward/64x6x28x28/cpu" and entry["run_type"] == "iteration"
    assert 0 < entry["p20"] <= entry["real_time"] <= entry["p80"] and entry["time_unit"] == "ms"
    assert entry["iterations"] >= 5 and entry["bytes_per_second"] > 0
    assert found["context"]["missing"] == {} and found["context"]["threads"] >= 1


def test_json_in_a_file_comes_beside_the_table(capsys, tmp_path):
    path = tmp_path / "found.json"
    assert runner.main([*ONE, "--json", str(path)]) == 0
    assert "no GPU found" in capsys.readouterr().out
    found = json.loads(path.read_text())
    assert [entry["backend"] for entry in found["benchmarks"]] == ["cpu"]
    assert found["context"]["missing"]["cuda"].startswith("no GPU found")


def test_a_backend_is_shown_once(capsys):
    runner.main([*ONE, "--backends", "cpu, cpu"])
    assert capsys.readouterr().out.count("CPU ms") == 1


def test_the_device_has_its_column(capsys):
    with emulator.enable():
        assert runner.main([*ONE]) == 0
    out = capsys.readouterr().out
    assert "gpu: emulated device" in out and "not measured" not in out and "x\n" in out


@pytest.mark.parametrize(
    ("argv", "seconds"), [([], 1.0), (["--quick"], 0.25), (["--seconds", "0"], 0.0), (["--seconds", "3"], 3.0)]
)
def test_how_long_a_case_takes(capsys, monkeypatch, argv, seconds):
    asked = []
    monkeypatch.setattr(runner, "measure", lambda case, places, seconds: asked.append(seconds) or {})
    runner.main([*argv, "--backends", "cuda", "mlp/step"])
    assert asked == [seconds]


def test_quick_runs_to_its_end(capsys):
    assert runner.main(["--quick", "--seconds", "0.001", "--backends", "cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["run_name"] for entry in found["benchmarks"]] == [case.name for case in runner.select([], True)]


def test_python_dash_m_is_the_same(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list", "mlp/step"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("benchmarks", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == "mlp/step/batch64\n"
