"""`example("xor")` is the module examples/xor.py; `run(module, *argv)` calls its main as the shell would."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "examples"


@pytest.fixture
def example(monkeypatch):
    """A function from the name of an example to its module, freshly imported."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for path in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that gives what an example prints to stdout."""

    def run(module, *argv):
        monkeypatch.setattr(sys, "argv", [module.__file__, *map(str, argv)])
        module.main()
        return capsys.readouterr().out

    return run
