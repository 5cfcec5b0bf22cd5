"""Every instruction of kernels/ptx.cuh on the GPU: beside the emulator, and beside exact arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from gpunn import backend, emulator
from gpunn.emulator.namespace import cupy as emulated
from gpunn.kernels.source import KERNEL_DIR, parse, source
from tests.emulator.instructions import GRID, TYPES, cut, multiplied, text, tiles
from tests.gpu.step import Case, Setting, Skipped, Step

TILES = 256
DENORMAL = 2.0**-126


class Launcher:
    """Launches the kernels of a text on NumPy arrays, on CuPy or on the emulator; gives all arrays back."""

    def __init__(self, cupy: Any, words: str, cooperative: bool = False) -> None:
        inlined = source(parse("instructions", f"// Kernels.\n{words}"), {})  # CuPy's cache does not see headers
        self._cupy = cupy
        self._module = cupy.RawModule(
            code=inlined, options=("-std=c++17",), enable_cooperative_groups=cooperative, backend="nvrtc"
        )

    def __call__(self, name: str, *arguments: Any, threads: int = 32, blocks: int = 1) -> list[np.ndarray]:
        """Launch `name` and return its arrays as they are then."""
        copies = [self._cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        self._module.get_function(name)((blocks,), (threads,), tuple(copies))
        return [self._cupy.asnumpy(c) for c, a in zip(copies, arguments, strict=True) if isinstance(a, np.ndarray)]


@cache
def launchers(cooperative: bool = False) -> tuple[Launcher, Launcher | None]:
    """On the GPU, and on the emulator if there is one."""
    words = GRID if cooperative else "".join(text())
    cupy = backend.cuda_module()
    if int(cupy.cuda.Device().compute_capability) < 80:
        raise Skipped("this GPU has no tensor cores with these instructions: compute capability below 80")
    beside = None if emulator.compiler_problem() else Launcher(emulated, words, cooperative)
    return Launcher(cupy, words, cooperative), beside


def cases(setting: Setting) -> Mapping[str, Case]:
    """A case for each instruction; their names begin with the function of ptx.cuh that they test."""
    count = setting.pick(TILES, 6)
    found: dict[str, Case] = {"to_tf32": partial(rounding, count), "grid_barrier": partial(barrier, setting)}
    for name in TYPES:
        for kind in ("normal", "whole", "wide", "special"):
            found[f"mma_{name} {kind}"] = partial(product, name, kind, count)
    for size in (1, 2, 4):
        found[f"ldmatrix_x{size}"] = partial(matrices, size, "", count)
        found[f"ldmatrix_x{size}_trans"] = partial(matrices, size, "_trans", count)
    for size in (4, 8, 16):
        found[f"cp_async, cp_async_commit, cp_async_wait of {size} bytes"] = partial(copies, size, count)
    return found


def wrappers() -> list[str]:
    """The functions of ptx.cuh, as it lists them."""
    lines = (KERNEL_DIR / "ptx.cuh").read_text().splitlines()
    return [line.partition("::")[2].rstrip(";") for line in lines if line.startswith("using gpunn_emulator::")]


def product(name: str, kind: str, count: int) -> dict[str, Any]:
    """D = A B + C of tiles: whole numbers exactly, others within the rounding of a sum of K + 1 terms.

    A tensor core lines the terms up and cuts what is more than a bit or two below the last digit of the largest, so
    each term is off by 2^-23 of the largest at most; two more for the result. In units of 2^-23 Σ|a b| + |c|.
    """
    a, b, c = operands(name, kind, np.random.default_rng(len(kind)), count)
    gpu, beside = launchers()
    found = multiplied(gpu, name, a, b, c)
    exact_a, exact_b = ((cut(x) if name == "tf32" else x).astype(np.float64) for x in (a, b))
    with np.errstate(invalid="ignore", over="ignore"):
        exact, size = exact_a @ exact_b + c, np.abs(exact_a) @ np.abs(exact_b) + np.abs(c)
        facts: dict[str, Any] = {"tiles": count}
        if kind == "special":
            np.testing.assert_array_equal(
                np.where(np.isfinite(exact), 0, found), np.where(np.isfinite(exact), 0, exact)
            )
        finite = np.isfinite(exact) & np.isfinite(size)
        error = np.abs(found[finite] - exact[finite])
        facts["largest_error"] = float((error / (2.0**-23 * size[finite] + DENORMAL)).max())
    if beside is not None:
        theirs = multiplied(beside, name, a, b, c)
        facts["same_as_emulated"] = float(((theirs == found) | (np.isnan(theirs) & np.isnan(found))).mean())
    limit = 0 if kind == "whole" else a.shape[-1] + 2
    assert facts["largest_error"] <= limit, f"{facts}: the limit is {limit}"
    return facts


def operands(name: str, kind: str, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, B, C: normal numbers; whole ones; some from the smallest to large; infinities and NaN among normal ones."""
    a, b = tiles(name, rng, count)
    c = rng.normal(size=(count, 16, 8)).astype(np.float32)
    if kind == "whole":
        return *(np.rint(8 * x.astype(np.float32)).astype(x.dtype) for x in (a, b)), np.rint(9 * c)
    if kind == "wide":
        powers = {"f16": (-22, 6), "bf16": (-60, 50), "tf32": (-60, 50)}[name]
        a, b = (x * np.exp2(rng.integers(*powers, x.shape)).astype(x.dtype) for x in (a, b))
        c = c * np.exp2(rng.integers(-40, 20, c.shape)).astype(np.float32)
    if kind == "special":
        for x in (a, b, c):
            places = tuple(rng.integers(0, n, count) for n in x.shape)
            x[places] = rng.choice([np.inf, -np.inf, np.nan, 0.0], count).astype(x.dtype)
    return a, b, c


def rounding(count: int) -> dict[str, Any]:
    """to_tf32 of any bits that are a number, the middles between two results among them."""
    bits = np.random.default_rng(5).integers(0, 1 << 32, 1000 * count, np.uint32)
    bits[::2] = bits[::2] & 0xFFFFE000 | 0x1000
    bits[:4] = [0x7F800000, 0xFF800000, 0, 0x80000000]
    x = bits.view(np.float32)
    gpu, beside = launchers()
    found = gpu("rounded", np.zeros(len(x), np.uint32), x, np.int32(len(x)))[0]
    whole = np.isfinite(x) & (np.abs(x) >= DENORMAL)
    up = (bits + np.uint32(0x1000)) & 0xFFFFE000  # half a unit more, cut: ties away from zero
    np.testing.assert_array_equal((found & 0xFFFFE000)[whole], up[whole])
    assert np.isnan(found.view(np.float32)[np.isnan(x)]).all()
    facts = {"numbers": len(x), "low_bits_left": int((found[whole] & 0x1FFF != 0).sum())}
    if beside is not None:
        theirs = beside("rounded", np.zeros(len(x), np.uint32), x, np.int32(len(x)))[0]
        facts["same_as_emulated"] = float((found == theirs)[~np.isnan(x)].mean())
        np.testing.assert_array_equal(found[whole], theirs[whole])
    return facts


def matrices(size: int, form: str, count: int) -> dict[str, Any]:
    """ldmatrix of random rows in random order."""
    rng = np.random.default_rng(size)
    gpu, beside = launchers()
    for _ in range(count):
        x = rng.integers(0, 1 << 16, (32, 8), np.uint16)
        rows = rng.permutation(32).astype(np.int32)
        arguments = f"ldmatrix_x{size}{form}_rows", np.zeros((32, size), np.uint32), x, rows
        found = gpu(*arguments)[0]
        if beside is not None:
            np.testing.assert_array_equal(found, beside(*arguments)[0])
        for m in range(size):
            matrix = x[rows[8 * m : 8 * m + 8]]
            pairs = (matrix.T if form else matrix).reshape(8, 4, 2).astype(np.uint32)
            np.testing.assert_array_equal(found[:, m], (pairs[..., 0] | pairs[..., 1] << 16).ravel())
    return {"tiles": count}


def copies(size: int, count: int) -> dict[str, Any]:
    """cp.async of some tiles in a pipeline of three stages, the last words not there: zeros."""
    rng = np.random.default_rng(size)
    gpu, beside = launchers()
    words = size // 4
    for _ in range(count):
        tiles_there = int(rng.integers(1, 9))
        n = tiles_there * 32 * words - words * int(rng.integers(0, 31))
        x = rng.integers(1, 1 << 32, n, np.uint32)
        y = np.zeros((tiles_there, 32, words), np.uint32)
        wanted = np.concatenate([x, np.zeros(y.size - n, np.uint32)]).reshape(y.shape)
        arguments = f"copied_{size}", y, x, np.int32(tiles_there), np.int32(n)
        found = gpu(*arguments)[0]
        np.testing.assert_array_equal(found, np.roll(wanted, -1, axis=1))
        if beside is not None:
            np.testing.assert_array_equal(found, beside(*arguments)[0])
    return {"tiles": count}


def barrier(setting: Setting) -> dict[str, Any]:
    """The grid barrier with one block up to one for each multiprocessor, again and again."""
    gpu, _ = launchers(cooperative=True)
    processors = setting.pick(int(backend.cuda_module().cuda.runtime.getDeviceProperties(0)["multiProcessorCount"]), 7)
    for blocks in (1, 2, 7, processors):
        for _ in range(setting.pick(20, 1)):
            n = 32 * blocks
            arrays = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(1, np.uint64)
            total, _, counter = gpu("around", *arrays, blocks=blocks)
            wanted = np.int64(6 * (n * (n - 1) // 2)).astype(np.int32)  # a sum that may go around
            np.testing.assert_array_equal(total, np.full(n, wanted))
            assert counter.item() == 6 * blocks
    return {"blocks": processors}


STEP = Step(
    "instructions", "each function of ptx.cuh beside the emulator and exact arithmetic", __name__, cases, limit=240
)
