"""What judges the mutants of the kernels of losses, of softmax, of norms and of cosines."""

from __future__ import annotations

from typing import Any

import pytest

import gpunn as gp
from gpunn.ops.loss import totals
from tests.kernels import test_ctc as ctc
from tests.kernels import test_distance as distance
from tests.kernels import test_euclidean as euclidean
from tests.kernels import test_gaussian_loss as gaussian_loss
from tests.kernels import test_margins as margins
from tests.kernels import test_pointwise_loss as pointwise_loss
from tests.kernels import test_softmax as softmax
from tests.kernels.mutation_runs.run import Run

F = gp.nn.functional


def _softmax() -> list[Run]:
    lines = [lambda s=s, d=d: softmax.softmax(F.log_softmax, s, d) for s, d in softmax.LINES]
    return [*lines, *[lambda s=s, d=d: softmax.softmax(F.softmax, s, d, gp.bfloat16) for s, d in softmax.LINES]]


def _cross_entropy() -> list[Run]:
    plain = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s) for s, _ in softmax.LINES]
    smooth = [lambda s=s: softmax.cross_entropy(F.cross_entropy, s, label_smoothing=0.1) for s, _ in softmax.LINES]
    return [*plain, *smooth, *[lambda s=s: softmax.cross_entropy(F.nll_loss, s) for s, _ in softmax.LINES]]


def _totals() -> list[Run]:
    """Sums of rows with weights: by one block, and by several as if there were many rows."""

    def run(direct: int) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(totals, "DIRECT", direct)
            patch.setattr(totals, "EACH", 1)
            return softmax.cross_entropy(F.nll_loss, (400, 3))

    return [lambda: run(1000), lambda: run(0), lambda: softmax.cross_entropy(F.nll_loss, (1, 3))]


def _soft_targets() -> list[Run]:
    return [lambda s=s, w=w: softmax.soft_targets(s, w) for s, _ in softmax.LINES for w in (True, False)]


RUNS: dict[str, list[Run]] = {
    "lines.cuh": _softmax(),
    "loss/cross_entropy.cu": _cross_entropy(),
    "loss/ctc.cu": [ctc.run],
    "distance.cu": distance.mutation_runs()["distance"],
    "euclidean.cu": euclidean.mutation_runs(),
    "gumbel.cu": margins.mutation_runs()["gumbel"],
    "loss/gaussian.cu": gaussian_loss.mutation_runs(),
    "loss/margins.cu": margins.mutation_runs()["margins"],
    "loss/pointwise.cu": pointwise_loss.mutation_runs(),
    "loss/soft_targets.cu": _soft_targets(),
    "loss/total.cu": _totals(),
    "reduction/log_sum.cu": distance.mutation_runs()["reduction"],
    "reduction/norms.cu": distance.mutation_runs()["reduction"],
    "reduction/norms.cuh": distance.mutation_runs()["reduction"],
    "reduction/pieces.cuh": distance.mutation_runs()["reduction"],
    "similarity.cu": distance.mutation_runs()["similarity"],
    "softmax.cu": _softmax(),
}
