// What every kernel file starts from: thread numbers, element types, 16-byte vectors, loops over
// elements.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// This thread's number in a 1-D grid, and how many there are. 64-bit: an array may hold more than
// 2^31 elements.
__device__ __forceinline__ long long thread_index() {
  return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ __forceinline__ long long thread_count() {
  return static_cast<long long>(gridDim.x) * blockDim.x;
}

// The type that an element is computed in: float for float and the half types, double for double.
template <class X>
struct Accumulate {
  using type = float;
};
template <>
struct Accumulate<double> {
  using type = double;
};
template <class X>
using accumulate_t = typename Accumulate<X>::type;

__device__ __forceinline__ float to_compute(float x) { return x; }
__device__ __forceinline__ double to_compute(double x) { return x; }
__device__ __forceinline__ float to_compute(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_compute(__nv_bfloat16 x) { return __bfloat162float(x); }

// `x` as an element of type X, rounded to nearest even.
template <class X, class C>
__device__ __forceinline__ X from_compute(C x) {
  return static_cast<X>(x);
}
template <>
__device__ __forceinline__ __half from_compute<__half, float>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_compute<__nv_bfloat16, float>(float x) {
  return __float2bfloat16_rn(x);
}

// x != x, also where the compiler might reason that it cannot be.
template <class C>
__device__ __forceinline__ bool is_nan(C x) {
  return !(x == x);
}

// 16 bytes of elements, moved by one instruction.
template <class X>
struct alignas(16) Vector {
  static constexpr int LENGTH = 16 / sizeof(X);
  X at[LENGTH];
};

template <class X>
__device__ __forceinline__ Vector<X> load_vector(const X* source) {
  const uint4 bits = *reinterpret_cast<const uint4*>(source);
  Vector<X> vector;
  memcpy(&vector, &bits, sizeof(bits));
  return vector;
}

template <class X>
__device__ __forceinline__ void store_vector(X* target, const Vector<X>& vector) {
  uint4 bits;
  memcpy(&bits, &vector, sizeof(bits));
  *reinterpret_cast<uint4*>(target) = bits;
}

// Whether all of the addresses are multiples of 16. (A slice x[1:] is contiguous, but not aligned.)
template <class... X>
__device__ __forceinline__ bool are_aligned(const X*... pointers) {
  return ((reinterpret_cast<unsigned long long>(pointers) | ...) & 15) == 0;
}

template <class F, class Y, class... X>
__device__ __forceinline__ void map_vector(Y* y, F f, const Vector<X>&... x) {
  Vector<Y> result;
#pragma unroll
  for (int k = 0; k < Vector<Y>::LENGTH; ++k)
    result.at[k] = from_compute<Y>(f(to_compute(x.at[k])...));
  store_vector(y, result);
}

// y[i] = f(x[i], ...) for all i < n, by the whole grid, 16 bytes at a time where the addresses
// allow it. f takes and returns values of accumulate_t. All arrays have elements of one size; y may
// be one of x.
template <class F, class Y, class... X>
__device__ __forceinline__ void map(long long n, Y* y, F f, const X*... x) {
  static_assert(((sizeof(X) == sizeof(Y)) && ...), "elements of one size");
  constexpr int LENGTH = Vector<Y>::LENGTH;
  const long long vectors = are_aligned(y, x...) ? n / LENGTH : 0;
  for (long long v = thread_index(); v < vectors; v += thread_count()) {
    map_vector(y + v * LENGTH, f, load_vector(x + v * LENGTH)...);
  }
  for (long long i = vectors * LENGTH + thread_index(); i < n; i += thread_count()) {
    y[i] = from_compute<Y>(f(to_compute(x[i])...));
  }
}
