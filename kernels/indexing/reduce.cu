// Rows reduced by key, always in one order. Launched by gpunn/ops/indexing/rows_cuda.py.
// (T, A): (float, double), (double, double), (__half, double), (__nv_bfloat16, double), (signed char, long long), (unsigned char, long long), (short, long long), (int, long long), (long long, long long), (bool, long long)
// BLOCK: 256
#include "indexing/segments.cuh"

// y[o, key] = y[o, key] combined with source[o, order[p]] for all p with sorted[p] = key, one after
// the other; rows have `inner` elements. y: (outer, size, inner); source: (outer, count, inner)
// with the strides of_plane, of_row and of_column. order sorts the keys stably, a key of -1 is for
// nothing. Segments of 2 * CHUNK keys and more are cut: each chunk leaves its result in partials
// (chunk, columns), the first one its position + 1 in heads, which are 0 before. `how`: 0 sum, 1
// product, 2 maximum, 3 minimum; with is_mean the sum is divided by the length of the segment. A
// thread takes one column of a chunk.
// Bytes: outer * count * inner * sizeof(T) + 2 * outer * size * inner * sizeof(T) + count * 16.
extern "C" __global__ void __launch_bounds__(BLOCK)
    reduce_chunks(T* __restrict__ y, A* __restrict__ partials, long long* __restrict__ heads,
                  const T* __restrict__ source, const long long* __restrict__ order,
                  const long long* __restrict__ sorted, long long outer, long long count,
                  long long size, long long inner, long long of_plane, long long of_row,
                  long long of_column, int how, bool is_mean) {
  const long long columns = outer * inner, n = count * columns;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    long long p = i;
    const long long number = split(p, columns), key = sorted[p];
    const Chunk chunk = chunk_at(sorted, count, p, key);
    if (!chunk.is_there) continue;
    long long plane = number;
    const long long column = split(plane, inner);
    const T* from = source + plane * of_plane + column * of_column;
    T* target = y + (plane * size + key) * inner + column;
    with_operation(how, [=](auto f) {
      A total = to_total(from[order[p] * of_row]);
      long long q = p + 1;
      while (q < chunk.limit && sorted[q] == key)
        total = f(total, to_total(from[order[q++] * of_row]));
      if (chunk.is_alone) {
        *target = from_total(f(to_total(*target), is_mean ? total / static_cast<A>(q - p) : total));
        return;
      }
      partials[p / CHUNK * columns + number] = total;
      if (chunk.is_first && number == 0) heads[p / CHUNK] = p + 1;
    });
  }
}

// The rest of reduce_chunks for the segments that were cut: y[o, key] combined with all partials of
// the key. A warp takes one column of a segment; its lanes add every 32nd chunk.
// Bytes: chunks * (outer * inner * 8 + 8).
extern "C" __global__ void __launch_bounds__(BLOCK)
    reduce_segments(T* __restrict__ y, const A* __restrict__ partials,
                    const long long* __restrict__ heads, const long long* __restrict__ sorted,
                    long long chunks, long long outer, long long count, long long size,
                    long long inner, int how, bool is_mean) {
  const long long columns = outer * inner, n = chunks * columns;
  const int lane = threadIdx.x % 32;
  for (long long i = thread_index() / 32; i < n; i += thread_count() / 32) {
    long long first = i;
    const long long number = split(first, columns), p = heads[first] - 1;
    if (p < 0) continue;
    const long long key = sorted[p], length = end_of(sorted, p, count, key) - p;
    long long plane = number;
    const long long column = split(plane, inner);
    T* target = y + (plane * size + key) * inner + column;
    with_operation(how, [=](auto f) {
      A total = f.NONE;
      for (long long c = lane; c < length / CHUNK; c += 32) {
        total = f(total, partials[(first + c) * columns + number]);
      }
      total = warp_reduce(total, f);
      if (is_mean) total /= static_cast<A>(length);
      if (lane == 0) *target = from_total(f(to_total(*target), total));
    });
  }
}
