"""Live bytes, allocation limits, and the border between NumPy's arrays and emulated ones."""

import gc
import threading

import numpy as np
import pytest

from gpunn.emulator.namespace import cupy as xp
from gpunn.emulator.storage import (
    Allocation,
    Counter,
    OutOfMemoryError,
    emulated,
    pool,
    root_of,
    unwrap,
    view,
    wrap,
)


@pytest.fixture
def used():
    """Bytes taken since the test began."""
    gc.collect()
    before = pool.used_bytes()
    return lambda: pool.used_bytes() - before


def test_live_bytes_are_counted_in_blocks_of_512(used):
    x = xp.zeros(1000, np.float32)
    assert used() == 4096
    y = xp.zeros(1)
    assert used() == 4096 + 512
    del x, y
    assert used() == 0


def test_views_take_no_memory_and_keep_their_owner_alive(used):
    x = xp.zeros((64, 64), np.float64)
    views = [x[1:], x.T, x.reshape(-1), xp.broadcast_to(x, (3, 64, 64)), xp.lib.stride_tricks.as_strided(x)]
    assert used() == 64 * 64 * 8
    del x
    assert used() == 64 * 64 * 8
    del views
    assert used() == 0


def test_results_that_numpy_bases_on_a_temporary_own_their_memory(used):
    a, b = xp.ones((8, 8)), xp.ones((8, 8))
    before = used()
    product = xp.tensordot(a, b, 1)
    assert product.base is None
    assert used() - before == 512


def test_in_place_and_out_take_no_memory(used):
    x = xp.zeros(256, np.float32)
    before = used()
    x += 1
    xp.exp(x, out=x)
    x.sum(out=xp.zeros(()))
    x[...] = 3
    assert used() == before


def test_an_allocation_beyond_the_limit_fails_and_leaves_nothing(used):
    pool.set_limit(size=pool.used_bytes() + 4096)
    try:
        x = xp.zeros(512)  # 4096 bytes
        with pytest.raises(OutOfMemoryError, match="allocating 512 bytes"):
            x[0].copy()
        assert used() == 4096
        del x
        xp.zeros(512)
    finally:
        pool.set_limit(size=0)
    assert pool.get_limit() == 0
    xp.zeros(100_000)


def test_the_limit_can_be_a_fraction_of_the_device():
    with pytest.raises(ValueError, match="one time"):
        pool.set_limit(size=1, fraction=0.5)
    pool.set_limit(fraction=0.25)
    assert pool.get_limit() == xp.cuda.runtime.memGetInfo()[1] // 4
    pool.set_limit()
    assert pool.get_limit() == 0


def test_threads_lose_no_byte(used):
    def work():
        for _ in range(500):
            xp.zeros(10) + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert used() == 0


def test_the_pool_caches_nothing():
    assert pool.total_bytes() == pool.used_bytes()
    assert pool.free_bytes() == pool.n_free_blocks() == 0
    assert pool.free_all_blocks() is None


def test_allocation_knows_its_address():
    host = np.zeros(3)
    allocation = Allocation(host)
    assert allocation.ptr == host.ctypes.data
    assert allocation.size == 512


def test_counter_counts():
    counter = Counter()
    counter.add()
    counter.add()
    assert counter.count == 2


def test_root_of_is_the_owner():
    owner = np.arange(12)
    assert root_of(owner.reshape(3, 4)[1:].T) is owner
    assert root_of(np.lib.stride_tricks.sliding_window_view(owner, 3)) is owner
    assert root_of(owner) is owner


def test_wrap_returns_a_source_that_is_the_array_itself():
    x = xp.arange(6)
    assert wrap(x._host, (xp.zeros(1), x)) is x


def test_wrap_makes_new_memory_contiguous_unless_told_to_keep_it():
    host = np.zeros((3, 4), order="F")
    assert wrap(host).flags.c_contiguous
    kept = wrap(host, keep_order=True)
    assert kept.flags.f_contiguous
    assert kept._host is host


def test_wrap_copies_memory_that_no_array_owns():
    x = wrap(np.frombuffer(b"\x01\x02", np.uint8))
    x[0] = 7
    assert x.tolist() == [7, 2]


def test_views_are_writeable():
    x = xp.zeros(3)
    row = view(np.broadcast_to(x._host, (2, 3)), x)
    row[0, 1] = 5
    assert x.tolist() == [0, 5, 0]


def test_unwrap_reaches_into_lists_and_tuples_and_refuses_numpy_arrays():
    x = xp.zeros(2)
    assert unwrap(x) is x._host
    found = unwrap(([x, 1], "a"))
    assert type(found) is tuple
    assert type(found[0]) is list
    assert found[0][0] is x._host
    assert found[1] == "a"
    for value in (np.zeros(2), [x, np.zeros(2)], np.zeros(())):
        with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
            unwrap(value)


def test_emulated_finds_arrays_in_nested_sequences():
    x, y = xp.zeros(1), xp.zeros(1)
    assert [id(a) for a in emulated([1, x, ([y], "b")])] == [id(x), id(y)]
