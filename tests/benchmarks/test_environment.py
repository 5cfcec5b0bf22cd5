"""Where the numbers come from is told, and only what is known."""

import datetime
import json
import os
import platform
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import gpunn
from benchmarks import environment
from benchmarks.case import Place
from gpunn import emulator

ROOT = Path(environment.__file__).resolve().parent.parent
TEXT = {"capture_output": True, "text": True, "cwd": ROOT}
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository with a folder of benchmarks that was committed."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "environment.py").write_text("")
    monkeypatch.setattr(environment, "__file__", str(folder / "environment.py"))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"], ["tag", "-m", "t", "v1"]):
        subprocess.run([*git, *command], check=True)
    return folder


def test_threads_are_those_that_openblas_tells(monkeypatch):
    monkeypatch.setattr(environment, "_openblas_threads", lambda: 11)
    assert environment.cpu_threads() == 11


def test_openblas_is_asked_itself():
    told = environment._openblas_threads()
    if "openblas" not in environment._blas():
        pytest.skip("NumPy has another BLAS here")
    code = "import numpy; from benchmarks.environment import _openblas_threads; print(_openblas_threads())"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, **TEXT)
    assert told >= 1 and done.stdout == "1\n"


def test_without_openblas_nothing_is_told(monkeypatch):
    monkeypatch.setattr(environment.Path, "read_text", lambda path: "7f00-7f01 r-xp 0 08:01 5 /lib/libc.so\n")
    assert environment._openblas_threads() is None


def test_threads_follow_the_first_setting_that_blas_reads(monkeypatch):
    monkeypatch.setattr(environment, "_openblas_threads", lambda: None)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert environment.cpu_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert environment.cpu_threads() == 7
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    assert environment.cpu_threads() == 5
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "many")
    assert environment.cpu_threads() == 7


def test_the_context_is_json_and_names_no_machine():
    found = environment.context([Place("cpu", gpunn, "cpu")], 3)
    assert json.loads(json.dumps(found)) == found
    assert (found["threads"], found["numpy"], found["python"]) == (3, np.__version__, platform.python_version())
    assert datetime.datetime.fromisoformat(found["date"]).tzinfo is not None
    assert (found["json_schema_version"], found["tf32"], found["dtypes"]) == (1, "no GPU to have it", "float32")
    assert found["cache"] == "warm" and environment.context([], 3, "cold")["cache"] == "cold"
    assert found["host_name"] == "" and found["blas"] and found["num_cpus"] >= 1
    assert not {"gpu", "cupy", "torch"} & set(found)


def test_the_gpu_and_pytorch_are_named_where_they_are_used():
    torch = types.SimpleNamespace(__version__="2.0")
    with emulator.enable():
        found = environment.context([Place("cuda", gpunn, "cuda"), Place("torch", torch, "cpu")], 1)
    assert (found["gpu"], found["torch"]) == ("emulated device", "2.0")
    assert isinstance(found["cupy"], str) and found["multiprocessors"] == 4
    assert found["cuda"] == "runtime 12.9, driver 12.9" and isinstance(found["driver"], str)
    assert found["tf32"] == "convolutions on, products off"


def test_the_commit_is_that_of_the_checkout(checkout):
    first = environment._commit()
    assert len(first) >= 7 and int(first, 16)
    (checkout / "environment.py").write_text("changed")
    assert environment._commit() == f"{first}-dirty"


def test_a_wheel_inside_a_strange_repository_has_no_commit(checkout, monkeypatch):
    inner = checkout / "site-packages" / "gpunn" / "_benchmarks"
    inner.mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(inner / "environment.py"))
    assert environment._commit() == ""


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment._commit() == ""


def test_the_cpu_has_a_name_or_none(monkeypatch):
    assert isinstance(environment._cpu_name(), str)

    def unreadable(path):
        raise FileNotFoundError

    monkeypatch.setattr(environment.Path, "read_text", unreadable)
    monkeypatch.setattr(environment.platform, "processor", lambda: "some cpu")
    assert environment._cpu_name() == "some cpu"
    monkeypatch.setattr(environment.Path, "read_text", lambda path: "processor : 0\nmodel name\t: A B\nmodel name: C")
    assert environment._cpu_name() == "A B"
