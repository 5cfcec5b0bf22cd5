// Sampling at the points of a grid, and its gradients. Launched by gpunn/ops/resize/grid_sample.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// TAPS: 1, 2, 4
// BLOCK: 256
#include "resize/grid.cuh"

constexpr int GROUP = 8;                                     // channels of a thread
constexpr int BLOCKS = TAPS == 4 || sizeof(C) == 8 ? 1 : 2;  // cubics have 16 elements in registers
constexpr int CHAIN = 32;  // elements that are added up before they go into a double

// Which point of which image, and the first of which channels.
struct Item {
  long long image;
  int place, channel;
};

// Item number i: neighbours are channels where these are last in memory, else places.
__device__ __forceinline__ Item item_of(long long i, int places, int channels, bool last) {
  const int groups = (channels + GROUP - 1) / GROUP;
  Item item;
  const int first = take_digit(i, last ? groups : places);
  const int second = take_digit(i, last ? places : groups);
  item.place = last ? second : first;
  item.channel = (last ? first : second) * GROUP;
  item.image = i;
  return item;
}

// Whether a tap outside is left out. Of images it counts as 0 times its weight: NaN for a point
// that is NaN, as in PyTorch on the CPU; of volumes it counts nothing, as there.
__device__ __forceinline__ bool is_left_out(long long place, int rank) {
  return place < 0 && rank == 3;
}

// Where channel c of a place lies in an array with `places` places and `channels` channels.
__device__ __forceinline__ long long element_of(long long image, long long place, int c,
                                                long long places, int channels, bool last) {
  return last ? (image * places + place) * channels + c : (image * channels + c) * places + place;
}

// y = the sum of the elements of x around each point, times their weights. x: (images, channels,
// size_d, size_h, size_w), or `last`: channels behind; y: (images, channels, points), or the same;
// grid: (images, points, rank), x first. A thread takes up to 8 channels of a point.
// Bytes: images * channels * (points + size_d * size_h * size_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)
    sample_forward(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ grid,
                   long long images, int channels, int points, int rank, int size_d, int size_h,
                   int size_w, int outside, bool corners, bool last) {
  const long long places = static_cast<long long>(size_d) * size_h * size_w;
  const long long n = images * points * ((channels + GROUP - 1) / GROUP);
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const Item item = item_of(i, points, channels, last);
    const auto near = surroundings<C, TAPS>(grid + (item.image * points + item.place) * rank, rank,
                                            size_d, size_h, size_w, outside, corners);
    const int end = item.channel + GROUP < channels ? item.channel + GROUP : channels;
    for (int c = item.channel; c < end; ++c) {
      C sum = 0;
      near.each(size_h, size_w, [&](int, long long place, int j, int k, int l) {
        if (is_left_out(place, rank)) return;
        C value = 0;
        if (place >= 0)
          value = to_compute(x[element_of(item.image, place, c, places, channels, last)]);
        sum += near.d.weight[j] * near.h.weight[k] * near.w.weight[l] * value;
      });
      y[element_of(item.image, item.place, c, points, channels, last)] = from_compute<T>(sum);
    }
  }
}

// dgrid = the derivative of the sum of dy * y with respect to each point. Arrays as in the forward;
// dgrid: (images, points, rank). A thread takes a point.
// Bytes: images * channels * (points + size_d * size_h * size_w) * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)
    sample_grid_backward(T* __restrict__ dgrid, const T* __restrict__ dy, const T* __restrict__ x,
                         const T* __restrict__ grid, long long images, int channels, int points,
                         int rank, int size_d, int size_h, int size_w, int outside, bool corners,
                         bool last) {
  const long long places = static_cast<long long>(size_d) * size_h * size_w;
  const long long n = images * points;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long image = i / points, point = i % points;
    const auto near =
        surroundings<C, TAPS>(grid + i * rank, rank, size_d, size_h, size_w, outside, corners);
    double total[3] = {};
    for (int start = 0; start < channels; start += CHAIN) {
      const int end = start + CHAIN < channels ? start + CHAIN : channels;
      C sum[3] = {};
      for (int c = start; c < end; ++c) {
        const C g = to_compute(dy[element_of(image, point, c, points, channels, last)]);
        near.each(size_h, size_w, [&](int, long long place, int j, int k, int l) {
          if (is_left_out(place, rank)) return;
          C value = 0;
          if (place >= 0)
            value = g * to_compute(x[element_of(image, place, c, places, channels, last)]);
          sum[0] += value * (near.d.weight[j] * near.h.weight[k] * near.w.slope[l]);
          sum[1] += value * (near.d.weight[j] * near.h.slope[k] * near.w.weight[l]);
          sum[2] += value * (near.d.slope[j] * near.h.weight[k] * near.w.weight[l]);
        });
      }
#pragma unroll
      for (int axis = 0; axis < 3; ++axis) total[axis] += sum[axis];
    }
#pragma unroll
    for (int axis = 0; axis < 3; ++axis)
      if (axis < rank) dgrid[i * rank + axis] = from_compute<T>(static_cast<C>(total[axis]));
  }
}

// For each tap of each point: keys = the number of the element that it sees, or the number of all
// elements; weights = its weight. keys, weights: (images, points, taps). A thread takes a point.
// Bytes: images * points * (rank * sizeof(T) + taps * (8 + sizeof(C))).
extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)
    sample_taps(long long* __restrict__ keys, C* __restrict__ weights, const T* __restrict__ grid,
                long long images, int points, int taps, int rank, int size_d, int size_h,
                int size_w, int outside, bool corners) {
  const long long places = static_cast<long long>(size_d) * size_h * size_w;
  const long long n = images * points;
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long image = i / points;
    const auto near =
        surroundings<C, TAPS>(grid + i * rank, rank, size_d, size_h, size_w, outside, corners);
    near.each(size_h, size_w, [&](int number, long long place, int j, int k, int l) {
      keys[i * taps + number] = place < 0 ? images * places : image * places + place;
      weights[i * taps + number] = near.d.weight[j] * near.h.weight[k] * near.w.weight[l];
    });
  }
}

// dx = the sum of dy * weight over the taps that see the element, in the order of the points.
// ascending, order: the n keys of sample_taps, sorted stably, and where each was. dx: as x; dy: as
// y. A thread takes up to 8 channels of an element.
// Bytes: images * channels * (places + points) * sizeof(T) + n * (16 + sizeof(C)).
extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)
    sample_input_backward(T* __restrict__ dx, const T* __restrict__ dy,
                          const long long* __restrict__ ascending,
                          const long long* __restrict__ order, const C* __restrict__ weights,
                          long long n, long long images, int channels, int places, int points,
                          int taps, bool last) {
  const long long items = images * places * ((channels + GROUP - 1) / GROUP);
  for (long long i = thread_index(); i < items; i += thread_count()) {
    const Item item = item_of(i, places, channels, last);
    const long long key = item.image * places + item.place;
    long long low = 0, high = n;  // the first tap of this element or a later one
    while (low < high) {
      const long long middle = low + (high - low) / 2;
      if (ascending[middle] < key)
        low = middle + 1;
      else
        high = middle;
    }
    double total[GROUP] = {};
    C sum[GROUP] = {};
    for (long long e = low; e < n && ascending[e] == key; ++e) {
      const C weight = weights[order[e]];
      const long long point = order[e] / taps - item.image * points;
#pragma unroll
      for (int c = 0; c < GROUP; ++c) {
        if (item.channel + c >= channels) continue;
        const C g =
            to_compute(dy[element_of(item.image, point, item.channel + c, points, channels, last)]);
        sum[c] += weight * g;
        if ((e - low) % CHAIN == CHAIN - 1) {
          total[c] += sum[c];
          sum[c] = 0;
        }
      }
    }
#pragma unroll
    for (int c = 0; c < GROUP; ++c)
      if (item.channel + c < channels)
        dx[element_of(item.image, item.place, item.channel + c, places, channels, last)] =
            from_compute<T>(static_cast<C>(total[c] + sum[c]));
  }
}
