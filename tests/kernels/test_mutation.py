"""Small faults in our kernels are noticed; survivors.txt says which are not, and why that is no harm."""

import numpy as np
import pytest

from gpunn import backend, kernels
from gpunn.kernels import source
from tests.emulator.launching import needs_compiler
from tests.kernels import mutation
from tests.kernels.mutation_runs import FAMILIES, RUNS, WITHOUT

FILES = {str(path.relative_to(source.KERNEL_DIR)) for path in source.KERNEL_DIR.rglob("*.cu*")}
ROWS = mutation.read()
AGAIN = "run `python -m tests.kernels.mutation {}` and give a reason for what survives"


def test_every_kernel_file_has_runs():
    assert {*RUNS, *WITHOUT} == FILES, "add runs to the family in tests/kernels/mutation_runs"
    assert sum(len(family.RUNS) for family in FAMILIES) == len(RUNS), "a file has runs in two families"
    missing = sorted(FILES - {*ROWS, *WITHOUT})
    assert not missing, AGAIN.format(" ".join(missing))
    assert not {*ROWS} & {*WITHOUT} and all(WITHOUT.values())


def test_every_survivor_has_a_reason():
    without = {path: d for path, row in ROWS.items() for d, reason in row.survivors.items() if len(reason) < 12}
    assert not without, AGAIN.format(" ".join(without))


def test_the_sums_are_right():
    for path, row in ROWS.items():
        assert row.total - row.dead == len(row.survivors), path
    assert mutation.SURVIVORS.read_text() == mutation.written(ROWS)


def test_nine_of_ten_die():
    assert sum(row.dead for row in ROWS.values()) >= 0.9 * sum(row.total for row in ROWS.values())


TOY = """// The positive numbers of each block, in reverse.
// BLOCK: 32

extern "C" __global__ void turn(float* __restrict__ y, const float* __restrict__ x, long long n) {
  __shared__ float tile[BLOCK];
  const int here = threadIdx.x, there = BLOCK - threadIdx.x;
  static_assert(sizeof(float) == 4, "");
  tile[here] = x[blockIdx.x * BLOCK + here];
  __syncthreads();
  const float* value = tile - 1 + there;
  y[blockIdx.x * BLOCK + here] = *value > 0.0f ? *value : 0.0f;
}
"""


def turned():
    x = backend.cuda_module().asarray(np.arange(-30, 34, dtype=np.float32))
    y = backend.cuda_module().empty(64, np.float32)
    kernels.launch("toy", "turn", 64, (y, x, 64))
    return y


@needs_compiler
def test_the_dead_the_living_and_the_unborn(tmp_path, monkeypatch):
    (tmp_path / "toy.cu").write_text(TOY)
    monkeypatch.setattr(source, "KERNEL_DIR", tmp_path)
    monkeypatch.setattr(mutation, "MOST", 20)
    found = mutation.outcome("toy.cu", [turned])
    assert found.survivors == ["line 11: loosen: > becomes >="]
    assert (found.dead, found.total, found.not_compiled) == (9, 10, 1)


def test_the_choice_among_mutants(monkeypatch):
    monkeypatch.setattr(mutation, "MOST", 4)
    chosen = [description for description, _ in mutation.chosen(TOY)]
    assert len(chosen) == 4 and "line 9: drop: __syncthreads(); becomes nothing" in chosen
    barriers = mutation.chosen(TOY.replace("  tile", "  __syncthreads();\n" * 9 + "  tile"))
    assert len(barriers) == 10 + 2  # half of MOST are others


def test_a_reason_stays_with_a_mutant_that_moves():
    before = {
        "line 3: swap: + becomes -": "why",
        "line 5: loosen: < becomes <=": "a",
        "line 6: loosen: < becomes <=": "b",
    }
    assert mutation.reason_of("line 4: swap: + becomes -", before) == "why"
    assert mutation.reason_of("line 5: loosen: < becomes <=", before) == "a"
    assert mutation.reason_of("line 7: loosen: < becomes <=", before) == "WHY?"


@pytest.mark.sweep
@needs_compiler
@pytest.mark.parametrize("path", RUNS)
def test_the_outcome_is_as_written(path):
    found, row = mutation.outcome(path, RUNS[path]), ROWS[path]
    told = AGAIN.format(path)
    assert (found.dead, found.total, {*found.survivors}) == (row.dead, row.total, {*row.survivors}), told
