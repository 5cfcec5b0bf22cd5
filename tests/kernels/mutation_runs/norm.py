"""What judges the mutants of the kernels of norms."""

from __future__ import annotations

from typing import Any

import pytest

from gpunn.ops.norm import launches
from tests.kernels import test_norm as norm
from tests.kernels.mutation_runs.run import Run


def _norm(*names: str) -> list[Run]:
    """The runs of tests/kernels/test_norm.py with these names, half of them with short rows as if they were long."""

    def run(row: tuple[Any, ...]) -> Any:
        name, op, shape, dtype, last, limit = row
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(launches, "LONG", launches.LONG if limit is None else limit)
            return norm.run(name, op, shape, dtype, last)

    return [lambda row=row: run(row) for row in norm.RUNS if row[0] in names]


RUNS: dict[str, list[Run]] = {
    "norm/apply.cu": _norm("batch", "eval", "relu", "group", "instance"),
    "norm/merge.cu": _norm("batch", "relu", "group", "instance", "layer", "eval, many"),
    "norm/moments.cu": _norm("batch, misaligned", "batch", "group", "instance", "layer"),
    "norm/parts.cuh": _norm("layer", "unit", "relu"),
    "norm/response.cu": _norm("response"),
    "norm/rows.cu": _norm("layer", "rms", "group", "instance", "unit"),
    "norm/sums.cu": _norm("batch, misaligned", "batch", "relu", "group", "instance", "layer", "rms"),
}
