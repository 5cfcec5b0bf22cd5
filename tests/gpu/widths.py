"""Every reduction over rows of 1 to 4,100 numbers, forward and backward, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend, capture
from gpunn.ops.activation.bias import bias_activation
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


def _places(x: Any) -> Any:
    return gp.arange(x.shape[1], device=x.device)


def _twos(x: Any) -> Any:
    """0 and 1 in turns."""
    return _places(x) % 2


def _keys(x: Any) -> Any:
    """Small, so that the roundings of their products with queries stay small in the exponents."""
    return x.t()[None, None] / 4


def _of_ones(x: Any) -> Any:
    """As large as x, in the order of its memory: numbers around 1."""
    return gp.tensor(1 + np.arange(x.numel()).reshape(x.shape) % 7 / 8, dtype=x.dtype, device=x.device)


def _filters(x: Any, channels: int, size: int) -> Any:
    """Four filters whose numbers have both signs."""
    values = (np.arange(4 * channels * size) % 5 - 2) / 4
    return gp.tensor(values.reshape(4, channels, size), dtype=x.dtype, device=x.device)


def _sorted(x: Any) -> Any:
    """By our own kernels, which sort where a step is captured."""
    with capture.noting(capture.Capture(is_recording=False)):
        return x.sort(1)[0]


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
    "nll_loss": lambda x: F.nll_loss(x, _labels(x)),
    "cross_entropy of probabilities": lambda x: F.cross_entropy(x, _of_ones(x).detach() / x.shape[1]),
    "sum by clip_grad_norm": lambda x: x * gp.nn.utils.get_total_norm([x.detach()]),
    "std": lambda x: x.std(1, correction=0) if x.shape[1] > 1 else x,
    "min": lambda x: x.amin(1),
    "embedding_bag": lambda x: F.embedding_bag(_places(x)[None], x.t().contiguous(), mode="mean"),
    "index_add": lambda x: gp.zeros(2, ROWS, dtype=x.dtype, device=x.device).index_add(0, _twos(x), x.t()),
    "scatter_reduce": lambda x: x.new_zeros(2, ROWS).scatter_reduce(0, _twos(x)[:, None].expand(-1, 3), x.t(), "amax"),
    "bias": lambda x: bias_activation(_of_ones(x).t().contiguous(), x[:, 0], "gelu"),
    "prelu": lambda x: F.prelu(x.t().contiguous(), _parameters(x.t())[0]),
    "slope of prelu": lambda x: F.prelu(-_of_ones(x).t().contiguous(), x[:, 0]),
    "slope of prelu in rows": lambda x: F.prelu(-_images(_of_ones(x)), x[:, 0]),
    "nll_loss of columns": lambda x: F.nll_loss(x.t().contiguous(), _twos(x), _parameters(x.t())[0] + 1),
    "cosine_similarity": lambda x: F.cosine_similarity(x, _of_ones(x) - x.detach().flip(0), 1),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, _labels(x), reduction="none"),
    "filter of depthwise convolution": lambda x: F.conv1d(_images(_of_ones(x)), x[:, :1, None], groups=ROWS),
    "channels of convolution": lambda x: F.conv1d(x.t()[None].contiguous(), _filters(x, x.shape[1], 1)),
    "filter of convolution": lambda x: F.conv1d(_of_ones(x)[:, None], x[:, :1, None], padding=1),
    "attention": lambda x: F.scaled_dot_product_attention(_keys(x[:, :1]), _keys(x), _keys(x)),
    "lp_pool": lambda x: F.lp_pool1d(_images(x), 2, x.shape[1]),
    "order in captured steps": lambda x: _sorted(x),
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
    """The value, and the gradient for weights that are not the same everywhere, in float64. Without TF32."""
    leaf = gp.tensor(x, device=device, requires_grad=True)
    before, gp.backends.cudnn.allow_tf32 = gp.backends.cudnn.allow_tf32, False
    try:
        y = op(leaf)
        weights = gp.tensor(np.linspace(0.5, 1.5, y.numel()).reshape(y.shape), dtype=y.dtype, device=device)
        y.backward(weights)
    finally:
        gp.backends.cudnn.allow_tf32 = before
    return [backend.asnumpy(t.detach().array).astype(np.float64) for t in (y, leaf.grad)]


STEP = Step(
    "widths",
    "rows of 1 to 4,100 numbers through every reduction, against float64",
    __name__,
    cases,
    limit=240,
    at_once=8,
)
