"""What judges the mutants of the kernels of attention."""

from __future__ import annotations

from typing import Any

from tests.kernels import test_attention as attention
from tests.kernels.mutation_runs.run import Run


def _attention(dtype: str, *numbers: int) -> list[Run]:
    def run(row: tuple[Any, ...]) -> Any:
        shape, keys, heads, options = row
        return attention.results(shape, keys, heads, dtype, **options)

    return [lambda row=attention.RUNS[i]: run(row) for i in numbers]


RUNS: dict[str, list[Run]] = {
    "attention/backward.cu": _attention("float32", 1, 2, 3, 4),
    "attention/delta.cu": _attention("float32", 3, 2),
    "attention/forward.cu": _attention("float32", 1, 2, 3, 4),
    "attention/rule.cuh": _attention("float32", 1, 2, 3, 4),
    "attention/tensor_backward.cu": _attention("bfloat16", 5, 2, 3, 1),
    "attention/tensor_forward.cu": _attention("bfloat16", 5, 2, 3, 1, 4),
    "attention/tensor_tiles.cuh": _attention("bfloat16", 5, 6, 4) + _attention("tf32", 5),
    "attention/tiles.cuh": _attention("float32", 1, 2, 3, 4),
}
