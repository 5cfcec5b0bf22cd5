"""`gpunn kernels --check` in a made-up checkout: which tests run, what counts, what it says if it cannot."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpunn import emulator, kernels
from gpunn.cli import kernel_check
from gpunn.cli.kernel_check import LaunchCounter
from gpunn.emulator.settings import Current

# Runs check() as the command does, but of the checkout `root`; a process of its own, as pytest does not like company.
SCRIPT = """
import sys
from pathlib import Path
from gpunn.cli import kernel_check
from gpunn.cli.kernel_table import Named
from gpunn.kernels.source import parse
kernel_check.ROOT = Path(sys.argv[1])
file = parse("scale", (kernel_check.ROOT / "kernels" / "scale.cu").read_text())
found = [Named(file, kernel) for name, kernel in file.kernels.items() if sys.argv[2] in ("scale", name)]
sys.exit(kernel_check.check(sys.argv[2], found))
"""
KERNELS = """\
// Scaling. Launched by gpunn/ops/scale.py.
// BLOCK: 64
extern "C" __global__ void scale_up(float* y, int n) {}
extern "C" __global__ void scale_down(float* y, int n) {}
"""
# A launch that does nothing, so that this needs no compiler; "broken" is what a check would report.
CONFTEST = """
import pytest
from gpunn import emulator, kernels

def launch(file, kernel, threads, args, constants={}, shared=0):
    assert kernel != "broken", "race in scale.cu:4"

kernels.launch = launch

def pytest_addoption(parser):
    parser.addoption("--device")

@pytest.fixture
def device(request):
    assert request.config.getoption("--device") == "checked"
    with emulator.enable(check=True):
        yield "cuda"
"""
TESTS = """
from gpunn import emulator, kernels

def test_up(device):
    kernels.launch("scale", "scale_up", 5, ())
    kernels.launch("scale", "scale_up", threads=5, args=(), shared=8)
    kernels.launch("scale", "scale_up", 0, ())     # launches nothing
    kernels.launch("other", "scale_up", 5, ())     # of another file

def test_unchecked():
    with emulator.enable():
        kernels.launch("scale", "scale_up", 5, ())
"""


@pytest.fixture
def checkout(tmp_path):
    """The root of a made-up checkout with the kernels scale_up, which is tested, and scale_down, which is not."""
    for path, text in {
        "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['tests']\n",
        "kernels/scale.cu": KERNELS,
        "tests/conftest.py": CONFTEST,
        "tests/ops/test_scale.py": TESTS,
        "tests/kernels/test_scale.py": TESTS.replace("test_up", "test_more"),
        "tests/kernels/test_other.py": "def test_fails():\n    assert False\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for folder in ("tests", "tests/ops", "tests/kernels"):
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


def run(checkout, name):
    words = [sys.executable, "-c", SCRIPT, str(checkout), name]
    return subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)


needs_compiler = pytest.mark.skipif(emulator.compiler_problem() is not None, reason=f"{emulator.compiler_problem()}")


@needs_compiler
@pytest.mark.parametrize("name", ["scale_up", "scale"])
def test_the_launches_in_check_mode_are_counted(checkout, name):
    done = run(checkout, name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("pytest tests/ops/test_scale.py tests/kernels/test_scale.py --device checked\n")
    assert "4 passed" in done.stdout and done.stdout.endswith(f"4 launches of {name} were checked\n")


@needs_compiler
def test_a_kernel_that_no_test_launches_fails(checkout):
    done = run(checkout, "scale_down")
    assert done.returncode == 1
    assert "0 launches of scale_down were checked" in done.stdout
    assert "no test has launched scale_down in check mode" in done.stderr


@needs_compiler
def test_a_report_of_the_emulator_fails(checkout):
    test = checkout / "tests" / "ops" / "test_scale.py"
    test.write_text(TESTS + '\ndef test_broken(device):\n    kernels.launch("scale", "broken", 1, ())\n')
    done = run(checkout, "scale_up")
    assert done.returncode == 1
    assert "race in scale.cu:4" in done.stdout and "4 launches of scale_up were checked" in done.stdout
    assert done.stderr == "gpunn kernels: the tests fail\n"


@needs_compiler
def test_a_kernel_without_tests_fails(checkout):
    for path in (checkout / "tests").rglob("test_*.py"):
        path.unlink()
    done = run(checkout, "scale_up")
    assert done.returncode == 1 and "no tests are found for kernels/scale.cu" in done.stderr


REAL_KERNEL = """\
// Scaling. Launched by gpunn/ops/scale.py.
// BLOCK: 64
extern "C" __global__ void __launch_bounds__(BLOCK) scale_up(float* y, int n) {
  for (int i = blockIdx.x * BLOCK + threadIdx.x; i < n; i += gridDim.x * BLOCK) y[i] *= 2;
}
"""
REAL_CONFTEST = """
from pathlib import Path
from gpunn.kernels import source

source.KERNEL_DIR = Path(__file__).parents[1] / "kernels"
""" + CONFTEST.replace("kernels.launch = launch", "")
REAL_TESTS = """
from gpunn import backend, kernels

def test_up(device):
    y = backend.cuda_module().ones(100, "float32")
    kernels.launch("scale", "scale_up", 100, (y, 100))
    assert (backend.asnumpy(y) == 2).all()
"""


@needs_compiler
@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_mistake_in_a_kernel_is_found_with_its_line(checkout, is_wrong):
    """The whole way: an edited file, the emulator's compiler, a launch, its report."""
    kernel = REAL_KERNEL.replace("i < n", "i <= n") if is_wrong else REAL_KERNEL
    (checkout / "kernels" / "scale.cu").write_text(kernel)
    (checkout / "tests" / "conftest.py").write_text(REAL_CONFTEST)
    (checkout / "tests" / "ops" / "test_scale.py").write_text(REAL_TESTS)
    (checkout / "tests" / "kernels" / "test_scale.py").unlink()
    done = run(checkout, "scale_up")
    assert done.returncode == is_wrong, done.stdout + done.stderr
    assert f"{0 if is_wrong else 1} launches of scale_up were checked" in done.stdout
    if is_wrong:
        assert "out of bounds" in done.stdout and "scale.cu:4" in done.stdout
        assert re.search(r"emulator's first report:\nscale_up, grid .*\n  scale.cu:4: out of bounds: ", done.stderr)


PLACES = [
    ("pool", "gpunn/ops/pool", ["tests/ops/test_pool.py"], ["tests/ops/test_pool.py"]),
    ("pool", "gpunn/ops/pool.py", ["tests/ops/test_pool.py"], ["tests/ops/test_pool.py"]),
    ("pool", "gpunn/ops/pool", ["tests/ops/pool/test_a.py"], ["tests/ops/pool"]),
    (
        "conv/forward",
        "gpunn/ops/conv/conv2d.py",
        ["tests/ops/test_conv.py", "tests/kernels/test_conv.py"],
        ["tests/ops/test_conv.py", "tests/kernels/test_conv.py"],
    ),
    (
        "conv/forward",
        "gpunn/ops/conv",
        ["tests/ops/test_conv.py", "tests/kernels/conv/test_forward.py", "tests/kernels/test_conv.py"],
        ["tests/ops/test_conv.py", "tests/kernels/conv/test_forward.py"],
    ),
    (
        "resize",
        "gpunn/ops/resize.py and gpunn/vision",
        ["tests/ops/test_resize.py", "tests/vision/test_a.py", "tests/kernels/test_resize.py"],
        ["tests/ops/test_resize.py", "tests/vision", "tests/kernels/test_resize.py"],
    ),
    ("alone", "gpunn/ops/alone.py", [], []),
]


@pytest.mark.parametrize(("stem", "twin", "files", "expected"), PLACES)
def test_the_tests_of_a_file_are_found(tmp_path, stem, twin, files, expected):
    for path in (*files, "tests/kernels/test_other.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert kernel_check.tests_of(tmp_path, stem, f"// Launched by {twin}.\n// See gpunn/ops/other.py.\n") == expected


def test_without_a_checkout_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kernel_check, "ROOT", tmp_path)
    assert kernel_check.check("scale_up", []) == 1
    assert f"{tmp_path} is no checkout: clone gpunn" in capsys.readouterr().err


def test_without_a_compiler_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(emulator, "compiler_problem", lambda: "install g++")
    assert kernel_check.check("scale_up", []) == 1
    assert capsys.readouterr().err == "gpunn kernels: install g++\n"


def test_without_pytest_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(kernel_check.importlib.util, "find_spec", lambda name: None)
    assert kernel_check.check("scale_up", []) == 1
    assert 'pip install -e ".[test]"' in capsys.readouterr().err


def test_a_launch_that_raises_is_not_counted(monkeypatch):
    def launch(*args):
        raise RuntimeError("race")

    counter = LaunchCounter()
    monkeypatch.setattr(Current.settings, "check", True)
    monkeypatch.setattr(emulator, "enabled", lambda: True)
    with pytest.raises(RuntimeError, match="race"):
        counter.counting(launch)("scale", "scale_up", 1, ())
    assert not counter.launches


def test_the_counter_leaves_the_launch_as_it_was():
    counter, before = LaunchCounter(), kernels.launch
    counter.pytest_sessionstart()
    assert kernels.launch is not before
    counter.pytest_sessionfinish()
    assert kernels.launch is before
