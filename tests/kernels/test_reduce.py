"""kernels/reduce.cuh: reductions and scans over the threads of a warp and of a block, to the bit."""

from pathlib import Path

import numpy as np
import pytest

from gpunn import emulator
from tests.emulator.launching import Kernels, needs_compiler

pytestmark = needs_compiler

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
TYPES = {"float": np.float32, "double": np.float64}
BLOCKS = range(32, 1025, 32)
WIDTHS = 1025

TEXT = r"""
#include "reduce.cuh"

// Block b: of x[0] to x[width - 1], width = lengths[b], eight numbers: sum, max, min, argmax, argmin, mean, squares,
// and the sum again after a loop of sums. y: (blocks, 8). faults: threads that got anything else.
template <class C>
__device__ void reduce_prefix(double* y, int* faults, const C* x, const int* lengths, int repeats) {
  const int width = lengths[blockIdx.x];
  C sum = 0, greatest = x[0], least = x[0];
  Located<C> first{x[0], 0}, last{x[0], 0};
  Moments<C> moments{0, 0, 0};
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    sum += x[i];
    greatest = merge::Greater()(greatest, x[i]);
    least = merge::Smaller()(least, x[i]);
    first = merge::GreaterFirst()(first, Located<C>{x[i], i});
    last = merge::SmallerFirst()(last, Located<C>{x[i], i});
    moments = with_number(moments, x[i]);
  }
  const Moments<C> all = block_moments(moments);
  double values[] = {block_sum(sum), block_max(greatest), block_min(least), 0, 0, all.mean, all.squares, 0};
  values[3] = block_argmax(first).index;
  values[4] = block_argmin(last).index;
  for (int repeat = 0; repeat < repeats; ++repeat) values[7] += block_sum(sum + repeat) - block_sum(sum - sum);
  double* row = y + 8 * blockIdx.x;
  for (int k = 0; k < 8 && threadIdx.x == 0; ++k) row[k] = values[k];
  __syncthreads();
  bool fault = all.count != width;
  for (int k = 0; k < 8; ++k)
    fault = fault || is_nan(row[k]) != is_nan(values[k]) || (!is_nan(row[k]) && row[k] != values[k]);
  if (fault) atomicAdd(faults, 1);
}
extern "C" __global__ void reduce_float(double* y, int* faults, const float* x, const int* lengths, int repeats) {
  reduce_prefix(y, faults, x, lengths, repeats);
}
extern "C" __global__ void reduce_double(double* y, int* faults, const double* x, const int* lengths, int repeats) {
  reduce_prefix(y, faults, x, lengths, repeats);
}

template <int WIDTH>
__device__ void reduce_groups(float* y, const float* x) {
  const int i = threadIdx.x;
  y[5 * i] = warp_sum<WIDTH>(x[i]);
  y[5 * i + 1] = warp_max<WIDTH>(x[i]);
  y[5 * i + 2] = warp_min<WIDTH>(x[i]);
  y[5 * i + 3] = warp_argmax<WIDTH>(Located<float>{x[i], i}).index;
  y[5 * i + 4] = warp_argmin<WIDTH>(Located<float>{x[i], i}).index;
}
extern "C" __global__ void groups(float* y, const float* x, int width) {
  if (width == 1) reduce_groups<1>(y, x);
  if (width == 2) reduce_groups<2>(y, x);
  if (width == 4) reduce_groups<4>(y, x);
  if (width == 8) reduce_groups<8>(y, x);
  if (width == 16) reduce_groups<16>(y, x);
  if (width == 32) reduce_groups<32>(y, x);
}

// Several scans in a row; y: (rounds, threads, 3).
extern "C" __global__ void scans(long long* y, const int* x, int rounds) {
  long long value = x[threadIdx.x];
  for (int r = 0; r < rounds; ++r) {
    const Scanned<long long> found = block_scan(value);
    long long* row = y + 3 * (r * blockDim.x + threadIdx.x);
    row[0] = found.before;
    row[1] = found.through;
    row[2] = found.total;
    value += r + 1;
  }
}

// A product of numbers that do not commute: the scan composes x -> a x + b.
struct Line {
  int slope, height;
};
struct Then {
  __device__ Line operator()(Line f, Line g) const { return {g.slope * f.slope, g.slope * f.height + g.height}; }
};
extern "C" __global__ void compositions(int* y, const int* x) {
  const Line line{x[2 * threadIdx.x], x[2 * threadIdx.x + 1]};
  const Scanned<Line> found = block_scan(line, Line{1, 0}, Then());
  const Line all = block_reduce(line, Then());
  int* row = y + 4 * threadIdx.x;
  row[0] = found.through.slope;
  row[1] = found.through.height;
  row[2] = found.before.height;
  row[3] = all.height == found.total.height && all.slope == found.total.slope ? all.height : 12345;
}
"""


@pytest.fixture(scope="module")
def kernels():
    return Kernels(TEXT, options=[f"-I{KERNELS}"])


def tree(values):
    """f(f(v0, v1), f(v2, v3)), ...; what has no partner stays."""
    while len(values) > 1:
        pairs = values[: len(values) // 2 * 2]
        values = np.concatenate([pairs[0::2] + pairs[1::2], values[len(pairs) :]])
    return values[0]


def ordered_sum(x, block):
    """The sum in the documented order: each thread its elements, the lanes of a warp as a tree, then the warps."""
    padded = np.zeros(-(-len(x) // block) * block, x.dtype)
    padded[: len(x)] = x
    threads = np.zeros(block, x.dtype)
    for row in padded.reshape(-1, block):
        threads = threads + row
    return tree(np.array([tree(warp) for warp in threads.reshape(-1, 32)]))


def reduced(kernels, kind, x, lengths, block, repeats=3):
    arrays = np.zeros((len(lengths), 8)), np.zeros(1, np.int32), x, np.array(lengths, np.int32)
    y, faults, *_ = kernels(f"reduce_{kind}", *arrays, np.int32(repeats), threads=block, blocks=len(lengths))
    assert faults.item() == 0
    return y


def check(kernels, kind, x, lengths, block, repeats=3):
    exact = 3e-7 if kind == "float" else 1e-14
    added = repeats * (repeats - 1) // 2 * block
    for width, row in zip(lengths, reduced(kernels, kind, x, lengths, block, repeats), strict=True):
        seen = x[:width]
        total = ordered_sum(seen, block)
        assert row[0] == total
        assert row[1:5].tolist() == [seen.max(), seen.min(), seen.argmax(), seen.argmin()]
        wide = seen.astype(np.float64)
        scale = np.abs(wide).max()
        np.testing.assert_allclose(row[5], wide.mean(), exact, exact * scale)
        np.testing.assert_allclose(row[6], wide.var() * width, 20 * exact, exact * scale)
        np.testing.assert_allclose(row[7], repeats * wide.sum() + added, 20 * exact, 40 * exact * width)


def numbers(kind):
    """With many equal ones, so that the first of them matters."""
    x = np.random.default_rng(1).normal(size=WIDTHS)
    x[100::50] = np.tile([4.0, -4.0], 50)[: len(x[100::50])]
    return x.astype(TYPES[kind])


@pytest.mark.parametrize(("kind", "share"), [("float", 1), ("double", 8)])
def test_reductions_of_all_widths_and_block_sizes(kernels, kind, share):
    """The smaller blocks have the widths 1 to 1025 among them, the larger ones a few each."""
    x = numbers(kind)
    for k, block in enumerate(BLOCKS):
        step = (8 if block <= 256 else 256) * share
        check(kernels, kind, x, list(range(1 + k % 8 + 8 * (k % share), WIDTHS + 1, step)), block)


@pytest.mark.sweep
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kind", TYPES)
def test_all_block_sizes_reduce_all_widths(kernels, kind, block):
    """In double, which is the same text, a quarter of the widths, others for each of four block sizes."""
    step = 1 if kind == "float" else 4
    check(kernels, kind, numbers(kind), list(range(1 + block // 32 % step, WIDTHS + 1, step)), block, repeats=1)


@pytest.mark.parametrize("block", [32, 96, 1024])
@pytest.mark.parametrize("kind", TYPES)
def test_reductions_are_free_of_races(kernels, kind, block):
    with emulator.enable(check=True):
        check(kernels, kind, numbers(kind), [1, 33, 1025], block)


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
def test_the_order_of_threads_changes_no_bit(kernels, order):
    x = numbers("float")
    expected = reduced(kernels, "float", x, [5, 700, 1025], 160)
    with emulator.enable(order=order, seed=3):
        np.testing.assert_array_equal(reduced(kernels, "float", x, [5, 700, 1025], 160), expected)


@pytest.mark.parametrize("kind", TYPES)
def test_nan_and_infinities_propagate_as_in_numpy(kernels, kind):
    for special in ([np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.nan, np.inf, np.nan]):
        x = numbers(kind)[:300]
        x[[20, 250, 280][: len(special)]] = special
        row = reduced(kernels, kind, x, [300], 128)[0]
        with np.errstate(invalid="ignore"):
            expected = [x.sum(), x.max(), x.min(), x.argmax(), x.argmin(), x.mean(), x.var()]
        np.testing.assert_array_equal(row[1:5], expected[1:5])
        for k in (0, 5, 6):
            assert row[k] == expected[k] or np.isnan([row[k], expected[k]]).all()


def test_moments_far_from_zero(kernels):
    """Where the sum of squares less the square of the sum would lose all digits."""
    x = (np.random.default_rng(2).normal(size=WIDTHS) + 1000).astype(np.float32)
    row = reduced(kernels, "float", x, [WIDTHS], 256)[0]
    np.testing.assert_allclose(row[6], x.astype(np.float64).var() * WIDTHS, 2e-4)


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16, 32])
def test_groups_of_lanes(kernels, width):
    x = np.random.default_rng(width).integers(0, 9, 64).astype(np.float32)
    x[40] = np.nan
    got = kernels("groups", np.zeros((64, 5), np.float32), x, np.int32(width), threads=64)[0]
    for start in range(0, 64, width):
        group = x[start : start + width]
        places = start + group.argmax(), start + group.argmin()
        np.testing.assert_array_equal(
            got[start : start + width], [[tree(group), group.max(), group.min(), *places]] * width
        )


@pytest.mark.parametrize("check_mode", [False, True])
def test_scans(kernels, check_mode):
    for block in (32, 64, 96, 480, 1024) if check_mode else BLOCKS:
        x = np.random.default_rng(block).integers(-(1 << 31), 1 << 31, block).astype(np.int32)
        with emulator.enable(check=check_mode):
            got = kernels("scans", np.zeros((3, block, 3), np.int64), x, np.int32(3), threads=block)[0]
        values = x.astype(np.int64)
        for r in range(3):
            through = values.cumsum()
            expected = np.stack([through - values, through, np.full(block, through[-1])], axis=1)
            np.testing.assert_array_equal(got[r], expected)
            values = values + r + 1


@pytest.mark.parametrize("block", [32, 96, 224, 1024])
def test_order_of_what_does_not_commute(kernels, block):
    x = np.random.default_rng(block).integers(-2, 3, (block, 2)).astype(np.int32)
    got = kernels("compositions", np.zeros((block, 4), np.int32), x, threads=block)[0]
    slope, height, expected = np.int32(1), np.int32(0), []
    with np.errstate(over="ignore"):
        for a, b in x:
            before = height
            slope, height = np.int32(a * slope), np.int32(a * height + b)
            expected.append([slope, height, before])
    np.testing.assert_array_equal(got[:, :3], expected)
    np.testing.assert_array_equal(got[:, 3], height)
