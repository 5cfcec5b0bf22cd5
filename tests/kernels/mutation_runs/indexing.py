"""What judges the mutants of the kernels of indexing, and of what may be out of bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

import gpunn as gp
from gpunn.errors import IndexRangeError
from tests.kernels import test_embedding as embedding
from tests.kernels import test_indexing as indexing
from tests.kernels import test_order as order
from tests.kernels import test_value_range as value_range
from tests.kernels.mutation_runs.run import Run

F = gp.nn.functional


def _indexing(*names: str) -> list[Run]:
    return [run for name, run in indexing.RUNS.items() if not names or name in names]


def _out_of_bounds() -> Any:
    """What the device notes of indices that are too small or too large, and what the kernels write then."""
    found: list[Any] = []
    for values in ([0, 1, 4, 2**40 + 5, 9], [3, -1, 2], [0, -(2**50), 7]):
        table = gp.tensor(np.arange(12.0).reshape(4, 3), dtype=gp.float32, device="cuda", requires_grad=True)
        F.embedding(gp.tensor([1, 2], device="cuda"), table)  # takes the first slot
        y = F.embedding(gp.tensor(values, device="cuda"), table)
        y.backward(gp.ones_like(y))
        text = ""
        try:
            gp.cuda.synchronize()
        except IndexRangeError as error:
            text = str(error)
        found += [y, table.grad, np.frombuffer(text.encode(), np.uint8)]
    return tuple(found)


READ = ("rows", "pairs", "vectors", "misaligned", "apart", "gather", "take")


RUNS: dict[str, list[Run]] = {
    "bounds.cuh": [_out_of_bounds],
    "embedding.cu": list(embedding.RUNS.values()),
    "indexing/choose.cu": _indexing("masked_fill", "masked_fill, a tensor", "triangles", "one_hot"),
    "indexing/keys.cu": _indexing(*READ, "assign", "sum"),
    "indexing/order.cu": list(order.RUNS.values()),
    "indexing/places.cuh": [_out_of_bounds, *_indexing(*READ, "assign")],
    "indexing/read.cu": [*_indexing(*READ), _out_of_bounds],
    "indexing/reduce.cu": _indexing("rows", "a long segment first", "long segments", "sum", "prod", "mean", "amin"),
    "indexing/segments.cuh": _indexing("a long segment first", "long segments", "sum", "prod", "amin", "amax"),
    "indexing/write.cu": _indexing("planes", "assign", "vectors", "apart", "gather of a vector"),
    "value_range.cu": [value_range.noted],
}
