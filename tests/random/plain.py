"""Philox in plain Python, as published."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunn.random import Generator


def seeded(seed: int = 1234) -> Generator:
    return Generator().manual_seed(seed)


def plain_philox(seed: int, counter: int) -> list[int]:
    """One block, one word after the other."""
    c = [counter >> 32 * j & 0xFFFFFFFF for j in range(4)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def stream(seed: int, blocks: int, dtype: str = "<u4") -> np.ndarray[Any, Any]:
    words = [plain_philox(seed, p) for p in range(blocks)]
    return np.array(words, dtype="<u4").reshape(-1).view(dtype)
