"""`gpunn kernels` on made-up kernel files: names, texts, the table, compiling ahead."""

import subprocess
import sys
from pathlib import Path

import pytest

from gpunn import backend, emulator
from gpunn.cli import kernels as command
from gpunn.errors import ArgumentError
from gpunn.kernels import nvrtc, survey
from gpunn.kernels.source import kernel_file

ROOT = Path(__file__).resolve().parents[2]
needs_nvrtc = pytest.mark.skipif(nvrtc.problem() is not None, reason=f"{nvrtc.problem()}")
needs_compiler = pytest.mark.skipif(emulator.compiler_problem() is not None, reason=f"{emulator.compiler_problem()}")

SCALE = """\
// y = factor * x. x, y: n elements; not called here: scale_forward(y, x).
// Bytes: 2 * n * sizeof(T). FLOPs: n.
extern "C" __global__ void __launch_bounds__(BLOCK)
    scale_forward(T* __restrict__ y, const T* __restrict__ x, T factor, long long n) {
  __shared__ T staged[BLOCK];
  for (long long i = blockIdx.x * BLOCK + threadIdx.x; i < n; i += gridDim.x * BLOCK) {
    staged[threadIdx.x] = x[i];
    y[i] = factor * staged[threadIdx.x];
  }
}
"""
FILL = """\
// y = 1. y: n elements.
extern "C" __global__ void __launch_bounds__(BLOCK) fill(unsigned int* __restrict__ y, int n) {
  if (threadIdx.x < n) y[threadIdx.x] = 1;
}
"""
HEADER = "// Scaling. Launched by gpunn/ops/arithmetic.\n// T: float, double\n// BLOCK: 64, 128\n"
OTHER = "// Masks. Launched by gpunn/ops/dropout.py.\n// arch: 80\n// I: unsigned int, int\n// BLOCK: 64\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the kernel files scale.cu and random/mask.cu in place of gpunn's."""
    (tmp_path / "random").mkdir()
    write(tmp_path, "scale", HEADER + "\n" + SCALE + "\n" + FILL.replace("fill", "scale_fill"))
    write(tmp_path, "random/mask", OTHER + "\n" + FILL)
    monkeypatch.setattr("gpunn.kernels.source.KERNEL_DIR", tmp_path)
    monkeypatch.setattr(survey, "cache_folder", lambda name: None)
    kernel_file.cache_clear()
    yield tmp_path
    kernel_file.cache_clear()


def write(folder, stem, text):
    (folder / f"{stem}.cu").write_text(text)
    kernel_file.cache_clear()


@pytest.fixture
def run(folder, capsys):
    """The exit code of `gpunn kernels` with these arguments, and what it printed on stdout and stderr."""

    def call(*argv):
        code = command.main(argv)
        return code, *capsys.readouterr()

    return call


# Names.


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("", ["fill", "scale_forward", "scale_fill"]),
        ("scale_forward", ["scale_forward"]),
        ("scale", ["scale_forward", "scale_fill"]),
        ("scale.cu", ["scale_forward", "scale_fill"]),
        ("kernels/random/mask.cu", ["fill"]),
        ("random", ["fill"]),
    ],
)
def test_find(folder, name, kernels):
    assert [one.kernel.name for one in command.find(name)] == kernels


def test_a_name_in_two_files_means_both(folder):
    write(folder, "scale2", HEADER + FILL)
    assert [one.file.stem for one in command.find("fill")] == ["random/mask", "scale2"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scale_foward", "did you mean scale_forward"),
        ("masc", "did you mean random/mask?"),
        ("forw", "did you mean scale_forward?"),
        ("zzz", "`gpunn kernels --list` tells all names"),
        ("scal/", "did you mean"),
    ],
)
def test_an_unknown_name_suggests_close_ones(folder, name, hint):
    with pytest.raises(ArgumentError) as caught:
        command.find(name)
    assert f"no kernel and no kernel file is called {name!r}; " in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("option", ["--list", "--show", "--check"])
def test_an_unknown_name_fails(run, option):
    code, out, err = run(option, "scale_foward")
    assert (code, out) == (1, "")
    assert err.startswith("gpunn kernels: no kernel") and err.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--list", "--warm"],
        ["--show"],
        ["--list", "--arch", "ninety"],
        ["--show", "fill", "--arch", "90"],
        ["--list", "--configuration", "T=float"],
        ["fill"],
    ],
)
def test_bad_arguments_print_the_usage(argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(argv)
    assert "usage: gpunn kernels" in capsys.readouterr().err


# Texts.


def test_show_prints_the_kernel_with_its_comment_and_place(run):
    assert run("--show", "scale_forward") == (0, f"// kernels/scale.cu, line 8\n{SCALE}", "")


def test_show_prints_the_last_kernel_of_a_file(run):
    assert run("--show", "fill") == (0, f"// kernels/random/mask.cu, line 7\n{FILL}", "")


def test_show_prints_files(run, folder):
    assert run("--show", "scale") == (0, (folder / "scale.cu").read_text(), "")
    mask = (folder / "random" / "mask.cu").read_text()
    assert run("--show", "random") == (0, mask, "")
    write(folder, "random/more", mask)
    assert run("--show", "random") == (0, f"// kernels/random/mask.cu\n{mask}\n// kernels/random/more.cu\n{mask}", "")


@needs_nvrtc
def test_show_prints_what_the_compiler_gets(run, folder):
    (folder / "shared.cuh").write_text("// Shared.\n__device__ int shared_code() { return 1; }\n")
    write(folder, "scale", HEADER + '#include "shared.cuh"\n' + SCALE)
    code, out, _ = run("--show", "scale_forward", "--configuration", "T=double, BLOCK=128")
    assert code == 0 and "#include" not in out
    assert "using T = double;\nconstexpr int BLOCK = 128;\n" in out and "shared_code" in out and SCALE in out
    assert nvrtc.compile(out, 90).resources["scale_forward"].shared == 128 * 8


@pytest.mark.parametrize("word", ["unsigned int", "unsigned_int"])
def test_types_of_two_words_may_be_written_as_one(run, word):
    code, out, _ = run("--show", "fill", "--configuration", f"I={word}")
    assert code == 0 and "using I = unsigned int;" in out


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("T=__half", "scale.cu is not built for {'T': '__half'}"),
        ("T=float; int evil() { return 1", "not built for"),
        ("U=float", "not built for"),
        ("T=float,BLOCK=65", "not built for"),
        ("float", "expected NAME=CHOICE"),
    ],
)
def test_only_choices_of_the_header_reach_a_source(run, configuration, words):
    code, out, err = run("--show", "scale", "--configuration", configuration)
    assert (code, out) == (1, "") and words in err


# The table.


def cells(out):
    """The rows of the table by kernel and configuration (or types), each column by its head."""
    title, heads, *lines = out.splitlines()
    names = heads.split()
    starts = [heads.index(name) for name in names]
    rows = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]
    return title, {(row[1], row[2]): dict(zip(names, row, strict=True)) for row in rows}


@needs_nvrtc
def test_list(run):
    code, out, err = run("--list", "--arch", "90")
    title, rows = cells(out)
    assert (code, err) == (0, "") and title.startswith("sm_90, NVRTC ")
    assert set(rows) == {("fill", "-"), ("scale_forward", "T: float, double"), ("scale_fill", "-")}
    scale = rows["scale_forward", "T: float, double"]
    assert (scale["file"], scale["shared"], scale["stack"], scale["spills"]) == ("scale", "256-1024", "0", "0")
    assert (scale["bytes"], scale["FLOPs"]) == ("2 * n * sizeof(T)", "n")
    assert 0 < int(scale["registers"].split("-")[0]) < 64
    assert rows["fill", "-"]["shared"] == "0" and rows["fill", "-"]["bytes"] == "-"


@needs_nvrtc
def test_list_of_a_name_has_a_row_for_each_configuration(run):
    code, out, _ = run("--list", "scale_forward", "--arch", "75")
    _, rows = cells(out)
    assert code == 0
    assert {words: row["shared"] for (_, words), row in rows.items()} == {
        f"T={t},BLOCK={block}": str(size * block) for t, size in (("float", 4), ("double", 8)) for block in (64, 128)
    }
    assert [row["bytes"] for row in rows.values()] == ["2 * n * sizeof(T)", "", "", ""]


@needs_nvrtc
def test_list_says_which_kernels_need_a_newer_gpu(run):
    code, out, _ = run("--list", "--arch", "75")
    _, rows = cells(out)
    assert code == 0 and rows["fill", "-"]["registers"] == "from sm_80"
    assert rows["scale_fill", "-"]["registers"].isdecimal()


@needs_nvrtc
def test_list_prints_what_the_compiler_refuses(run, folder):
    write(folder, "scale", HEADER + SCALE.replace("factor *", "missing *"))
    code, out, err = run("--list", "--arch", "90")
    _, rows = cells(out)
    assert code == 1 and rows["scale_forward", "T: float, double"]["registers"] == "refused"
    assert rows["fill", "-"]["registers"].isdecimal()
    assert 'scale.cu(11): error: identifier "missing"' in err and "(and 3 other configurations)" in err


@needs_nvrtc
def test_list_prints_warnings(run, folder):
    write(folder, "scale", HEADER + SCALE.replace("  __shared__", "  int never;\n  __shared__"))
    code, out, err = run("--list", "scale", "--arch", "90")
    assert code == 1 and err.count('"never"') == 4 and "refused" not in out


def test_list_without_a_compiler_says_why(run, monkeypatch):
    monkeypatch.setattr(nvrtc, "problem", lambda: "NVRTC is not installed: pip install it")
    code, out, _ = run("--list", "--arch", "90")
    title, rows = cells(out)
    assert code == 0 and title == "sm_90, not compiled: NVRTC is not installed: pip install it"
    scale = rows["scale_forward", "T: float, double"]
    assert (scale["registers"], scale["spills"], scale["bytes"]) == ("-", "-", "2 * n * sizeof(T)")


@needs_nvrtc
def test_list_for_a_gpu_that_the_compiler_does_not_know(run):
    code, out, _ = run("--list", "--arch", "7")
    assert code == 0 and f"sm_7, not compiled: {nvrtc.compilers()[0]} knows no sm_7" in out


@needs_nvrtc
def test_list_is_for_the_gpu_of_the_machine(run, monkeypatch):
    monkeypatch.setattr(command, "cuda_problem", lambda: "no GPU")
    assert run("--list", "fill")[1].startswith("sm_90,")
    monkeypatch.setattr(command, "cuda_problem", lambda: None)
    monkeypatch.setattr(backend, "cuda_module", lambda: Cupy("80"))
    assert run("--list", "fill")[1].startswith("sm_80,")


# Compiling ahead.


class Cupy:
    """CuPy as far as --warm needs it: one GPU; modules that compile, unless they hold the word "wrong"."""

    def __init__(self, compute_capability):
        self.compute_capability = compute_capability
        self.cuda = self
        self.built = []
        self.entered = 0

    def Device(self):  # noqa: N802 - CuPy's name
        return self

    def __enter__(self):
        self.entered += 1

    def __exit__(self, *exc):
        pass

    def RawModule(self, *, code, options, **more):  # noqa: N802 - CuPy's name
        return Module(self, code)


class Module:
    def __init__(self, cupy, code):
        self.cupy, self.code = cupy, code

    def compile(self):
        if "wrong" in self.code:
            raise RuntimeError("wrong: a planted fault")
        self.cupy.built.append(self.code)


@pytest.fixture
def cupy(monkeypatch):
    played = Cupy("90")
    monkeypatch.setattr(command, "cuda_problem", lambda: None)
    monkeypatch.setattr(backend, "cuda_module", lambda: played)
    return played


def test_warm_compiles_every_configuration(run, cupy):
    code, out, err = run("--warm")
    assert (code, out, err) == (0, "6 of 6 builds are ready for sm_90\n", "")
    assert len(set(cupy.built)) == 6 and cupy.entered == 6


def test_warm_leaves_out_what_needs_a_newer_gpu(run, cupy):
    cupy.compute_capability = "75"
    assert run("--warm")[:2] == (0, "4 of 4 builds are ready for sm_75\n")


def test_warm_goes_on_after_a_failure(run, cupy, folder):
    write(folder, "random/mask", OTHER + "// wrong\n" + FILL)
    code, out, err = run("--warm")
    assert (code, out) == (1, "4 of 6 builds are ready for sm_90\n")
    assert err.count("wrong: a planted fault") == 2 and "random/mask.cu I=int,BLOCK=64 sm_90: wrong" in err


def test_warm_without_a_gpu_says_so(run, monkeypatch):
    monkeypatch.setattr(command, "cuda_problem", lambda: "CuPy is not installed")
    assert run("--warm") == (1, "", "gpunn kernels: there is no GPU to compile for: CuPy is not installed\n")


@needs_compiler
def test_warm_prepares_the_emulator_too(run):
    with emulator.enable():
        assert run("--warm")[0] == 0


def test_the_command_line(folder):
    """As a user calls it, on gpunn's own kernels."""
    words = [sys.executable, "-m", "gpunn", "kernels"]
    done = subprocess.run([*words, "--show", "common"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "no kernel file is called 'common'" in done.stderr
    done = subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "--warm" in done.stdout
