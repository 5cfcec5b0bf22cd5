"""Philox against published vectors and plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from gpunn import backend
from gpunn.random import blocks
from tests.random.plain import plain_philox


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_known_answers(counter: str, key: str, wanted: str, device: str) -> None:
    """philox4x32 10 of Random123's kat_vectors."""
    start = sum(int(word, 16) << 32 * j for j, word in enumerate(counter.split()))
    seed = sum(int(word, 16) << 32 * j for j, word in enumerate(key.split()))
    words = blocks.philox(backend.module_of(backend.device(device)), seed, start, 1)
    assert words.dtype == np.uint32 and words.shape == (1, 4)
    assert [f"{word:08x}" for word in backend.asnumpy(words)[0]] == wanted.split()


@pytest.mark.parametrize("start", [0, 12345, 2**32 - 3, 2**64 - 3, (7 << 64) + 2**64 - 2])
def test_philox_counts_in_the_lower_64_bits(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_CHUNK", 3)
    seed = 0x0123456789ABCDEF
    wanted = [plain_philox(seed, (start >> 64 << 64) + (start + i) % 2**64) for i in range(8)]
    np.testing.assert_array_equal(blocks.philox(np, seed, start, 8), wanted)
    assert blocks.philox(np, seed, start, 0).shape == (0, 4)


def test_philox_chunks_do_not_show() -> None:
    count = blocks._CHUNK + 5
    words = blocks.philox(np, 3, 10, count)
    np.testing.assert_array_equal(words[-7:], blocks.philox(np, 3, 10 + count - 7, 7))


@pytest.mark.parametrize("start", [0, 2**32 - 2, 2**64 - 2, (7 << 64) + 2**64 - 2])
@pytest.mark.parametrize("seed", [0, 2**64 - 1, 0x0123456789ABCDEF])
def test_few_blocks_are_those_of_many(start: int, seed: int) -> None:
    for count in range(blocks.FEW + 1):
        found = blocks.philox(np, seed, start, count)
        assert found.dtype == np.uint32 and found.shape == (count, 4)
        np.testing.assert_array_equal(found, blocks.philox(np, seed, start, blocks.FEW + 1)[:count])
