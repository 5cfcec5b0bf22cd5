// Bags of embeddings, and rows kept short. Launched by gpunn/ops/embedding.
// T: float, double, __half, __nv_bfloat16
// I: int, long long
// BLOCK: 256
#include "indexing/places.cuh"
#include "reduce.cuh"

using C = accumulate_t<T>;

// The positions [begin, end) of a bag in the row of `count` indices; no further than its end.
struct Bag {
  long long begin, end;
};

__device__ __forceinline__ Bag bag_at(const I* offsets, long long bag, long long offset_count,
                                      long long count, unsigned long long* faults, int slot) {
  const long long begin = place_of(offsets[bag], count + 1, false, bag, faults, slot);
  long long end = count;
  if (bag + 1 < offset_count)
    end = place_of(offsets[bag + 1], count + 1, false, bag + 1, faults, slot);
  return {begin < 0 ? count : begin, end < 0 ? count : end};
}

// y[b] = the sum (how = 0), the mean (1) or the greatest (2) of the rows table[index[j]] of bag b,
// each times weights[j] if has_weights; 0 for a bag of none. Indices that are `padding` or out of
// bounds are left out. used[b] = how many are not; best[b] = the index of the greatest (0 if there
// is none). y, best: (bags, length), table: (size, length). A thread takes one column of a bag.
// Bytes: count * (length * sizeof(T) + sizeof(I)) + bags * length * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    bag_forward(T* __restrict__ y, long long* __restrict__ used, long long* __restrict__ best,
                const T* __restrict__ table, const I* __restrict__ index,
                const I* __restrict__ offsets, const T* __restrict__ weights, long long bags,
                long long count, long long offset_count, long long size, long long length,
                long long padding, int how, bool has_weights,
                unsigned long long* __restrict__ faults, int slot, int offset_slot) {
  for (long long i = thread_index(); i < bags * length; i += thread_count()) {
    long long number = i;
    const long long column = split(number, length);
    const Bag bag = bag_at(offsets, number, offset_count, count, faults, offset_slot);
    double total = 0;
    long long found = 0, greatest = 0;
    for (long long j = bag.begin; j < bag.end; ++j) {
      const long long place = place_of(index[j], size, false, j, faults, slot);
      if (place < 0 || place == padding) continue;
      double x = static_cast<double>(to_compute(table[place * length + column]));
      if (has_weights) x *= static_cast<double>(to_compute(weights[j]));
      if (how != 2) {
        total += x;
      } else if (found == 0 || x > total || (is_nan(x) && !is_nan(total))) {
        total = x;
        greatest = place;
      }
      ++found;
    }
    if (how == 1 && found > 0) total /= static_cast<double>(found);
    y[i] = from_compute<T>(static_cast<C>(total));
    if (how == 2) best[i] = greatest;
    if (column == 0) used[number] = found;
  }
}

// For each position j of the row of indices: bag_of[j] = its bag, keys[j] = index[j], and share[j]
// = 1 / used[bag] if is_mean, else 1. Where an index is out of bounds, `padding` or in no bag:
// bag_of[j] = 0, keys[j] = -1, share[j] = 0. A thread takes one position.
// Bytes: count * (16 + sizeof(T) + sizeof(I)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    bag_positions(long long* __restrict__ keys, long long* __restrict__ bag_of,
                  T* __restrict__ share, const I* __restrict__ index, const I* __restrict__ offsets,
                  const long long* __restrict__ used, long long bags, long long count,
                  long long offset_count, long long size, long long padding, bool is_mean) {
  for (long long j = thread_index(); j < count; j += thread_count()) {
    long long low = 0, high = bags;  // bags up to `low` - 1 begin at j or before
    while (low < high) {
      const long long middle = low + (high - low) / 2;
      if (offsets[middle] <= j) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const long long bag = low - 1, place = place_of(index[j], size, false, j, nullptr, -1);
    const bool counts = bag >= 0 && place >= 0 && place != padding &&
                        j < bag_at(offsets, bag, offset_count, count, nullptr, -1).end;
    keys[j] = counts ? place : -1;
    bag_of[j] = counts ? bag : 0;
    C part = counts ? C(1) : C(0);
    if (is_mean && counts) part /= static_cast<C>(used[bag]);
    share[j] = from_compute<T>(part);
  }
}

// The rows of `table` that keys name, (·, length), made as long as max_norm where they are longer:
// x * max_norm / (norm + 1e-7), with norm = (Σ |x|^power)^(1 / power), or the greatest |x| if power
// is infinite. owners tells which of equal keys does it (see indexing/write.cu). A block takes a
// row. Bytes: count * (2 * length * sizeof(T) + 16).
extern "C" __global__ void __launch_bounds__(BLOCK)
    shorten_rows(T* __restrict__ table, const unsigned long long* __restrict__ owners,
                 const long long* __restrict__ keys, long long count, long long length,
                 double max_norm, double power) {
  const bool is_largest = power > 1.7e308;
  for (long long row = blockIdx.x; row < count; row += gridDim.x) {
    const long long key = keys[row];
    if (key < 0 || owners[key] != static_cast<unsigned long long>(row + 1)) continue;
    T* x = table + key * length;
    double part = 0;
    for (long long k = threadIdx.x; k < length; k += BLOCK) {
      const double size = fabs(static_cast<double>(to_compute(x[k])));
      part = is_largest ? merge::Greater()(part, size)
                        : part + (power == 2.0 ? size * size : pow(size, power));
    }
    const double whole = is_largest ? block_max(part) : block_sum(part);
    const double root = is_largest ? whole : power == 2.0 ? sqrt(whole) : pow(whole, 1.0 / power);
    const double norm = to_compute(from_compute<T>(static_cast<C>(root)));  // rounded as in PyTorch
    if (!(norm > max_norm)) continue;
    const double factor = to_compute(from_compute<T>(static_cast<C>(max_norm / (norm + 1e-7))));
    for (long long k = threadIdx.x; k < length; k += BLOCK) {
      const double scaled = static_cast<double>(to_compute(x[k])) * factor;
      x[k] = from_compute<T>(static_cast<C>(scaled));
    }
  }
}
