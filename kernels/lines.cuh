// Lines of numbers, the teams of threads that share them, and the sum of exponentials along a line.
#pragma once
#include "common.cuh"
#include "reduce.cuh"

// An array (outer, length, inner) has outer * inner lines of `length` numbers that lie `inner`
// apart. SIZE threads are a team; `rank` is this one's number in it. A team takes the lines from
// `line` on, `step` apart. `offset` is this thread's line less that of the block's first thread
// where teams meet at a barrier, else 0. `sum` and `max` are those of the values of all threads of
// the team, and every thread gets the same bits.
struct ThreadTeam {
  static constexpr int SIZE = 1;
  const int rank = 0, offset = 0;
  const long long line = thread_index(), step = thread_count();

  template <class V>
  __device__ __forceinline__ V sum(V value) const {
    return value;
  }
  template <class V>
  __device__ __forceinline__ V max(V value) const {
    return value;
  }
};

struct WarpTeam {
  static constexpr int SIZE = 32;
  const int rank = threadIdx.x % 32, offset = 0;
  const long long line = thread_index() / 32, step = thread_count() / 32;

  template <class V>
  __device__ __forceinline__ V sum(V value) const {
    return warp_sum(value);
  }
  template <class V>
  __device__ __forceinline__ V max(V value) const {
    return warp_max(value);
  }
};

struct BlockTeam {
  static constexpr int SIZE = BLOCK;
  const int rank = threadIdx.x, offset = 0;
  const long long line = blockIdx.x, step = gridDim.x;

  template <class V>
  __device__ __forceinline__ V sum(V value) const {
    return block_sum(value);
  }
  template <class V>
  __device__ __forceinline__ V max(V value) const {
    return block_max(value);
  }
};

// 32 lines side by side in a block, so that neighbours read neighbours; a warp's threads have the
// same rank in 32 teams.
struct ColumnTeam {
  static constexpr int SIZE = BLOCK / 32;
  const int rank = threadIdx.x / 32, offset = threadIdx.x % 32;
  const long long line = blockIdx.x * 32LL + threadIdx.x % 32, step = gridDim.x * 32LL;

  template <class V>
  __device__ __forceinline__ V sum(V value) const {
    return combined(value, [](V a, V b) { return a + b; });
  }
  template <class V>
  __device__ __forceinline__ V max(V value) const {
    return combined(value, [](V a, V b) { return a < b ? b : a; });
  }

 private:
  // The values of the team in the order of their ranks.
  template <class V, class F>
  __device__ __forceinline__ V combined(V value, F f) const {
    __shared__ V values[BLOCK];
    values[threadIdx.x] = value;
    __syncthreads();
    V result = values[offset];
    for (int other = 1; other < SIZE; ++other) result = f(result, values[other * 32 + offset]);
    __syncthreads();
    return result;
  }
};

// Calls body(team, line) for each line of this thread's team; a thread for which there is none any
// more, but whose block goes on, gets line = -1.
template <class Team, class F>
__device__ __forceinline__ void for_each_line(Team team, long long lines, F body) {
  for (long long line = team.line; line - team.offset < lines; line += team.step) {
    body(team, line < lines ? line : -1);
  }
}

// Calls body with the team that `team` names: 0 a thread, 1 a warp, 2 a block, 3 a column. Large
// blocks are for long lines, which only the last two share.
template <class F>
__device__ __forceinline__ void with_team(int team, long long lines, F body) {
  if constexpr (BLOCK <= 256) {
    if (team == 0) for_each_line(ThreadTeam(), lines, body);
    if (team == 1) for_each_line(WarpTeam(), lines, body);
  }
  if (team == 2) for_each_line(BlockTeam(), lines, body);
  if (team == 3) for_each_line(ColumnTeam(), lines, body);
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
#pragma unroll
  for (int k = 0; k < GROUP; ++k) {
    const bool is_inside = first + k < line.length;
    result.at[k] = is_inside ? to_compute(line.start[(first + k) * line.stride]) : padding;
  }
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
#pragma unroll
  for (int k = 0; k < GROUP; ++k) {
    if (first + k < line.length)
      line.start[(first + k) * line.stride] = from_compute<X>(values.at[k]);
  }
}

// The maximum of a line (without its NaNs), and Σ exp(x - maximum), which is NaN if one of x is, or
// if the maximum is infinite.
template <class C>
struct Exponentials {
  C maximum, sum;
};

// Those of `line`, read once: each thread rescales its sum whenever it meets a larger number, and
// the team brings the sums to the largest. A group is added up in C, the groups in double.
template <class Team, class X, class C = accumulate_t<X>>
__device__ __forceinline__ Exponentials<C> exponentials(Team team, const Line<const X>& line) {
  constexpr int GROUP = Line<X>::GROUP;
  const C lowest = -C(__int_as_float(0x7f800000));
  C maximum = lowest;
  double sum = 0;
#pragma unroll 1
  for (long long group = team.rank; group < line.groups(); group += Team::SIZE) {
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
