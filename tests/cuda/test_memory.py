"""The bytes of tensors on the emulated GPU, now and at most."""

import threading

import pytest

import gpunn as gp
from gpunn import backend, cuda

MEGABYTE = 1 << 20


pytestmark = pytest.mark.usefixtures("gpu")


def megabytes(count):
    return gp.zeros(count * MEGABYTE, dtype=gp.uint8, device="cuda")


def test_the_most_that_was_held_at_once():
    cuda.reset_peak_memory_stats()
    base = cuda.memory_allocated()
    assert cuda.max_memory_allocated() == base
    x = megabytes(3)
    y = megabytes(2)
    del x
    assert cuda.max_memory_allocated("cuda:0") == base + 5 * MEGABYTE
    z = megabytes(1)
    assert cuda.max_memory_allocated() == base + 5 * MEGABYTE
    assert cuda.memory_allocated() == base + 3 * MEGABYTE
    cuda.reset_peak_memory_stats(0)
    assert cuda.max_memory_allocated() == base + 3 * MEGABYTE
    del y, z
    assert cuda.memory_allocated() == base
    assert cuda.max_memory_allocated() == base + 3 * MEGABYTE
    cuda.reset_max_memory_allocated()
    assert cuda.max_memory_allocated() == base


def test_what_other_threads_hold_is_seen_when_asked():
    cuda.reset_peak_memory_stats()
    base, kept = cuda.memory_allocated(), []
    thread = threading.Thread(target=lambda: kept.append(megabytes(2)))
    thread.start()
    thread.join()
    assert cuda.max_memory_allocated() == base + 2 * MEGABYTE
    kept.clear()
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == base


def test_a_failed_allocation_counts_for_nothing():
    cuda.reset_peak_memory_stats()
    base, pool = cuda.memory_allocated(), backend.cuda_module().get_default_memory_pool()
    pool.set_limit(base + MEGABYTE)
    try:
        with pytest.raises(cuda.OutOfMemoryError):
            megabytes(4)
    finally:
        pool.set_limit()
    assert cuda.max_memory_allocated() == base


class Pool:
    """A memory pool that has taken 4096 bytes."""

    def __init__(self):
        self.taken = [4096]
        self.free_all_blocks = self.taken.clear

    def total_bytes(self):
        return sum(self.taken)

    def used_bytes(self):
        return 0


def test_the_most_that_the_pool_took(monkeypatch):
    pool = Pool()
    monkeypatch.setattr(backend.cuda_module(), "get_default_memory_pool", lambda: pool)
    cuda.reset_peak_memory_stats()
    pool.taken.append(1024)
    assert cuda.max_memory_reserved() == 5120
    cuda.empty_cache()
    assert (cuda.memory_reserved(), cuda.max_memory_reserved()) == (0, 5120)
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_reserved("cuda") == 0


def test_statistics():
    cuda.reset_peak_memory_stats()
    x = megabytes(2)
    held = cuda.memory_allocated()
    del x
    stats = cuda.memory_stats("cuda:0")
    assert stats["allocated_bytes.all.current"] == held - 2 * MEGABYTE
    assert stats["allocated_bytes.all.peak"] == held
    assert stats["reserved_bytes.all.peak"] >= stats["reserved_bytes.all.current"] == cuda.memory_reserved()
    lines = cuda.memory_summary().splitlines()
    assert lines[0] == "memory of cuda:0" and len(lines) == 5
    assert lines[2].split() == ["allocated_bytes.all.peak", f"{held / MEGABYTE:,.1f}", "MiB"]


def test_a_part_of_the_memory():
    pool = backend.cuda_module().get_default_memory_pool()
    total = cuda.mem_get_info()[1]
    try:
        cuda.set_per_process_memory_fraction(0.5)
        assert pool.get_limit() == total // 2
        cuda.empty_cache()
        cuda.set_per_process_memory_fraction(0.0)
        with pytest.raises(cuda.OutOfMemoryError):
            megabytes(64)
        cuda.set_per_process_memory_fraction(1.0)
        megabytes(1)
        for wrong, error in ((2, TypeError), (1.5, ValueError), (-0.1, ValueError)):
            with pytest.raises(error, match="set_per_process_memory_fraction"):
                cuda.set_per_process_memory_fraction(wrong)
        assert pool.get_limit() == total
    finally:
        pool.set_limit(size=0)
