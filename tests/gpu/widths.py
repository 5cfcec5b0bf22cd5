"""Every reduction over rows of 1 to 4,100 numbers, forward and backward, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend
from tests.gpu.step import Case, Failed, Setting, Step

F = gp.nn.functional
MOST = 4100
LONG = (16_383, 16_384, 16_385, 65_537, 1_000_003)
ROWS = 3
SMALL = (1, 2, 31, 33, 257, 1025)
# Errors allowed, in units of the result's largest number: of a sum in float32 with a few roundings, of the halves' own.
TOLERANCE = {"float32": 4e-6, "float64": 1e-13, "float16": 3e-3, "bfloat16": 2.4e-2}


def _labels(x: Any) -> Any:
    return gp.tensor(np.arange(len(x)) * 7 % x.shape[1], device=x.device)


def _parameters(x: Any) -> tuple[Any, Any]:
    n = x.shape[-1]
    return tuple(gp.tensor(np.linspace(a, b, n), dtype=x.dtype, device=x.device) for a, b in ((0.5, 2), (-1, 1)))


def _images(x: Any) -> Any:
    return x.unsqueeze(0)  # a channel for each row


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda x: F.softmax(x, 1),
    "softmax of columns": lambda x: F.softmax(x.t().contiguous(), 0),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "cross_entropy": lambda x: F.cross_entropy(x, _labels(x), reduction="none"),
    "cross_entropy, smooth": lambda x: F.cross_entropy(x, _labels(x), label_smoothing=0.1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:], *_parameters(x)),
    "rms_norm": lambda x: F.rms_norm(x, x.shape[1:], _parameters(x)[0]),
    "group_norm": lambda x: F.group_norm(_images(x), x.shape[0]) if x.shape[1] > 1 else x,
    "instance_norm": lambda x: F.instance_norm(_images(x), use_input_stats=True) if x.shape[1] > 1 else x,
    "batch_norm": lambda x: F.batch_norm(_images(x), None, None, training=True) if x.shape[1] > 1 else x,
    "batch_norm of columns": lambda x: F.batch_norm(x, None, None, training=True),
    "normalize": lambda x: F.normalize(x, dim=1),
    "mse_loss": lambda x: F.mse_loss(x, x.detach().flip(0)),
    "kl_div": lambda x: F.kl_div(x, x.detach().abs().flip(0), reduction="batchmean"),
    "sum": lambda x: x.sum(1),
    "mean": lambda x: x.mean(1),
    "var": lambda x: x.var(1, unbiased=False),
    "norm": lambda x: x.norm(dim=1),
    "logsumexp": lambda x: x.logsumexp(1),
    "max": lambda x: x.amax(1),
    "prelu": lambda x: F.prelu(x.t().contiguous(), _parameters(x.t())[0]),
    "avg_pool": lambda x: F.adaptive_avg_pool1d(_images(x), 1),
    "max_pool": lambda x: F.adaptive_max_pool1d(_images(x), 1),
    "cumsum": lambda x: x.cumsum(1),
}


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each operation and dtype, and one for long rows."""
    found: dict[str, Case] = {}
    for name, op in OPERATIONS.items():
        for dtype in setting.pick(list(TOLERANCE), ["float32", "bfloat16"]):
            found[f"{name} {dtype}"] = partial(compared, op, dtype, setting.pick(range(1, MOST + 1), SMALL))
        found[f"{name} float32, long"] = partial(compared, op, "float32", setting.pick(LONG, LONG[1:3]))
    return found


def compared(op: Callable[[Any], Any], dtype: str, widths: Sequence[int]) -> dict[str, Any]:
    """`op` and its gradient on the GPU in `dtype` against the CPU in float64, for rows of each width."""
    kind = getattr(gp, dtype).numpy
    everything = (np.random.default_rng(0).standard_normal((ROWS, max(widths))) * 2).astype(kind)
    faults, worst = [], 0.0
    for width in widths:
        x = np.ascontiguousarray(everything[:, :width])
        found = results(op, x, "cuda")
        wanted = results(op, x.astype(np.float64), "cpu")
        for what, mine, theirs in zip(("value", "gradient"), found, wanted, strict=True):
            size = max(1.0, float(np.abs(theirs).max()))
            error = np.abs(mine - theirs).max() / size / TOLERANCE[dtype]
            if mine.shape != theirs.shape or not error <= 1:
                faults.append(f"width {width}: {what} is off by {error:.2f} of what is allowed")
            worst = max(worst, float(error))
    facts = {"widths": len(widths), "worst": worst}
    if faults:
        raise Failed(f"{len(faults)} faults: " + "; ".join(faults[:20]), facts)
    return facts


def results(op: Callable[[Any], Any], x: np.ndarray, device: str) -> list[np.ndarray]:
    """The value, and the gradient for weights that are not the same everywhere, in float64."""
    leaf = gp.tensor(x, device=device, requires_grad=True)
    y = op(leaf)
    weights = gp.tensor(np.linspace(0.5, 1.5, y.numel()).reshape(y.shape), dtype=y.dtype, device=device)
    y.backward(weights)
    return [backend.asnumpy(t.detach().array).astype(np.float64) for t in (y, leaf.grad)]


STEP = Step(
    "widths",
    "rows of 1 to 4,100 numbers through every reduction, against float64",
    __name__,
    cases,
    limit=240,
    at_once=8,
)
