"""Indices and numbers out of range: the right error at the next wait at the latest, and a GPU that goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend
from gpunn.errors import ArgumentError
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
    "take_along_dim": lambda i: _table(str(i.device)).take_along_dim(_columns(i), 0),
    "index_put, added up": lambda i: _table(str(i.device)).index_put((i,), _ones(i, 5, 5), accumulate=True),
    "index_copy": lambda i: _table(str(i.device)).index_copy(0, i, _ones(i, 5, 5)),
    "index_fill": lambda i: _table(str(i.device)).index_fill(0, i, 2.0),
    "scatter_reduce": lambda i: _table(str(i.device)).scatter_reduce(0, _columns(i), 9 * _ones(i, 5, 5), "amax"),
    "put": lambda i: _table(str(i.device))[:, 0].clone().put_(i, _ones(i, 5)),
    "one_hot": lambda i: F.one_hot(i, SIZE),
    "max_unpool1d": lambda i: F.max_unpool1d(_ones(i, 1, 1, 5), i.reshape(1, 1, 5), 3, 1),
    "ctc_loss": lambda i: F.ctc_loss(_logits(i).expand(12, 5, SIZE), i.reshape(5, 1), [12] * 5, [1] * 5, blank=2),
    "cross_entropy": lambda i: F.cross_entropy(_logits(i), i),
    "nll_loss": lambda i: F.nll_loss(_logits(i), i, reduction="none"),
}


GOOD = np.array([0, 6, 3, 3, 1])

# Each takes five numbers, all good ones in [0, 1].
RANGES: dict[str, Callable[[Any], Any]] = {
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x, _ones(x, 5) / 2),
    "gaussian_nll_loss": lambda x: F.gaussian_nll_loss(_ones(x, 5), _ones(x, 5) / 2, x),
    "bernoulli": lambda x: gp.bernoulli(x).cumsum(0) * 0,
    "normal": lambda x: gp.normal(0.0, x) * 0,
    "multinomial": lambda x: gp.multinomial(x, 1) * 0,
    "quantile": lambda x: _table(str(x.device))[:, 0].quantile(x),
}


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each operation and kind of fault."""
    found = {f"{n}, {what}": partial(refused, op, bad) for n, op in OPERATIONS.items() for what, bad in BAD.items()}
    good = np.array([0.25, 1.0, 0.5, 0.5, 0.75])
    return found | {f"{n}, a number": partial(refused, op, -3.0, good, ArgumentError) for n, op in RANGES.items()}


def refused(
    op: Callable[[Any], Any], bad: float, good: np.ndarray = GOOD, kind: type[Exception] = IndexError
) -> dict[str, Any]:
    """A good index gives what the CPU gives; the bad one an IndexError; then the good one again the same."""
    wanted = values(op(gp.tensor(good)))
    np.testing.assert_array_equal(values(op(gp.tensor(good, device="cuda"))), wanted)
    spoilt = good.copy()
    spoilt[2] = bad
    text = ""
    try:
        op(gp.tensor(spoilt, device="cuda"))
        gp.cuda.synchronize()
    except kind as error:
        text = str(error)
    assert text, f"no {kind.__name__}"
    assert str(bad) in text, f"the error does not name {bad}: {text}"
    gp.cuda.synchronize()  # the error is told once
    found = values(op(gp.tensor(good, device="cuda")))
    np.testing.assert_array_equal(found, wanted)
    return {"error": text}


def values(x: Any) -> np.ndarray:
    """A result as float64, rounded to what the CPU and the GPU agree in."""
    return np.round(backend.asnumpy(x.array).astype(np.float64), 9)


STEP = Step(
    "indices", "indices and numbers out of range: the error, and the context is alive after", __name__, cases, limit=60
)
