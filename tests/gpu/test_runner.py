"""The runner: crashes, hangs, time limits, going on where it stopped, the exit code."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from gpunn import backend
from tests.gpu import command, planted
from tests.gpu.journal import Journal, sources_digest, summary, table
from tests.gpu.runner import LEAST, Runner
from tests.gpu.step import ROOT, Setting, Skipped, Step
from tests.gpu.worker import outcome, run_cases

SETTING = Setting()


def run(folder, names=None, limit=2, seconds=100, **how):
    journal = Journal(folder, "source")
    names = list(planted.cases(SETTING)) if names is None else names
    Runner(journal, SETTING, time.monotonic() + seconds).run(replace(planted.STEP, limit=limit, **how), names)
    return journal.results.get("planted", {})


def test_each_fault_costs_one_case(tmp_path, capsys):
    found = run(tmp_path)
    assert {case: r["state"] for case, r in found.items()} == {
        "good": "passed",
        "false": "failed",
        "faults": "failed",
        "crash": "failed",
        "after the crash": "passed",
        "hang": "failed",
        "skipped": "skipped",
        "last": "passed",
        "again": "passed",
    }
    assert "one and one" in found["false"]["text"]
    assert found["faults"]["text"] == "two faults" and found["faults"]["facts"] == {"faults": 2}
    assert "the process ended with code 11" in found["crash"]["text"]
    assert found["hang"]["text"] == "took longer than 2 s"
    assert "planted hang: failed" in capsys.readouterr().out
    assert Journal(tmp_path, "source").results["planted"] == found


@pytest.mark.parametrize("alone", [False, True])
def test_several_processes_at_a_time(tmp_path, alone):
    found = run(tmp_path, ["good", "crash", "again"], at_once=2, alone=alone)
    assert {case: r["state"] for case, r in found.items()} == {"good": "passed", "crash": "failed", "again": "passed"}
    assert (found["good"]["facts"] != found["again"]["facts"]) == alone  # the first and the third share a process


def test_no_time_no_case(tmp_path):
    assert run(tmp_path, ["good"], seconds=LEAST - 1) == {}


def test_a_case_that_the_end_cuts_off_has_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.gpu.runner.LEAST", 0)
    start = time.monotonic()
    found = run(tmp_path, ["hang", "last"], limit=100, seconds=1)
    assert found == {} and time.monotonic() - start < 20


def test_a_step_that_cannot_begin_has_failed_once(tmp_path):
    journal = Journal(tmp_path, "source")
    step = replace(planted.STEP, module="tests.gpu.nowhere")
    Runner(journal, SETTING, time.monotonic() + 100).run(step, ["good", "last"])
    (only,) = journal.results["planted"].items()
    assert only[0] == "*" and "No module named" in only[1]["text"]
    found = summary(journal, {"planted": ["good", "last"]}, {"planted": "faults"})["steps"]["planted"]
    assert found["failed"] == 1 and found["left"] == ["good", "last"]
    for case in ("good", "last"):
        journal.add("planted", case, {"state": "passed", "seconds": 0.0})
    assert summary(journal, {"planted": ["good", "last"]}, {"planted": "faults"})["steps"]["planted"]["failed"] == 0


def test_a_dead_context_ends_the_process(monkeypatch):
    def broken():
        monkeypatch.setattr("tests.gpu.worker.is_context_alive", lambda: False)
        raise RuntimeError("illegal address")

    told = []
    cases = {"first": lambda: None, "broken": broken, "never": lambda: None}
    assert run_cases(cases, told.append) == 7
    assert [(event["case"], event["state"]) for event in told][-1] == ("broken", "failed")
    assert "illegal address" in told[-1]["text"]


def test_facts_of_a_case():
    assert outcome(lambda: {"a": 1})["facts"] == {"a": 1}
    assert "facts" not in outcome(lambda: None)


def test_a_journal_forgets_other_sources_and_half_a_line(tmp_path):
    journal = Journal(tmp_path, "old")
    journal.add("step", "case", {"state": "passed"})
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"step": "st')
    assert Journal(tmp_path, "old").is_done("step", "case")
    other = Journal(tmp_path, "new")
    assert not other.is_done("step", "case") and other.outdated == 1


def test_the_line_after_half_a_line_is_read(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"step": "st')
    journal = Journal(tmp_path, "source")
    journal.add("step", "case", {"state": "passed"})
    assert Journal(tmp_path, "source").is_done("step", "case")


def test_failed_cases_run_again_on_request(tmp_path):
    journal = Journal(tmp_path, "source")
    journal.add("step", "case", {"state": "failed"})
    assert journal.is_done("step", "case") and not journal.is_done("step", "case", again=True)


def test_sources_have_a_digest():
    assert len(sources_digest()) == 16 and sources_digest() == sources_digest()


def steps(*names, absent=False):
    def cases(setting):
        if absent:
            raise Skipped("no such tool")
        return {name: planted.cases(setting)[name] for name in names}

    return {"planted": Step("planted", "faults", "tests.gpu.planted", cases, limit=10)}


class InProcess(Runner):
    def run(self, step, names):
        if self.deadline - time.monotonic() > LEAST:
            cases = step.cases(self.setting)
            run_cases({name: cases[name] for name in names}, self.keep)

    def keep(self, event):
        if event["state"] != "started":
            self._keep(planted.STEP, event)


@pytest.fixture
def gpu(monkeypatch):
    """A GPU is there; cases run in this process."""
    monkeypatch.setattr(backend, "cuda_problem", lambda: None)
    monkeypatch.setattr(command, "Runner", InProcess)


def test_no_gpu(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(backend, "cuda_problem", lambda: "no driver")
    assert command.main(["--out", str(tmp_path)]) == command.NO_GPU == 3
    assert capsys.readouterr().out == "gpu-check: no GPU: no driver. Nothing was checked.\n"
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_missing(tmp_path):
    script = "import sys, runpy; sys.modules['ml_dtypes'] = None; runpy.run_module('tests.gpu', run_name='__main__')"
    words = [sys.executable, "-c", script, "--out", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == command.NO_GPU and "ml_dtypes" in done.stdout and not done.stderr
    assert done.stdout.endswith("which gpunn needs: pip install ml_dtypes. Nothing was checked.\n")


def test_exit_codes_and_summary(tmp_path, capsys, gpu):
    out = ["--out", str(tmp_path)]
    assert command.main(out, steps("good", "skipped")) == command.PASSED == 0
    said = capsys.readouterr().out
    assert said.startswith(f"gpu-check: on the GPU; at most 9 minutes; results in {tmp_path}\n")
    assert "\nplanted: faults; 2 of 2 cases are left\n" in said
    assert "skipped planted (1 cases, first skipped): no reason" in said and said.endswith("\nall passed\n")
    assert command.main([*out, "--minutes", "0"], steps("good", "last")) == command.UNFINISHED == 4
    assert capsys.readouterr().out.endswith("\nnone failed; 1 cases are left: call it again to go on\n")
    assert command.main([*out, "--only", "planted"], steps("good", "false")) == command.FAILED == 1
    assert "FAILED planted false: AssertionError: one and one" in capsys.readouterr().out
    found = json.loads((tmp_path / "summary.json").read_text())["steps"]["planted"]
    assert (found["passed"], found["failed"], found["skipped"], found["left"]) == (1, 1, 1, [])
    assert command.main(out, steps("good", "false")) == 1
    assert "planted" not in capsys.readouterr().out.partition("step ")[0]  # nothing ran again
    assert command.main([*out, "--again"], steps("good", "false")) == 1
    assert "planted false: failed" in capsys.readouterr().out
    assert command.main([*out, "--fresh"], steps("good")) == 0
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


def test_a_step_that_cannot_run_here(tmp_path, capsys, gpu):
    assert command.main(["--out", str(tmp_path)], steps(absent=True)) == 0
    assert "\nskipped planted: no such tool\n" in capsys.readouterr().out


def test_the_table_counts():
    step = {"title": "faults", "passed": 2, "failed": 0, "skipped": 0, "left": ["a"], "seconds": 1.5, "cases": {}}
    assert table({"steps": {"planted": step}}).splitlines()[1].split() == [
        "planted",
        "2",
        "0",
        "0",
        "1",
        "1.5",
        "faults",
    ]
