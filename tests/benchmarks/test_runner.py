"""The command line of the benchmarks."""

import json
import runpy
import sys
from dataclasses import replace

import pytest

import gpunn
from benchmarks import case as places
from benchmarks import ceilings, models, runner
from benchmarks import measure as timing
from benchmarks.ceilings import Probe
from benchmarks.clock import Sample
from benchmarks.families import everything, select
from benchmarks.measure import Result, Timing
from benchmarks.networks import Network
from benchmarks.work import perceptron
from gpunn import backend, emulator

ONE = ["--seconds", "0", "--backends", "cpu,cuda", "/relu/forward/"]


@pytest.fixture
def played_ceilings(monkeypatch):
    """Ceilings that nobody measured: 1 GB/s, 1 us, 1 TFLOP/s. What was asked for."""
    asked = []

    def probes(place, dtypes, cold):
        asked.append((place.name, dtypes, cold))
        second = Sample(1.0, 1.0, 1.0)
        found = [("copy", 1 << 27, 1e9), ("call", "", 1e6), *[("product", name, 1e12) for name in dtypes]]
        return [Probe(kind, key, work, 1, lambda n: second) for kind, key, work in found]

    monkeypatch.setattr(runner, "probes", probes)
    return asked


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
        (["no such", "case"], "no case has no such, case in its name; --list shows them all"),
        (["vgg16", "--quick"], "no case of --quick has vgg16 in its name"),
        (["relu", "--dtype", "amp"], "no case with relu in its name has the type amp"),
        (["--backends", "cpu,tpu"], "unknown backend tpu; there are cpu, cuda, cuda-captured, torch, torch-strong, "),
        (["--backends", ""], "unknown backend"),
        (["--seconds", "long"], "invalid float"),
        (["--dtype", "int8"], "unknown type int8; there are float16, bfloat16, float32, float64, amp"),
        (["--layout", "nhwc"], "unknown layout nhwc; there are contiguous, channels_last"),
        (["--batches", "1,0"], "--batches: expected whole numbers above 0 with commas between them, got '1,0'"),
        (["--batches", "x"], "--batches: expected whole numbers"),
        (["--batches", ""], "--batches: expected whole numbers"),
        (["--seconds", "-1"], "--seconds: expected a time, got -1"),
        (["--seconds", "nan"], "--seconds: expected a time, got nan"),
        (["--fail-below", "0.95"], "it needs --compare OLD.json"),
        (["--json", "no/such/a.json"], "--json no/such/a.json: there is no folder no/such"),
        (["--markdown", "no/such/a.md"], "--markdown no/such/a.md: there is no folder no/such"),
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
    header, ops, *_ = out.split("\n\n")
    assert "NumPy " in header and "\ngpu " not in header and "TF32: no GPU to have it" in header
    assert "missing    cuda: no GPU found (CuPy is not installed" in header and "pip install" in header
    lines = ops.splitlines()
    assert lines[0] == "[ops] cuda: not measured" and lines[1].startswith("   ")
    assert lines[2::2] == ["add/forward/64", "relu/forward/64x6x28x28"]
    assert all(line.startswith("  cpu  ") for line in lines[3::2])
    assert out.splitlines()[-1] == "GPU: not measured; no GPU found"
    assert max(map(len, out.splitlines())) <= 100


def test_help_fits_into_100_columns(capsys):
    with pytest.raises(SystemExit) as caught:
        runner.main(["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0 and max(map(len, shown.splitlines())) <= 100
    assert all(f"\n  {name} " in shown for name in ("cpu", "cuda", "cuda-captured", "torch, torch-cuda", "…-strong"))


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
    assert 0 < entry["p20"] <= entry["real_time"] <= entry["p80"] and entry["time_unit"] == "ns"
    assert entry["cpu_time"] > 0
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
    assert capsys.readouterr().out.count("\n  cpu ") == 1


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
    assert "caches     cold" in capsys.readouterr().out


@pytest.mark.parametrize(("threads", "code"), [(1, 0), (2, 2)])
def test_the_cpu_time_is_that_of_one_thread(monkeypatch, capsys, threads, code):
    monkeypatch.setattr(runner, "cpu_threads", lambda: threads)
    try:
        found = runner.main([*ONE, "--cpu-time"])
    except SystemExit as end:
        found = end.code
    out, err = capsys.readouterr()
    assert found == code
    assert "let there be one" in err if code else "clock      CPU time of the process" in out


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
    assert f"{code} below 0.95" in capsys.readouterr().out
    assert runner.main([*ONE, "--compare", str(path)]) == 0  # told, but no failure


def test_a_case_that_fails_sets_the_exit_code(monkeypatch, capsys):
    def failing(place):
        raise TypeError("no")

    (case,) = select(["/relu/forward/"], quick=False)
    monkeypatch.setattr(runner, "select", lambda *args: [replace(case, make=failing)])
    assert runner.main([*ONE, "--no-error"]) == 1
    assert "TypeError: no" in capsys.readouterr().out


def test_ceilings_are_measured_unless_there_is_no_time(monkeypatch, played_ceilings, capsys):
    times = {"cpu": Timing(1.0, 1.0, 1.0, 1)}
    monkeypatch.setattr(runner, "measure", lambda case, *more: Result(case, times))
    runner.main(["/relu/forward/", "--backends", "cpu", "--seconds", "1", "--dtype", "float32,float64", "--cold"])
    assert played_ceilings == [("cpu", ["float32", "float64"], True)]
    shown = capsys.readouterr().out
    assert "ceilings   cpu: copy 1.00 GB/s, float32 products 1.00 TFLOP/s, float64" in shown
    runner.main([*ONE, "--json", "-"])  # no seconds
    assert len(played_ceilings) == 1 and json.loads(capsys.readouterr().out)["context"]["ceilings"] == {}


@pytest.mark.usefixtures("played_ceilings")
def test_ctrl_c_keeps_what_was_measured(monkeypatch, capsys):
    def stop(case, *more):
        if case.name.startswith("sigmoid"):
            raise KeyboardInterrupt
        return Result(case, {"cpu": Timing(1.0, 1.0, 1.0, 1)})

    monkeypatch.setattr(runner, "measure", stop)
    assert runner.main(["ops/activation", "--backends", "cpu"]) == 130
    shown = capsys.readouterr().out
    assert shown.endswith("stopped after 2 of 8 cases\n") and "relu/forward+backward" in shown


def test_the_way_of_a_gpu(monkeypatch, capsys, tmp_path):
    """On the emulated device, as if it were a GPU: its figures are thrown away, but all of them must be there."""
    for module in (places, timing):
        monkeypatch.setattr(module, "is_emulated", lambda: False)
    monkeypatch.setattr(runner, "BATCHES", (1, 2))
    monkeypatch.setitem(ceilings.SIDE, "cuda", 16)
    monkeypatch.setitem(ceilings.COPIES, "cuda", (1 << 10,))
    small = Network(lambda place: place.model(gpunn.nn.Linear(4, 3)), (4,), 3, perceptron(4, 3))
    monkeypatch.setitem(models.NETWORKS, "mlp", small)
    argv = ["models/mlp/step", "/relu/forward/", "--backends", "cpu,cuda,cuda-captured", "--seconds"]
    with emulator.enable():
        assert runner.main([*argv, "0.001", "--json", str(tmp_path / "a.json")]) == 0
    shown, found = capsys.readouterr().out, json.loads((tmp_path / "a.json").read_text())
    entries = {entry["name"]: entry for entry in found["benchmarks"]}
    assert found["context"]["failed"] == found["context"]["missing"] == {}
    assert found["context"]["gpu"] == "emulated device" and set(found["context"]["ceilings"]) == {"cpu", "cuda"}
    step = "mlp/step/batch64"
    for name in ("cpu", "cuda", "cuda-captured"):
        assert entries[f"{step}/{name}"]["error"] < 1e-6 and set(entries[f"{step}/{name}"]["ms_by_batch"]) == {"1", "2"}
    eager = entries[f"{step}/cuda"]
    assert eager["transfer_in_ms"] > 0 and eager["transfer_out_ms"] > 0 and eager["enqueue_us"] > 0
    assert any(label.startswith("optimizer/") and label.endswith(" x 256") for label in eager["kernels"]), eager[
        "kernels"
    ]
    assert list(entries["relu/forward/64x6x28x28/cuda"]["kernels"]) == [
        "activation/piecewise.relu_forward <float32> 294 x 256"
    ]
    assert "wins_from_batch" in eager and "wins_from_batch" in entries[f"{step}/cuda-captured"]
    assert "[kernels, blocks x threads]" in shown and "cuda-captured / cuda: geometric mean" in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.usefixtures("played_ceilings")
def test_quick_runs_to_its_end(capsys):
    assert runner.main(["--quick", "--seconds", "0.001", "--backends", "cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["case"] for entry in found["benchmarks"]] == [case.title for case in select([], True)]


def test_python_dash_m_is_the_same(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list", "mlp/step"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("benchmarks", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == "models/mlp/step/batch64\n"
