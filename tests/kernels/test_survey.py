"""The survey of made-up kernel files: what is compiled, in which order it comes, what is read instead of made."""

import threading
from pathlib import Path

import pytest

from gpunn.errors import UnsupportedError
from gpunn.kernels import nvrtc, survey
from gpunn.kernels.nvrtc import Compiled, CompileError, Report
from gpunn.kernels.source import parse
from gpunn.kernels.survey import Build, builds, described, examine

HEADER = "// Played. Twin: gpunn/kernels.\n// T: float, unsigned int\n// (A, B): (1, 2), (3, 4)\n// BLOCK: 64\n"
KERNEL = 'extern "C" __global__ void fill(T* y) { *y = A + B; }\n'
FILE = parse("played", HEADER + KERNEL)


class Played:
    """A compiler that writes down what it is asked, and refuses what has the word "wrong"."""

    version = (12, 9)

    def __init__(self, folder: Path) -> None:
        self.library = folder / "libnvrtc.so.12"
        self.headers = folder
        self.library.write_text("library")
        (folder / "cuda_fp16.h").write_text("header")
        self.asked: list[tuple[str, int]] = []

    def compile(self, text: str, arch: int) -> Compiled:
        self.asked.append((text, arch))
        if "wrong" in text:
            raise CompileError("no", Report("line 1: no", failed=True))
        return Compiled(f"ptxas warning : sm_{arch} of {threading.current_thread().name}")


@pytest.fixture
def compiler(tmp_path):
    (tmp_path / "nvrtc").mkdir()
    return Played(tmp_path / "nvrtc")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def test_every_configuration_is_built_for_every_architecture():
    made = list(builds([FILE], (80, 90)))
    assert [str(build) for build in made[:3]] == [
        "played.cu T=float,A=1,B=2,BLOCK=64 sm_80",
        "played.cu T=float,A=1,B=2,BLOCK=64 sm_90",
        "played.cu T=float,A=3,B=4,BLOCK=64 sm_80",
    ]
    assert len(made) == 2 * 2 * 2
    assert described(made[-1].configuration) == "T=unsigned_int,A=3,B=4,BLOCK=64"


def test_nothing_is_built_below_the_architecture_of_the_file():
    newer = parse("newer", HEADER + "// arch: 80\n" + KERNEL)
    assert {build.arch for build in builds([newer])} == {80, 90, 100}
    assert {build.arch for build in builds([FILE])} == {75, 80, 90, 100}


def test_reports_come_in_the_order_of_the_builds(compiler, folder):
    wanted = list(builds([FILE]))
    found = list(survey.survey(wanted, compiler, folder))
    assert [build for build, _ in found] == wanted
    assert [report.warnings[0].split()[3] for _, report in found] == [f"sm_{build.arch}" for build in wanted]
    assert len(compiler.asked) == len(wanted)
    assert all("using T =" in text for text, _ in compiler.asked)


def test_a_second_survey_only_reads(compiler, folder):
    first = list(survey.survey(builds([FILE]), compiler, folder))
    asked = len(compiler.asked)
    assert list(survey.survey(builds([FILE]), compiler, folder)) == first
    assert len(compiler.asked) == asked


def change_text(build, compiler, monkeypatch):
    return Build(parse("played", build.file.text + "// more\n"), build.configuration, build.arch)


def change_arch(build, compiler, monkeypatch):
    return Build(build.file, build.configuration, 100)


def change_options(build, compiler, monkeypatch):
    monkeypatch.setattr(survey, "OPTIONS", ("-G",))
    return build


def change_version(build, compiler, monkeypatch):
    compiler.version = (13, 0)
    return build


def change_library(build, compiler, monkeypatch):
    compiler.library.write_text("a longer library")
    return build


def change_header(build, compiler, monkeypatch):
    (compiler.headers / "cuda_fp16.hpp").write_text("more")
    return build


@pytest.mark.parametrize(
    "change", [change_text, change_arch, change_options, change_version, change_library, change_header]
)
def test_a_log_is_read_only_for_the_same_text_and_compiler(change, compiler, folder, monkeypatch):
    build = next(builds([FILE], (90,)))
    examine(build, compiler, folder)
    survey._identity.cache_clear()
    examine(change(build, compiler, monkeypatch), compiler, folder)
    assert len(compiler.asked) == 2


def test_an_edited_file_takes_the_place_of_the_old(compiler, folder):
    build = next(builds([FILE], (90,)))
    examine(build, compiler, folder)
    examine(change_text(build, compiler, None), compiler, folder)
    assert len(list(folder.iterdir())) == 1


def test_refused_sources_are_reported_and_not_kept(compiler, folder):
    wrong = list(builds([parse("played", HEADER + "wrong\n")], (90,)))
    for _ in range(2):
        reports = [report for _, report in survey.survey(wrong, compiler, folder)]
        assert [(report.log, report.failed) for report in reports] == [("line 1: no", True)] * 4
    assert len(compiler.asked) == 8
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"half", b"\xff\xfe", None])
def test_a_damaged_log_is_made_again(damage, compiler, folder):
    build = next(builds([FILE], (90,)))
    right = examine(build, compiler, folder)
    (path,) = folder.iterdir()
    if damage is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(damage)
    assert examine(build, compiler, folder) == right
    assert [p for p in folder.iterdir() if p != path] == []


def test_without_a_folder_nothing_is_kept(compiler, folder):
    build = next(builds([FILE], (90,)))
    assert examine(build, compiler, None) == examine(build, compiler, None)
    assert len(compiler.asked) == 2


def test_a_caller_that_stops_early_does_not_wait_for_the_rest(compiler, folder, monkeypatch):
    monkeypatch.setattr(survey, "cores", lambda: 1)
    go_on = threading.Event()
    compile_at_once = compiler.compile

    def compile_slowly(text, arch):
        assert len(compiler.asked) == 0 or go_on.wait(10)
        return compile_at_once(text, arch)

    compiler.compile = compile_slowly
    reports = survey.survey(builds([FILE]), compiler, folder)
    next(reports)
    threading.Timer(0.05, go_on.set).start()
    reports.close()
    assert len(compiler.asked) <= 2


def test_without_a_compiler_the_survey_says_what_to_install(monkeypatch):
    monkeypatch.setattr(nvrtc, "problem", lambda: "install this")
    with pytest.raises(UnsupportedError, match="install this"):
        next(survey.survey(builds([FILE])))
