// Max unpooling and its gradient. Launched by gpunn/ops/pool/unpool.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "bounds.cuh"
#include "pool/windows.cuh"

using C = accumulate_t<T>;

// owners = for each place of the output 1 + the number, in its plane of the input, of the last
// element that goes there. indices: (planes, size, channels), each in [0, places); owners: (planes,
// places, channels), zeros before. Indices out of bounds are noted. A thread takes one element.
// Bytes: planes * channels * size * 12.
extern "C" __global__ void __launch_bounds__(BLOCK)
    unpool_owners(int* __restrict__ owners, const long long* __restrict__ indices, long long planes,
                  int size, int places, int channels, unsigned long long* __restrict__ faults,
                  int slot) {
  const long long n = planes * size * channels;
#pragma unroll 1  // for sm_100, NVRTC would make four copies
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = indices[i];
    if (!is_in_bounds(place, places, i, faults, slot)) continue;
    long long plane = i;
    const int channel = take_digit(plane, channels), number = take_digit(plane, size);
    atomicMax(owners + (plane * places + place) * channels + channel, number + 1);
  }
}

// y = the elements of x at the places that they own, 0 elsewhere. x: (planes, size, channels); y,
// owners: (planes, places, channels). A thread makes one element.
// Bytes: planes * channels * (places * (4 + sizeof(T)) + size * sizeof(T)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    unpool_forward(T* __restrict__ y, const T* __restrict__ x, const int* __restrict__ owners,
                   long long planes, int size, int places, int channels) {
  const long long n = planes * places * channels;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const int owner = owners[i];
    long long plane = i;
    const int channel = take_digit(plane, channels);
    take_digit(plane, places);
    y[i] =
        owner == 0 ? from_compute<T>(C(0)) : x[(plane * size + (owner - 1)) * channels + channel];
  }
}

// dx = dy at the indices; 0 for an index out of bounds, which the forward has noted. dx, indices:
// (planes, size, channels); dy: (planes, places, channels). A thread makes one element.
// Bytes: planes * channels * size * (8 + 2 * sizeof(T)).
extern "C" __global__ void __launch_bounds__(BLOCK)
    unpool_backward(T* __restrict__ dx, const T* __restrict__ dy,
                    const long long* __restrict__ indices, long long planes, int size, int places,
                    int channels) {
  const long long n = planes * size * channels;
#pragma unroll 1
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const long long place = indices[i];
    long long plane = i;
    const int channel = take_digit(plane, channels);
    take_digit(plane, size);
    dx[i] = place < 0 || place >= places ? from_compute<T>(C(0))
                                         : dy[(plane * places + place) * channels + channel];
  }
}
