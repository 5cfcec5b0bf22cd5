// Lines of numbers, the teams of threads that share them, and the sum of exponentials along a line.
#pragma once
#include "common.cuh"
#include "reduce.cuh"

// What shares a line, as gpunn/kernels/lines.py numbers it. Large blocks are for long lines, which
// only the last two share.
enum Sharing { THREAD, WARP, WHOLE_BLOCK, COLUMN };

// An array (outer, length, inner) has outer * inner lines of `length` numbers that lie `inner`
// apart. `size` threads are a team; `rank` is this one's number in it. A team takes the lines from
// `line` on, `step` apart. `offset` is this thread's line less that of the block's first thread
// where teams meet at a barrier, else 0. Columns are 32 lines side by side in a block, so that
// neighbours read neighbours; a warp's threads have the same rank in 32 teams. What a team is is
// known at run time only: a copy of a kernel for each takes compilers four times as long.
struct Team {
  const int kind, size, rank, offset;
  const long long line, step;

  __device__ __forceinline__ explicit Team(int kind)
      : kind(kind),
        size(of(kind, 1, 32, BLOCK, BLOCK / 32)),
        rank(of(kind, 0, threadIdx.x % 32, threadIdx.x, threadIdx.x / 32)),
        offset(of(kind, 0, 0, 0, threadIdx.x % 32)),
        line(blockIdx.x * side_by_side(kind) +
             of(kind, threadIdx.x, threadIdx.x / 32, 0, threadIdx.x % 32)),
        step(gridDim.x * side_by_side(kind)) {}

  // The sum and the largest of the values of all threads of the team; each gets the same bits.
  template <class V>
  __device__ __forceinline__ V sum(V value) const {
    if (is_small(THREAD)) return value;
    if (is_small(WARP)) return warp_sum(value);
    if (kind == WHOLE_BLOCK) return block_sum(value);
    return of_column(value, [](V a, V b) { return a + b; });
  }
  template <class V>
  __device__ __forceinline__ V max(V value) const {
    if (is_small(THREAD)) return value;
    if (is_small(WARP)) return warp_max(value);
    if (kind == WHOLE_BLOCK) return block_max(value);
    return of_column(value, [](V a, V b) { return a < b ? b : a; });
  }

 private:
  static __device__ __forceinline__ int of(int kind, int thread, int warp, int block, int column) {
    if (BLOCK <= 256 && kind == THREAD) return thread;
    if (BLOCK <= 256 && kind == WARP) return warp;
    return kind == WHOLE_BLOCK ? block : column;
  }
  // The teams of a block.
  static __device__ __forceinline__ long long side_by_side(int kind) {
    return of(kind, BLOCK, BLOCK / 32, 1, 32);
  }
  __device__ __forceinline__ bool is_small(Sharing sharing) const {
    return BLOCK <= 256 && kind == sharing;
  }

  // The values of the team in the order of their ranks.
  template <class V, class F>
  __device__ __forceinline__ V of_column(V value, F f) const {
    __shared__ V values[BLOCK];
    values[threadIdx.x] = value;
    __syncthreads();
    V result = values[offset];
    for (int other = 1; other < size; ++other) result = f(result, values[other * 32 + offset]);
    __syncthreads();
    return result;
  }
};

// Calls body(team, line) for each line of this thread's team, of the kind `team`; a thread for
// which there is none any more, but whose block goes on, gets line = -1.
template <class F>
__device__ __forceinline__ void with_team(int kind, long long lines, F body) {
  const Team team(kind);
  for (long long line = team.line; line - team.offset < lines; line += team.step) {
    body(team, line < lines ? line : -1);
  }
}

// A line in memory. It is read and written in groups of as many numbers as 16 bytes hold, in one
// instruction where they lie side by side and are aligned.
template <class X>
struct Line {
  static constexpr int GROUP = Vector<X>::LENGTH;
  X* start;
  long long length, stride;

  // Line number `line` of `base`, an array (outer, length, inner); without numbers if it is -1.
  __device__ __forceinline__ Line(X* base, long long line, long long length, long long inner)
      : start(base + (line < 0 ? 0 : line / inner * length * inner + line % inner)),
        length(line < 0 ? 0 : length),
        stride(inner) {}

  __device__ __forceinline__ long long groups() const { return (length + GROUP - 1) / GROUP; }
  // How many numbers there are from number `first` on, of a group at most.
  __device__ __forceinline__ int left(long long first) const {
    return static_cast<int>(length - first < GROUP ? length - first : GROUP);
  }
};

template <class C, int LENGTH>
struct Group {
  C at[LENGTH];
};

// Group number `group` of a line; `padding` stands for what is beyond its end.
template <class X, class C = accumulate_t<X>>
__device__ __forceinline__ Group<C, Line<X>::GROUP> load_group(const Line<const X>& line,
                                                               long long group, C padding) {
  constexpr int GROUP = Line<X>::GROUP;
  const long long first = group * GROUP;
  Group<C, GROUP> result;
  if (line.stride == 1 && first + GROUP <= line.length && are_aligned(line.start)) {
    const Vector<X> vector = load_vector(line.start + first);
#pragma unroll
    for (int k = 0; k < GROUP; ++k) result.at[k] = to_compute(vector.at[k]);
    return result;
  }
  const X* at = line.start + first * line.stride;
  const int left = line.left(first);
#pragma unroll
  for (int k = 0; k < GROUP; ++k, at += line.stride)
    result.at[k] = k < left ? to_compute(*at) : padding;
  return result;
}

template <class X, class C>
__device__ __forceinline__ void store_group(const Line<X>& line, long long group,
                                            const Group<C, Line<X>::GROUP>& values) {
  constexpr int GROUP = Line<X>::GROUP;
  const long long first = group * GROUP;
  if (line.stride == 1 && first + GROUP <= line.length && are_aligned(line.start)) {
    Vector<X> vector;
#pragma unroll
    for (int k = 0; k < GROUP; ++k) vector.at[k] = from_compute<X>(values.at[k]);
    store_vector(line.start + first, vector);
    return;
  }
  X* at = line.start + first * line.stride;
  const int left = line.left(first);
#pragma unroll
  for (int k = 0; k < GROUP; ++k, at += line.stride)
    if (k < left) *at = from_compute<X>(values.at[k]);
}

// The maximum of a line (without its NaNs), and Σ exp(x - maximum), which is NaN if one of x is, or
// if the maximum is infinite.
template <class C>
struct Exponentials {
  C maximum, sum;
};

// Those of `line`, read once: each thread rescales its sum whenever it meets a larger number, and
// the team brings the sums to the largest. A group is added up in C, the groups in double.
template <class X, class C = accumulate_t<X>>
__device__ __forceinline__ Exponentials<C> exponentials(const Team& team,
                                                        const Line<const X>& line) {
  constexpr int GROUP = Line<X>::GROUP;
  const C lowest = -C(__int_as_float(0x7f800000));
  C maximum = lowest;
  double sum = 0;
#pragma unroll 1
  for (long long group = team.rank; group < line.groups(); group += team.size) {
    const auto x = load_group(line, group, lowest);
    C larger = maximum;
#pragma unroll
    for (int k = 0; k < GROUP; ++k) larger = x.at[k] > larger ? x.at[k] : larger;
    if (larger > maximum) sum *= exp(maximum - larger);
    maximum = larger;
    const C shift = maximum == lowest ? C(0) : maximum;
    C partial = 0;
#pragma unroll
    for (int k = 0; k < GROUP; ++k) partial += exp(x.at[k] - shift);
    sum += partial;
  }
  const C largest = team.max(maximum);
  if (maximum < largest) sum *= exp(maximum - largest);
  return {largest, static_cast<C>(team.sum(sum))};
}
