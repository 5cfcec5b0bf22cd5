"""What judges the mutants of each kernel file: small computations, the likeliest to notice first.

A module for each family of kernels has the runs of its files.
"""

from tests.kernels.mutation_runs import (
    activation,
    arithmetic,
    attention,
    conv,
    image,
    indexing,
    loss,
    norm,
    optimizer,
    pool,
    random,
    recurrent,
    reduce,
)
from tests.kernels.mutation_runs.run import Run

FAMILIES = (
    activation,
    arithmetic,
    attention,
    conv,
    image,
    indexing,
    loss,
    norm,
    optimizer,
    pool,
    random,
    recurrent,
    reduce,
)
RUNS: dict[str, list[Run]] = {path: runs for family in FAMILIES for path, runs in family.RUNS.items()}

# Files whose mutants would say nothing.
WITHOUT: dict[str, str] = {
    "ptx.cuh": "the emulator has its own functions in its place; tests/gpu/instructions.py compares both on a GPU",
}
