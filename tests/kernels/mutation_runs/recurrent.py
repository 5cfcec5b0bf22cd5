"""What judges the mutants of the kernels of recurrent layers."""

from __future__ import annotations

from tests.kernels import test_recurrent as recurrent
from tests.kernels.mutation_runs.run import Run


def _recurrent() -> list[Run]:
    return [lambda row=row: recurrent.results(*row) for row in recurrent.RUNS if row[-1] == "float32"]


def _layers() -> list[Run]:
    layers = [("gru", (2, 2), 32, False, 8, "float32"), ("lstm", (9, 9, 4), 8, True, 4, "float32"), *recurrent.LAYERS]
    layers.append(("tanh", (40, 3), 5, False, 4, "float32"))
    return [lambda row=row: recurrent.layer(*row) for row in layers if row[-1] == "float32"]


RUNS: dict[str, list[Run]] = {
    "recurrent/cells.cuh": _recurrent(),
    "recurrent/persistent.cu": _layers(),
    "recurrent/persistent_back.cu": _layers(),
    "recurrent/resident.cuh": _layers(),
    "recurrent/steps.cu": _recurrent(),
}
