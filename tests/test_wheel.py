"""What pip installs: the package with its kernels and benchmarks inside, usable from any folder."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (path,) = folder.glob("*.whl")
    return path


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_holds_everything_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"gpunn/py.typed", "gpunn/_kernels/common.cuh", "gpunn/_benchmarks/runner.py"} <= names
    for folder, inside in (
        ("gpunn", "gpunn"),
        ("kernels", "gpunn/_kernels"),
        ("benchmarks", "gpunn/_benchmarks"),
    ):
        sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".cu", ".cuh")]
        assert {f"{inside}/{path.relative_to(ROOT / folder).as_posix()}" for path in sources} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"gpunn"}


@pytest.mark.long
def test_the_installed_wheel_works_outside_the_checkout(wheel, tmp_path):
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")], tmp_path)
    commands = tmp_path / "venv" / "bin"
    run([str(commands / "python"), "-m", "pip", "install", "-q", str(wheel)], tmp_path)
    assert json.loads(run([str(commands / "gpunn"), "info", "--json"], tmp_path))["gpunn"] == "0.1.0"
    assert "usage" in run([str(commands / "gpunn"), "bench", "--help"], tmp_path)
    run([str(commands / "python"), "-c", "import gpunn; gpunn.tensor([1.0]).sum()"], tmp_path)
