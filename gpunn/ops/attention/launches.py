"""Attention on a GPU: which kernel runs, and how. Shapes as in reference.py."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

from gpunn import kernels
from gpunn.backend import Array, array_module, is_tf32_in_products
from gpunn.kernels.source import C_TYPES, kernel_file
from gpunn.ops.attention.memory import Laid, empty_in_order_of, laid
from gpunn.ops.attention.rule import Rule

SIDE: Final = 64  # rows that a block has
PITCH: Final = SIDE + 4
DEPTH: Final = 16
NO_MASK, BOOL_MASK, ADDED_MASK = range(3)


def forward(q: Array, k: Array, v: Array, mask: Array | None, rule: Rule) -> tuple[Array, Array]:
    """The output (B, H, L, V), in the order of q in memory, and log Σ exp of the scores (B, H, L)."""
    xp = array_module(q)
    y = empty_in_order_of(q, (*q.shape[:3], v.shape[3]))
    log_sums = xp.empty(q.shape[:3], _accumulator(q))
    target, *sources = [laid(x) for x in (y, q, k, v)]
    _run("forward", "attention_forward", target, [log_sums], sources, [], mask, rule, q, k, v, v.shape[3])
    return y, log_sums


def gradients(
    grad: Array,
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None,
    y: Array,
    log_sums: Array,
    rule: Rule,
    wanted: tuple[bool, ...],
) -> list[Array | None]:
    """The gradients of q, k and v that are `wanted`; each lies in memory as what it is the gradient of."""
    xp = array_module(q)
    delta = xp.empty_like(log_sums)
    dy, out, *inputs = [laid(x) for x in (grad, y, q, k, v)]
    numbers = (*q.shape[:3], v.shape[3], *dy.steps, *out.steps)
    if wanted[0] or wanted[1]:
        kernels.launch("attention/delta", "attention_delta", delta.size * 32, (delta, dy.memory, out.memory, *numbers))
    results: list[Array | None] = []
    for i, (x, name) in enumerate(((q, "query"), (k, "key"), (v, "value"))):
        if not wanted[i]:
            results.append(None)
            continue
        result = empty_in_order_of(x, x.shape)
        sources, known = [dy, *inputs], [log_sums, delta]
        if name == "value":  # does not depend on v
            sources, known = sources[:3], known[:1]
        _run(
            "backward", f"attention_{name}_gradient", laid(result), [], sources, known, mask, rule, q, k, v, x.shape[3]
        )
        results.append(result)
    return results


def _run(
    file: str,
    kernel: str,
    target: Laid,
    outputs: list[Array],
    sources: list[Laid],
    known: list[Array],
    mask: Array | None,
    rule: Rule,
    q: Array,
    k: Array,
    v: Array,
    columns: int,
) -> None:
    """Launch a kernel with a block for each tile of the result `target`, of `columns` columns."""
    xp, shape = array_module(q), (*q.shape[:3], k.shape[2])
    kind, seen, bias, steps = _laid_mask(xp, mask, shape, q)
    arrays = (target.memory, *outputs, *[s.memory for s in sources], *known, seen, bias)
    ruling = (kind, rule.causal, rule.scale, rule.keep, rule.gain, *rule.draw.on(q))
    sizes = (*shape[:2], shape[1] // max(1, k.shape[1]), *shape[2:], q.shape[3], v.shape[3])
    args = (*arrays, *ruling, *sizes, *[n for s in (target, *sources) for n in s.steps], *steps)
    by_query = kernel in ("attention_forward", "attention_query_gradient")
    heads, length = (shape[1], shape[2]) if by_query else (k.shape[1], shape[3])
    blocks = shape[0] * heads * -(-length // SIDE) if columns else 0
    word = C_TYPES[q.dtype.name]
    tensor = tiles(f"attention/tensor_{file}", word) if q.dtype != np.float32 or is_tf32_in_products() else ()
    width, gpu = max(q.shape[3], v.shape[3]), int(q.device.id)
    if tensor and width <= tensor[-1]["D"] and has_tensor_cores(xp, gpu):
        tile = next(t for t in tensor if t["D"] >= width)
        stays = 2 if kernel in ("attention_query_gradient", "attention_key_gradient") else 1
        shared = (stays * SIDE + 2 * tile["STEP"]) * tile["D"] * q.dtype.itemsize
        if shared <= shared_memory(xp, gpu):  # GPUs of 99 KiB have too little for gradients of float32 with D > 128
            kernels.launch(f"attention/tensor_{file}", kernel, blocks * tile["BLOCK"], args, tile, shared)
            return
    plain = tiles(f"attention/{file}", word)
    tile = next((t for t in plain if t["D"] >= columns), plain[-1])
    shared = np.dtype(_accumulator(q)).itemsize * (SIDE * PITCH + DEPTH * max(tile["D"], 2 * PITCH))
    kernels.launch(f"attention/{file}", kernel, blocks * -(-columns // tile["D"]) * tile["BLOCK"], args, tile, shared)


@functools.cache
def tiles(file: str, word: str) -> tuple[dict[str, int], ...]:
    """The choices of integers that a kernel file has for elements of the C type `word`, the narrowest first."""
    builds = [c for c in kernel_file(file).configurations() if c["T"] == word]
    found = [{name: int(choice) for name, choice in c.items() if choice.isdigit()} for c in builds]
    return tuple(sorted(found, key=lambda tile: tile["D"]))


@functools.cache
def has_tensor_cores(xp: Any, number: int) -> bool:
    """Whether GPU `number` has cp.async and mma.sync for bfloat16."""
    return int(xp.cuda.Device(number).compute_capability) >= kernel_file("attention/tensor_forward").arch


@functools.cache
def shared_memory(xp: Any, number: int) -> int:
    """The bytes of shared memory that a block of GPU `number` may have."""
    return int(xp.cuda.runtime.getDeviceProperties(number)["sharedMemPerBlockOptin"])


def _accumulator(x: Array) -> Any:
    return np.float64 if x.dtype.itemsize == 8 else np.float32


def _laid_mask(
    xp: Any, mask: Array | None, shape: tuple[int, ...], q: Array
) -> tuple[int, Array, Array, tuple[int, ...]]:
    """Which kind of mask it is, its memory as bool and as a type like q's (one of them unused), and its four steps."""
    if mask is None:
        return NO_MASK, xp.empty(1, np.bool_), xp.empty(1, q.dtype), (0, 0, 0, 0)
    if not (memory := mask).flags.c_contiguous:
        memory = xp.ascontiguousarray(mask)
    steps = [0] * (4 - mask.ndim)
    for size, stride in zip(memory.shape, memory.strides, strict=True):
        steps.append(0 if size == 1 else stride // memory.dtype.itemsize)
    if memory.dtype == np.bool_:
        return BOOL_MASK, memory, xp.empty(1, q.dtype), tuple(steps)
    return ADDED_MASK, xp.empty(1, np.bool_), memory, tuple(steps)
