"""`gpunn bench` finds the benchmarks of a wheel and of a checkout, and hands its arguments on."""

import sys

import pytest

from gpunn.cli import bench

RUNNER = "def main(argv):\n    print({place!r}, argv)\n    return 7\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installation with benchmarks in the given folders, in place of the one that runs."""

    def install(*folders):
        package = tmp_path / "played_gpunn"
        package.mkdir()
        (package / "__init__.py").touch()
        for folder in folders:
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "__init__.py").touch()
            (tmp_path / folder / "runner.py").write_text(RUNNER.format(place=folder))
        monkeypatch.setattr(bench, "PACKAGE", package)

    for name in [n for n in sys.modules if n.split(".")[0] in ("benchmarks", "played_gpunn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    for name in [n for n in sys.modules if n.split(".")[0] in ("benchmarks", "played_gpunn")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("folders", "place"),
    [
        (["benchmarks"], "benchmarks"),
        (["played_gpunn/_benchmarks"], "played_gpunn/_benchmarks"),
        (["benchmarks", "played_gpunn/_benchmarks"], "played_gpunn/_benchmarks"),
    ],
)
def test_arguments_reach_the_runner_untouched(installed, capsys, folders, place):
    installed(*folders)
    assert bench.main(["--quick", "-h", "conv", "--"]) == 7
    assert capsys.readouterr().out == f"{place} ['--quick', '-h', 'conv', '--']\n"


def test_without_benchmarks_it_says_so(installed, capsys):
    installed()
    assert bench.main([]) == 1
    assert "no benchmarks" in capsys.readouterr().err
