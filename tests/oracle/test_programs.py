"""Small programs as PyTorch's tutorials write them, run as they are and with only the imports changed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.oracle.bridge import Twins
from tests.oracle.scores import Tally

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def on_gpunn(source: str) -> str:
    """`source` with gpunn in the import lines."""
    source = re.sub(r"^import torch$", "import gpunn as torch", source, flags=re.MULTILINE)
    source = re.sub(r"^import torch\.", "import gpunn.", source, flags=re.MULTILINE)
    return re.sub(r"^from torch\b", "from gpunn", source, flags=re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS, ids=[p.stem for p in PROGRAMS])
def test_program(program: Path, tally: Tally, tmp_path: Path) -> None:
    if Twins.device != "cpu":
        pytest.skip("from_numpy makes tensors on the CPU, in PyTorch as well")
    with tally.about("Program", program.stem, "program"):
        theirs = runpy.run_path(str(program))
        changed = tmp_path / program.name
        changed.write_text(on_gpunn(program.read_text(encoding="utf-8")), encoding="utf-8")
        assert not re.search(r"^(import|from) torch", changed.read_text(), flags=re.MULTILINE)
        ours = runpy.run_path(str(changed))
        model, mine = theirs["build"](), ours["build"]()
        mine.load_state_dict(Twins().of({k: v.clone() for k, v in model.state_dict().items()}))
        tally.add(compare(ours["train"](mine), theirs["train"](model)))


def compare(ours: list[Any], theirs: list[Any]) -> str | None:
    if len(ours) != len(theirs):
        return f"{len(ours)} losses, expected {len(theirs)}"
    bad = np.flatnonzero(~np.isclose(ours, theirs, rtol=1e-5, atol=1e-5))
    return f"loss {bad[0]}: {ours[bad[0]]}, expected {theirs[bad[0]]}" if len(bad) else None
