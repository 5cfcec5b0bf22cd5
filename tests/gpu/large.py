"""More than 2^31 elements: at the head, around the border and at the tail, the same bits as for a small piece alone."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend
from gpunn.ops.activation.bias import bias_activation
from tests.gpu.step import Case, Setting, Skipped, Step

F = gp.nn.functional
BORDER = 1 << 31
SMALL_BORDER = 1 << 14
MORE = 5000  # elements beyond the border at least
PATTERN = 4093  # a prime: neighbours differ, and so do rows


@dataclass(frozen=True)
class Large:
    """An operation whose result for some rows (along dimension 0) does not depend on the others.

    `row` is the shape of a row, `copies` how many arrays of the size of x are in memory at once, `grows` how many times
    as large as x the result is. Without `backward` only the value is checked. `exact`: to the bit.
    """

    op: Callable[[Any], Any]
    row: tuple[int, ...] = ()
    dtype: str = "float16"
    copies: int = 5
    backward: bool = True
    grows: int = 1
    exact: bool = True


def _table(x: Any) -> Any:
    """Rows of 64 numbers, looked up in memory order; the index is small, the result is not."""
    return F.embedding(
        x.abs().mul(10).to(gp.int32), gp.tensor(_pattern(50 * 64, "float16").reshape(50, 64), device="cuda")
    )


OPERATIONS = {
    "relu": Large(F.relu),
    "gelu": Large(F.gelu, dtype="bfloat16"),
    "relu, misaligned": Large(lambda x: F.relu(x[1:]), copies=6, backward=False),
    "silu of rows of 7": Large(F.silu, (7,)),
    "bias and activation": Large(lambda x: bias_activation(x, _bias(x), "relu"), (1000,)),
    "prelu": Large(lambda x: F.prelu(x, _bias(x)), (31,), backward=False),
    "glu": Large(lambda x: F.glu(x, 1), (64,)),
    "softmax": Large(lambda x: F.softmax(x, 1), (1000,)),
    "softmax of short rows": Large(lambda x: F.softmax(x, 1), (3,)),
    "log_softmax of columns": Large(lambda x: F.log_softmax(x, 1), (50, 37)),
    "cross_entropy": Large(lambda x: F.cross_entropy(x, _labels(x), reduction="none"), (1000,), copies=3),
    "layer_norm": Large(lambda x: F.layer_norm(x, x.shape[1:]), (768,)),
    "group_norm": Large(lambda x: F.group_norm(x, 4), (8, 25, 25)),
    "batch_norm, eval": Large(lambda x: F.batch_norm(x, *_moments(x)), (8, 25, 25), backward=False),
    "max_pool2d": Large(lambda x: F.max_pool2d(x, 2), (4, 33, 33), copies=6),
    "avg_pool2d": Large(lambda x: F.avg_pool2d(x, 3, 2, 1), (4, 33, 33)),
    # The tiles of a convolution are chosen by its size.
    "conv2d": Large(lambda x: F.conv2d(x, _filter(x), padding=1), (8, 32, 32), copies=12, backward=False, exact=False),
    "embedding": Large(_table, copies=70, backward=False, grows=64),
    "mse_loss": Large(lambda x: F.mse_loss(x, x.detach() * 0, reduction="none"), copies=7),
    "add and multiply": Large(lambda x: (x + 1) * x, copies=7),
}


def _bias(x: Any) -> Any:
    return gp.tensor(_pattern(x.shape[1], "float16"), device="cuda").to(x.dtype)


def _moments(x: Any) -> tuple[Any, Any]:
    return _bias(x), _bias(x).abs() + 1


def _filter(x: Any) -> Any:
    return gp.tensor(_pattern(16 * x.shape[1] * 9, "float16").reshape(16, x.shape[1], 3, 3), device="cuda")


def _labels(x: Any) -> Any:
    return gp.full((x.shape[0],), 3, dtype=gp.int64, device="cuda")


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each operation, the sum of all elements, and random numbers."""
    border = setting.pick(BORDER, SMALL_BORDER)
    rows = {name: partial(pieces_agree, large, border) for name, large in OPERATIONS.items()}
    found = {**rows, "sum": partial(whole_sum, border), "random": partial(random_numbers, border)}
    return {name: partial(in_memory, case) for name, case in found.items()}


def in_memory(case: Case) -> Any:
    """`case`, skipped if it takes more memory than there is."""
    try:
        return case()
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise Skipped(f"the GPU has too little memory: {error}") from error
        raise


def pieces_agree(large: Large, border: int) -> dict[str, Any]:
    """The operation on all rows, and on a few of them alone."""
    per_row = math.prod(large.row)
    rows = (border + MORE) // (per_row * large.grows) + 2
    dtype = getattr(gp, large.dtype)
    need_memory(rows * per_row * dtype.itemsize * large.copies)
    memory = filled(rows * per_row, large.dtype).reshape(rows, *large.row)
    found = results(large, memory)
    step = max(1, 4096 // per_row)
    middle = border // (per_row * large.grows)
    for start, stop in ((0, step), (middle - step, middle + step), (rows - 2 * step, rows)):
        start, stop = max(start, 0), min(stop, rows)
        alone = results(large, memory[start:stop].copy())
        for what, mine, theirs in zip(("value", "gradient"), found, alone, strict=False):
            part, own = backend.asnumpy(mine[start : start + len(theirs)]), backend.asnumpy(theirs)
            where = f"{what} of rows {start} to {stop} of {rows}"
            if large.exact:
                assert part.tobytes() == own.tobytes(), f"{where} differs"
            np.testing.assert_allclose(part.astype(float), own.astype(float), rtol=1e-2, atol=1e-2, err_msg=where)
    return {"elements": rows * per_row * large.grows}


def results(large: Large, memory: Any) -> list[Any]:
    """The value and the gradient of x, as arrays; the gradient of the value is the value itself."""
    x = gp.as_tensor(memory)
    if not large.backward:
        with gp.no_grad():
            return [large.op(x).array]
    x.requires_grad_()
    y = large.op(x)
    y.backward(y.detach())
    return [y.detach().array, x.grad.array]


def whole_sum(border: int) -> dict[str, Any]:
    """The mean of squares of all elements: one long reduction in the loss's kernels."""
    n = border + MORE
    need_memory(n * 2 * 7)
    x = gp.as_tensor(filled(n, "float16"))
    found = float(F.mse_loss(x, gp.zeros(1, dtype=gp.float16, device="cuda").expand(n).contiguous()))
    pattern = _pattern(PATTERN, "float16").astype(np.float64) ** 2
    wanted = (pattern.sum() * (n // PATTERN) + pattern[: n % PATTERN].sum()) / n
    assert abs(found - wanted) <= 2e-3 * wanted, f"{found}, expected {wanted}"
    return {"elements": n, "found": found, "wanted": wanted}


def random_numbers(border: int) -> dict[str, Any]:
    """Uniform numbers: the head as on the CPU; no two thousands alike around the border; the right mean."""
    n = border + MORE
    need_memory(n * 2 * 3)
    gp.manual_seed(5)
    x = gp.rand(n, dtype=gp.float16, device="cuda").array
    gp.manual_seed(5)
    head = gp.rand(SMALL_BORDER, dtype=gp.float16).numpy()
    assert np.array_equal(backend.asnumpy(x[:1000]), head[:1000])
    parts = [backend.asnumpy(x[s : s + 1000]).astype(np.float64) for s in (0, border - 1000, border, n - 1000)]
    assert len({p.tobytes() for p in parts}) == len(parts)
    assert all(abs(p.mean() - 0.5) < 0.05 and 0 <= p.min() <= p.max() <= 1 for p in parts)
    return {"elements": n}


def need_memory(size: int) -> None:
    """Skip unless `size` bytes are free on the GPU."""
    cupy = backend.cuda_module()
    gc.collect()
    gp.cuda.empty_cache()
    free = int(cupy.cuda.runtime.memGetInfo()[0])
    if free < size:
        raise Skipped(f"needs {size / 2**30:.0f} GiB of GPU memory, {free / 2**30:.0f} GiB are free")


def filled(n: int, dtype: str) -> Any:
    """n numbers on the GPU: a pattern over and over."""
    cupy = backend.cuda_module()
    x = cupy.empty(n, getattr(gp, dtype).numpy)
    done = min(PATTERN, n)
    x[:done] = cupy.asarray(_pattern(done, dtype))
    while done < n:
        more = min(done, n - done)
        x[done : done + more] = x[:more]
        done += more
    return x


def _pattern(n: int, dtype: str) -> np.ndarray:
    values = np.random.default_rng(7).standard_normal(n)
    return values.astype(getattr(gp, dtype).numpy)


STEP = Step("large", "more than 2^31 elements", __name__, cases, limit=150)
