"""Shuffles, votes, matches, warp reductions, barriers and atomic operations of the emulated language."""

import ml_dtypes
import numpy as np
import pytest

from gpunn import emulator
from tests.emulator.launching import Kernels, needs_compiler

pytestmark = needs_compiler

SHUFFLED = {
    "int": np.int32,
    "unsigned int": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "long": np.int64,
    "float": np.float32,
    "double": np.float64,
    "__half": np.float16,
}
SHUFFLES = {"": "int", "_up": "unsigned int", "_down": "unsigned int", "_xor": "int"}
ATOMICS = {  # what an operation makes of (old, value), and on what types
    "Add": (lambda a, b: a + b, ("int", "unsigned int", "unsigned long long", "float", "double")),
    "Sub": (lambda a, b: a - b, ("int", "unsigned int")),
    "Exch": (lambda a, b: b, ("int", "unsigned int", "unsigned long long", "float")),
    "Min": (min, ("int", "unsigned int", "long long", "unsigned long long")),
    "Max": (max, ("int", "unsigned int", "long long", "unsigned long long")),
    "And": (lambda a, b: a & b, ("int", "unsigned int", "long long", "unsigned long long")),
    "Or": (lambda a, b: a | b, ("int", "unsigned int", "long long", "unsigned long long")),
    "Xor": (lambda a, b: a ^ b, ("int", "unsigned int", "long long", "unsigned long long")),
    "Inc": (lambda a, b: 0 if a >= b else a + 1, ("unsigned int",)),
    "Dec": (lambda a, b: b if a == 0 or a > b else a - 1, ("unsigned int",)),
}
DTYPES = {**SHUFFLED, "short": np.int16}


def word(kind):
    return kind.replace(" ", "_")


def shuffle_text(kind, name, offset):
    return f"""
extern "C" __global__ void shfl{name}_{word(kind)}({kind}* y, const {kind}* x, const {offset}* offsets, int width,
                                                    unsigned int mask) {{
  const int i = threadIdx.x;
  if (mask >> (i % 32) & 1u) y[i] = __shfl{name}_sync(mask, x[i], offsets[i], width);
}}
"""


def atomic_text(name, kind):
    return f"""
extern "C" __global__ void atomic{name}_{word(kind)}({kind}* total, {kind}* before, const {kind}* x, int n) {{
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) before[i] = atomic{name}(total, x[i]);
}}
"""


TEXT = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>

extern "C" __global__ void votes(unsigned int* y, const int* x, unsigned int mask) {
  const int i = threadIdx.x;
  if (!(mask >> (i % 32) & 1u)) return;
  y[4 * i] = __ballot_sync(mask, x[i]);
  y[4 * i + 1] = __any_sync(mask, x[i]);
  y[4 * i + 2] = __all_sync(mask, x[i]);
  y[4 * i + 3] = __activemask() >> (i % 32) & 1u;
}

extern "C" __global__ void matches(unsigned int* y, const int* x, const double* z, unsigned int mask) {
  const int i = threadIdx.x;
  if (!(mask >> (i % 32) & 1u)) return;
  int all, none;
  y[4 * i] = __match_any_sync(mask, x[i]);
  y[4 * i + 1] = __match_any_sync(mask, z[i]);
  y[4 * i + 2] = __match_all_sync(mask, 7, &all) + (__match_all_sync(mask, i, &none) == 0u ? 0u : 1u << 31);
  y[4 * i + 3] = all + 2 * none;
}

extern "C" __global__ void reductions(int* y, const int* x, unsigned int mask) {
  const int i = threadIdx.x;
  if (!(mask >> (i % 32) & 1u)) return;
  const unsigned int u = x[i];
  y[9 * i] = __reduce_add_sync(mask, x[i]);
  y[9 * i + 1] = __reduce_min_sync(mask, x[i]);
  y[9 * i + 2] = __reduce_max_sync(mask, x[i]);
  y[9 * i + 3] = __reduce_add_sync(mask, u);
  y[9 * i + 4] = __reduce_min_sync(mask, u);
  y[9 * i + 5] = __reduce_max_sync(mask, u);
  y[9 * i + 6] = __reduce_and_sync(mask, u);
  y[9 * i + 7] = __reduce_or_sync(mask, u);
  y[9 * i + 8] = __reduce_xor_sync(mask, u);
}

extern "C" __global__ void pairs(float* y) {
  const float lane = threadIdx.x;
  const __half2 h = __shfl_xor_sync(0xffffffffu, __half2(lane, -lane), 1);
  const __nv_bfloat162 b = __shfl_down_sync(0xffffffffu, __nv_bfloat162(lane, 2.0f * lane), 2u);
  const __nv_bfloat16 s = __shfl_sync(0xffffffffu, __nv_bfloat16(lane), 5);
  y[threadIdx.x] = float(h.x) + 100.0f * float(b.y) + 10000.0f * float(s) + (float(h.y) == -float(h.x) ? 0.5f : 0.0f);
}

// Lanes below 16 and those above go different ways and each synchronise among themselves.
extern "C" __global__ void diverging(int* y) {
  const int i = threadIdx.x % 32;
  int value = i;
  if (i < 16) {
    for (int d = 8; d > 0; d /= 2) value += __shfl_xor_sync(0x0000ffffu, value, d, 16);
  } else {
    value = __shfl_sync(0xffff0000u, value, 31);
  }
  y[threadIdx.x] = value;
}

// Threads leave; the rest goes on through barriers and warp operations.
extern "C" __global__ void leaving(int* y, int stay) {
  __shared__ int sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  if (static_cast<int>(threadIdx.x) >= stay) return;
  atomicAdd(&sum, 1);
  __syncthreads();
  y[threadIdx.x] = sum;
}

extern "C" __global__ void barrier_votes(int* y, const int* x) {
  const int i = threadIdx.x;
  y[3 * i] = __syncthreads_count(x[i]);
  y[3 * i + 1] = __syncthreads_and(x[i]) != 0;
  y[3 * i + 2] = __syncthreads_or(x[i]) != 0;
}

extern "C" __global__ void rotating(int* y, int rounds) {
  __shared__ int tile[256];
  int value = threadIdx.x;
  for (int r = 0; r < rounds; ++r) {
    tile[threadIdx.x] = value;
    __syncthreads();
    value = tile[(threadIdx.x + 1) % blockDim.x];
    __syncthreads();
  }
  y[threadIdx.x] = value;
}

extern "C" __global__ void in_a_warp(int* y) {
  __shared__ int tile[32];
  int value = threadIdx.x;
  for (int r = 0; r < 5; ++r) {
    tile[threadIdx.x] = value;
    __syncwarp();
    value = tile[(threadIdx.x + 1) % 32];
    __syncwarp();
  }
  y[threadIdx.x] = value;
}

extern "C" __global__ void compare_and_swap(unsigned long long* list, unsigned short* lock, int* order, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned long long old = atomicAdd(list, 0ull), seen;
  while ((seen = atomicCAS(list, old, old + i)) != old) old = seen;
  order[i] = atomicCAS(lock, static_cast<unsigned short>(0), static_cast<unsigned short>(i + 1));
}

extern "C" __global__ void of_halves(__half* h, __nv_bfloat16* b, __half2* pair) {
  atomicAdd(h, __half(1.0f));
  atomicAdd_block(b, __nv_bfloat16(1.0f));
  atomicAdd(pair, __half2(1.0f, -2.0f));
}

extern "C" __global__ void wrong_width(int* y) { y[threadIdx.x] = __shfl_down_sync(0xffffffffu, 1, 1u, 12); }

extern "C" __global__ void wrong_mask(int* y) { y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0); }

extern "C" __global__ void failing(int* y) {
  y[threadIdx.x] = 1;
  assert(threadIdx.x < 7);
}

extern "C" __global__ void trapping(int* y) {
  if (y[threadIdx.x] == 0) __trap();
}

extern "C" __global__ void last_block(int* total, unsigned int* counter, int* parts) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = blockIdx.x + 1;
    __threadfence();
    last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    __threadfence();
    int sum = 0;
    for (unsigned int b = 0; b < gridDim.x; ++b) sum += parts[b];
    *total = sum;
  }
}
"""


@pytest.fixture(scope="module")
def kernels():
    shuffles = [shuffle_text(kind, *shuffle) for kind in SHUFFLED for shuffle in SHUFFLES.items()]
    atomics = [atomic_text(name, kind) for name, (_, kinds) in ATOMICS.items() for kind in kinds]
    return Kernels(TEXT + "".join(shuffles + atomics))


@pytest.fixture(params=["fast", "checked"], autouse=True)
def mode(request):
    with emulator.enable(check=request.param == "checked"):
        yield request.param


def source_lane(name, lane, offset, width):
    """PTX ISA, shfl.sync: a lane hears no lane of a later group of `width`, but itself."""
    first = lane // width * width
    if name == "":
        return first + offset % width
    if name == "_up":
        return lane - offset if lane - offset >= first else lane
    source = lane + offset if name == "_down" else lane ^ offset
    return source if source < first + width else lane


@pytest.mark.parametrize("kind", SHUFFLED)
@pytest.mark.parametrize("name", SHUFFLES)
def test_shuffles(kernels, name, kind):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 1 << 8, (64, 8), np.uint8).view(SHUFFLED[kind])[:, 0].copy()
    if x.dtype.kind == "f":
        x = rng.normal(size=64).astype(x.dtype)
    for width in (1, 2, 4, 8, 16, 32):
        offsets = rng.integers(0, 32, 64).astype(np.uint32 if "unsigned" in SHUFFLES[name] else np.int32)
        kernel = f"shfl{name}_{word(kind)}"
        got = kernels(kernel, x * 0, x, offsets, np.int32(width), np.uint32(0xFFFFFFFF), threads=64)[0]
        lanes = [source_lane(name, i % 32, int(offsets[i]), width) + i // 32 * 32 for i in range(64)]
        np.testing.assert_array_equal(got, x[lanes])


@pytest.mark.parametrize("mask", [0x0000FFFF, 0x0F0F00F1, 0x80000001])
def test_shuffles_of_a_part_of_the_warp(kernels, mask):
    x = np.arange(32, dtype=np.int32)
    inside = [lane for lane in range(32) if mask >> lane & 1]
    offsets = np.array([inside[(3 * i) % len(inside)] for i in range(32)], np.int32)
    y = np.full(32, -9, np.int32)
    got = kernels("shfl_int", y, x, offsets, np.int32(32), np.uint32(mask))[0]
    np.testing.assert_array_equal(got, [offsets[i] if i in inside else -9 for i in range(32)])


def test_shuffles_of_a_partial_warp(kernels):
    x = np.arange(40, dtype=np.float32)
    offsets = np.full(40, 1, np.int32)
    got = kernels("shfl_xor_float", x * 0, x, offsets, np.int32(32), np.uint32(0xFF), threads=8)[0]
    np.testing.assert_array_equal(got[:8], [1, 0, 3, 2, 5, 4, 7, 6])


def test_shuffles_of_pairs(kernels):
    lane = np.arange(32)
    below = np.where(lane + 2 < 32, lane + 2, lane)
    expected = (lane ^ 1) + 100 * 2 * below + 10000 * 5 + 0.5
    np.testing.assert_array_equal(kernels("pairs", np.zeros(32, np.float32)), expected)


MASKS = [0xFFFFFFFF, 0x0000FFFF, 0x0F0F00F1, 0x80000000]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_votes(kernels, mask, share):
    x = (np.random.default_rng(int(10 * share)).random(32) < share).astype(np.int32) * 6
    inside = [lane for lane in range(32) if mask >> lane & 1]
    ballot = sum(1 << lane for lane in inside if x[lane])
    row = [ballot, any(x[lane] for lane in inside), all(x[lane] for lane in inside), 1]
    expected = np.zeros((32, 4), np.uint32)
    expected[inside] = row
    got = kernels("votes", np.zeros((32, 4), np.uint32), x, np.uint32(mask))[0]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("mask", MASKS)
def test_matches(kernels, mask):
    rng = np.random.default_rng(mask)
    x, z = rng.integers(0, 4, 32).astype(np.int32), rng.integers(0, 3, 32) / 4
    inside = [lane for lane in range(32) if mask >> lane & 1]
    expected = np.zeros((32, 4), np.uint32)
    for lane in inside:
        expected[lane, 0] = sum(1 << other for other in inside if x[other] == x[lane])
        expected[lane, 1] = sum(1 << other for other in inside if z[other] == z[lane])
        alone = len(inside) == 1
        expected[lane, 2] = (mask + (alone << 31)) % (1 << 32)
        expected[lane, 3] = 1 + 2 * alone
    got = kernels("matches", np.zeros((32, 4), np.uint32), x, z, np.uint32(mask))[0]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("mask", MASKS)
def test_warp_reductions(kernels, mask):
    x = np.random.default_rng(3).integers(-(1 << 31), 1 << 31, 32).astype(np.int32)
    inside = x[[lane for lane in range(32) if mask >> lane & 1]]
    u = inside.view(np.uint32)
    row = [inside.sum(dtype=np.int32), inside.min(), inside.max(), u.sum(dtype=np.uint32), u.min(), u.max()]
    row += [np.bitwise_and.reduce(u), np.bitwise_or.reduce(u), np.bitwise_xor.reduce(u)]
    got = kernels("reductions", np.zeros((32, 9), np.int32), x, np.uint32(mask))[0]
    for lane in range(32):
        expected = [int(v) % (1 << 32) for v in row] if mask >> lane & 1 else [0] * 9
        np.testing.assert_array_equal(got[lane].view(np.uint32), expected)


def test_halves_of_a_warp_go_different_ways(kernels):
    got = kernels("diverging", np.zeros(64, np.int32), threads=64)
    np.testing.assert_array_equal(got, ([sum(range(16))] * 16 + [31] * 16) * 2)


@pytest.mark.parametrize("stay", [1, 31, 32, 33, 70])
def test_threads_leave(kernels, mode, stay):
    launch = "leaving", np.zeros(96, np.int32), np.int32(stay)
    if mode == "checked":
        with pytest.raises(emulator.KernelError, match="barrier after exit"):
            kernels(*launch, threads=96)
    else:
        np.testing.assert_array_equal(kernels(*launch, threads=96)[:stay], stay)


@pytest.mark.parametrize("threads", [1, 32, 50, 200])
def test_barriers_that_count(kernels, threads):
    for share in (0, 0.5, 1):
        x = (np.random.default_rng(2).random(threads) < share).astype(np.int32) * 3
        got = kernels("barrier_votes", np.zeros((threads, 3), np.int32), x, threads=threads)[0]
        np.testing.assert_array_equal(got, [[np.count_nonzero(x), x.all(), x.any()]] * threads)


def test_barriers_in_a_loop(kernels):
    got = kernels("rotating", np.zeros(100, np.int32), np.int32(7), threads=100)
    np.testing.assert_array_equal(got, (np.arange(100) + 7) % 100)
    np.testing.assert_array_equal(kernels("in_a_warp", np.zeros(32, np.int32)), (np.arange(32) + 5) % 32)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (_, kinds) in ATOMICS.items() for kind in kinds])
def test_atomic_operations(kernels, name, kind):
    """What each thread got, in the one order that explains it: every result is another's value before."""
    function, dtype = ATOMICS[name][0], DTYPES[kind]
    rng = np.random.default_rng(8)
    x = rng.integers(0, 90, 100).astype(dtype)
    if name in ("Inc", "Dec"):
        x[:] = 30
    start = np.array([50], dtype)
    threads, blocks = (50, 2) if name != "Exch" else (100, 1)
    total, before, _ = kernels(
        f"atomic{name}_{word(kind)}", start, x * 0, x, np.int32(100), threads=threads, blocks=blocks
    )
    values, left = dtype(50).item(), list(zip(before.tolist(), x.tolist(), strict=True))
    assert explained(left, values, total.item(), lambda a, b: as_type(function(a, b), dtype))


def as_type(value, dtype):
    if np.dtype(dtype).kind == "f":
        return float(value)
    bits = np.iinfo(dtype).bits
    value %= 1 << bits
    return value - (1 << bits) if np.iinfo(dtype).min < 0 and value >> (bits - 1) else value


def explained(steps, start, end, function):
    """Whether the steps (value before, operand) form one path from start to end, each used once."""
    edges = {}
    for before, operand in steps:
        edges.setdefault(before, []).append(function(before, operand))
    path, stack = [], [start]  # Hierholzer's algorithm
    while stack:
        if edges.get(stack[-1]):
            stack.append(edges[stack[-1]].pop())
        else:
            path.append(stack.pop())
    path.reverse()
    return len(path) == len(steps) + 1 and path[0] == start and path[-1] == end


def test_compare_and_swap(kernels):
    n = 120
    start, lock = np.array([1 << 40], np.uint64), np.zeros(1, np.uint16)
    total, lock, order = kernels(
        "compare_and_swap", start, lock, np.full(n, -1, np.int32), np.int32(n), threads=40, blocks=3
    )
    assert total.item() == (1 << 40) + n * (n - 1) // 2
    (first,) = np.flatnonzero(order == 0)
    assert lock.item() == first + 1
    assert set(order.tolist()) == {0, first + 1}


def test_atomic_sums_of_halves(kernels):
    h, b, pair = kernels(
        "of_halves", np.zeros(1, np.float16), np.zeros(1, ml_dtypes.bfloat16), np.zeros(2, np.float16), threads=100
    )
    assert h[0] == 100 and b[0] == 100 and pair.tolist() == [100, -200]


def test_last_block_sees_the_others(kernels):
    arrays = np.zeros(1, np.int32), np.zeros(1, np.uint32), np.zeros(20, np.int32)
    total, counter, _ = kernels("last_block", *arrays, threads=32, blocks=20)
    assert (total.item(), counter.item()) == (210, 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [("wrong_width", "width"), ("wrong_mask", "mask"), ("failing", "assert.threadIdx.x < 7"), ("trapping", "__trap")],
)
def test_faults_are_reported_with_their_line(kernels, name, words):
    with pytest.raises(emulator.KernelError, match=words) as error:
        kernels(name, np.zeros(32, np.int32))
    (line,) = [i for i, text in enumerate(TEXT.splitlines(), 1) if f"void {name}(" in text]
    assert error.value.reports[0].place.rpartition(":")[0].endswith("kernels.cu")
    assert 0 <= int(error.value.reports[0].place.rpartition(":")[2]) - line <= 2
