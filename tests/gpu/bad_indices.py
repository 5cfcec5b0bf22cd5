"""Indices out of bounds: the right error at the next wait at the latest, and a GPU that goes on computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend
from tests.gpu.step import Case, Setting, Step

F = gp.nn.functional
SIZE = 7  # of the dimension that is indexed
BAD = {"too large": SIZE, "far too large": 2**40 + 3, "too small": -SIZE - 1}


def _table(device: str) -> Any:
    return gp.tensor(np.arange(SIZE * 5.0).reshape(SIZE, 5), device=device)


def _put(index: Any) -> Any:
    x = _table(str(index.device))
    x[index] = 1.0
    return x


def _columns(index: Any) -> Any:
    return index.reshape(-1, 1).expand(len(index), 5)


def _ones(index: Any, *shape: int) -> Any:
    return gp.ones(*shape, dtype=gp.float64, device=index.device)


def _logits(index: Any) -> Any:
    return _table(str(index.device)).t()[: len(index)].contiguous()


# Each takes an index of five numbers, all good ones below SIZE.
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "embedding": lambda i: F.embedding(i, _table(str(i.device))),
    "embedding_bag": lambda i: F.embedding_bag(i.reshape(1, -1), _table(str(i.device))),
    "getitem": lambda i: _table(str(i.device))[i],
    "getitem of pairs": lambda i: _table(str(i.device))[i, i.new_zeros(len(i))],
    "setitem": _put,
    "index_select": lambda i: _table(str(i.device)).index_select(0, i),
    "gather": lambda i: _table(str(i.device)).gather(0, _columns(i)),
    "scatter": lambda i: _table(str(i.device)).scatter(0, _columns(i), _ones(i, 5, 5)),
    "scatter_add": lambda i: _table(str(i.device)).scatter_add(0, _columns(i), _ones(i, 5, 5)),
    "index_add": lambda i: _table(str(i.device)).index_add(0, i, _ones(i, 5, 5)),
    "take": lambda i: _table(str(i.device))[:, 0].take(i),
    "cross_entropy": lambda i: F.cross_entropy(_logits(i), i),
    "nll_loss": lambda i: F.nll_loss(_logits(i), i, reduction="none"),
}


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each operation and kind of fault."""
    return {f"{n}, {what}": partial(refused, op, bad) for n, op in OPERATIONS.items() for what, bad in BAD.items()}


def refused(op: Callable[[Any], Any], bad: int) -> dict[str, Any]:
    """A good index gives what the CPU gives; the bad one an IndexError; then the good one again the same."""
    good = np.array([0, 6, 3, 3, 1])
    wanted = values(op(gp.tensor(good)))
    np.testing.assert_array_equal(values(op(gp.tensor(good, device="cuda"))), wanted)
    spoilt = good.copy()
    spoilt[2] = bad
    text = ""
    try:
        op(gp.tensor(spoilt, device="cuda"))
        gp.cuda.synchronize()
    except IndexError as error:
        text = str(error)
    assert text, "no IndexError"
    assert str(bad) in text, f"the error does not name {bad}: {text}"
    gp.cuda.synchronize()  # the error is told once
    found = values(op(gp.tensor(good, device="cuda")))
    np.testing.assert_array_equal(found, wanted)
    return {"error": text}


def values(x: Any) -> np.ndarray:
    """A result as float64, rounded to what the CPU and the GPU agree in."""
    return np.round(backend.asnumpy(x.array).astype(np.float64), 9)


STEP = Step("indices", "indices out of bounds: IndexError, and the context is alive after", __name__, cases, limit=60)
