"""The command line as a whole: which command runs, with which arguments, and what a mistake prints."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from gpunn import cli
from gpunn.cli.facts import version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def echo(monkeypatch):
    """A command `echo` that returns 3 and keeps what it was given."""
    given = []
    command = types.SimpleNamespace(main=lambda argv: given.append(argv) or 3)
    monkeypatch.setitem(cli.COMMANDS, "echo", "repeats")
    monkeypatch.setitem(sys.modules, "gpunn.cli.echo", command)
    return given


def test_a_command_is_its_module_and_one_line(echo):
    assert cli.main(["echo", "--quick", "-h", "a b", "--", "--json"]) == 3
    assert echo == [["--quick", "-h", "a b", "--", "--json"]]


def test_without_argv_the_process_arguments_count(echo, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpunn", "echo", "1"])
    assert cli.main() == 3
    assert echo == [["1"]]


@pytest.mark.parametrize("argv", [["inof"], ["--quick"]])
def test_mistakes_print_the_usage(argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(argv)
    assert "usage: gpunn" in capsys.readouterr().err


def test_no_command_prints_the_help(capsys):
    assert cli.main([]) == 0
    assert "commands:" in capsys.readouterr().out


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed and text in printed for name, text in cli.COMMANDS.items())


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_a_module(command):
    assert (ROOT / "gpunn" / "cli" / f"{command}.py").is_file()


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"gpunn {version('gpunn')}\n"


def test_python_m_gpunn():
    done = subprocess.run([sys.executable, "-m", "gpunn", "info"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gpunn ")
