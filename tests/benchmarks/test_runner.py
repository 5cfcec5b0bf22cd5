"""The command line of the benchmarks."""

import json
import runpy
import sys
from dataclasses import replace

import pytest

from benchmarks import runner
from benchmarks.ceilings import Ceilings
from benchmarks.families import everything, select
from benchmarks.measure import Result, Timing
from gpunn import backend, emulator

ONE = ["--seconds", "0", "--backends", "cpu,cuda", "/relu/forward/"]

TOP = Ceilings(1e9, 1e-6, {"float32": 1e12})


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """Neither CuPy nor PyTorch is installed."""
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(backend, "_installed", None)


def test_list_prints_names_and_runs_nothing(capsys, monkeypatch):
    monkeypatch.setattr(runner, "measure", None)
    assert runner.main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == [f"{case.family}/{case.title}" for case in everything()]
    runner.main(["--list", "--quick"])
    quick = capsys.readouterr().out.splitlines()
    assert set(quick) < set(listed) and "models/lenet5/step/batch64" in quick


def test_axes_are_in_the_names(capsys):
    runner.main(["--list", "mlp/step", "--dtype", "float32,bfloat16"])
    assert capsys.readouterr().out.split() == ["models/mlp/step/batch64", "models/mlp/step/batch64/bfloat16"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["no such case"], "no case has such a name; see --list"),
        (["--backends", "cpu,tpu"], "unknown backend tpu; there are cpu, cuda, torch, torch-strong, "),
        (["--backends", ""], "unknown backend"),
        (["--seconds", "long"], "invalid float"),
        (["--dtype", "int8"], "unknown type int8; there are float16, bfloat16, float32, float64"),
        (["--layout", "nhwc"], "unknown layout nhwc; there are contiguous, channels_last"),
        (["--batches", "1,0"], "--batches: expected numbers above 0, got 1,0"),
        (["--batches", "x"], "invalid literal"),
        (["--plot", "a.jpg"], "ends in .png or .svg"),
        (["--compare", "no/such.json"], "--compare no/such.json: "),
    ],
)
def test_wrong_arguments_end_with_code_2(capsys, argv, message):
    with pytest.raises(SystemExit) as caught:
        runner.main(argv)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_table_and_a_gpu_that_is_not_there(capsys):
    assert runner.main([*ONE, "/add/forward/64"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert "numpy: " in lines[0] and "gpu:" not in lines[0]
    assert lines[1].startswith("cuda: no GPU found (CuPy is not installed") and "pip install" in lines[1]
    assert lines[3] == "[ops]" and lines[4].startswith("case")
    for line, name in zip(lines[6:8], ["add/forward/64", "relu/forward/64x6x28x28"], strict=True):
        assert line.startswith(name) and line.count("not measured") >= 2
    assert lines[-1].startswith("GPU: not measured; no GPU found")


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


def test_the_emulator_gives_no_figure(capsys):
    with emulator.enable():
        assert runner.main([*ONE, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["backend"] for entry in found["benchmarks"]] == ["cpu"]
    assert "emulator" in found["context"]["missing"]["cuda"] and "gpu" not in found["context"]


@pytest.mark.parametrize(
    ("argv", "seconds"), [([], 1.0), (["--quick"], 0.25), (["--seconds", "0"], 0.0), (["--seconds", "3"], 3.0)]
)
def test_how_long_a_case_takes(monkeypatch, argv, seconds):
    asked = []
    monkeypatch.setattr(runner, "measure", lambda case, places, seconds, *more: asked.append(seconds) or Result(case))
    runner.main([*argv, "--backends", "cuda", "mlp/step"])
    assert asked == [seconds]


def test_errors_can_be_left_out_and_caches_be_cold(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(runner, "measure", lambda case, places, seconds, *more: asked.append(more) or Result(case))
    runner.main(["mlp/step", "--backends", "cuda"])
    runner.main(["mlp/step", "--backends", "cuda", "--no-error", "--cold"])
    assert asked == [(True, False), (False, True)]
    assert "cache: cold" in capsys.readouterr().out


def test_pytorch_as_fast_as_it_gets(capsys):
    runner.main(["mlp/step", "--backends", "torch,torch-cuda", "--strong", "--json", "-"])
    missing = json.loads(capsys.readouterr().out)["context"]["missing"]
    assert missing == dict.fromkeys(
        ["torch", "torch-cuda", "torch-strong", "torch-cuda-strong"], "PyTorch is not installed"
    )


def test_batches_are_swept_when_asked_for(capsys):
    runner.main([*ONE, "--batches", "1,2", "--json", "-"])
    (entry,) = json.loads(capsys.readouterr().out)["benchmarks"]
    assert list(entry["ms_by_batch"]) == ["1", "2"] and min(entry["ms_by_batch"].values()) > 0


def test_a_plot_and_a_page(tmp_path, capsys):
    image, paper = tmp_path / "a.svg", tmp_path / "a.md"
    assert runner.main([*ONE, "--batches", "1,2", "--plot", str(image), "--markdown", str(paper)]) == 0
    assert image.read_text().startswith("<?xml") and paper.read_text().startswith("# gpunn and PyTorch")


@pytest.mark.parametrize(("then", "code"), [(1e-9, 1), (1e9, 0)])
def test_a_comparison_sets_the_exit_code(tmp_path, capsys, then, code):
    path = tmp_path / "old.json"
    old = {"benchmarks": [{"name": "relu/forward/64x6x28x28/cpu", "real_time": then, "time_unit": "ms"}]}
    path.write_text(json.dumps(old))
    assert runner.main([*ONE, "--compare", str(path), "--fail-below", "0.95"]) == code
    assert ("below 0.95" in capsys.readouterr().out) is bool(code)
    assert runner.main([*ONE, "--compare", str(path)]) == 0  # told, but no failure


def test_a_case_that_fails_sets_the_exit_code(monkeypatch, capsys):
    def failing(place):
        raise TypeError("no")

    (case,) = select(["/relu/forward/"], quick=False)
    monkeypatch.setattr(runner, "select", lambda *args: [replace(case, make=failing)])
    assert runner.main([*ONE, "--no-error"]) == 1
    assert "TypeError: no" in capsys.readouterr().out


def test_ceilings_are_measured_unless_there_is_no_time(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(runner, "ceilings", lambda place, dtypes: asked.append((place.name, dtypes)) or TOP)
    times = {"cpu": Timing(1.0, 1.0, 1.0, 1)}
    monkeypatch.setattr(runner, "measure", lambda case, *more: Result(case, times))
    runner.main(["/relu/forward/", "--backends", "cpu", "--seconds", "1", "--dtype", "float32,float64"])
    assert asked == [("cpu", ["float32", "float64"])]
    assert "ceilings, CPU: copy 1.00 GB/s" in capsys.readouterr().out


def test_quick_runs_to_its_end(capsys, monkeypatch):
    monkeypatch.setattr(runner, "ceilings", lambda place, dtypes: TOP)
    assert runner.main(["--quick", "--seconds", "0.001", "--backends", "cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["run_name"] for entry in found["benchmarks"]] == [case.title for case in select([], True)]


def test_python_dash_m_is_the_same(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list", "mlp/step"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("benchmarks", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == "models/mlp/step/batch64\n"
