// Vector types, aligned as in CUDA: two and four numbers to their size (16 bytes at most), three as
// one.
#pragma once
#include "keywords.h"

#define GPUNN_VECTORS(name, Number, align2, align4)                             \
  struct name##1 { Number x; };                                                 \
  struct __align__(align2) name##2 { Number x, y; };                            \
  struct __align__(align4) name##4 { Number x, y, z, w; };                      \
  GPUNN_DEVICE name##1 make_##name##1(Number x) { return {x}; }                 \
  GPUNN_DEVICE name##2 make_##name##2(Number x, Number y) { return {x, y}; }    \
  GPUNN_DEVICE name##4 make_##name##4(Number x, Number y, Number z, Number w) { \
    return {x, y, z, w};                                                        \
  }

#define GPUNN_VECTOR_OF_3(name, Number) \
  struct name##3 { Number x, y, z; };   \
  GPUNN_DEVICE name##3 make_##name##3(Number x, Number y, Number z) { return {x, y, z}; }

GPUNN_VECTORS(char, signed char, 2, 4)
GPUNN_VECTORS(uchar, unsigned char, 2, 4)
GPUNN_VECTORS(short, short, 4, 8)
GPUNN_VECTORS(ushort, unsigned short, 4, 8)
GPUNN_VECTORS(int, int, 8, 16)
GPUNN_VECTORS(uint, unsigned int, 8, 16)
GPUNN_VECTORS(long, long, 16, 16)
GPUNN_VECTORS(ulong, unsigned long, 16, 16)
GPUNN_VECTORS(longlong, long long, 16, 16)
GPUNN_VECTORS(ulonglong, unsigned long long, 16, 16)
GPUNN_VECTORS(float, float, 8, 16)
GPUNN_VECTORS(double, double, 16, 16)

GPUNN_VECTOR_OF_3(char, signed char)
GPUNN_VECTOR_OF_3(uchar, unsigned char)
GPUNN_VECTOR_OF_3(short, short)
GPUNN_VECTOR_OF_3(ushort, unsigned short)
GPUNN_VECTOR_OF_3(int, int)
GPUNN_VECTOR_OF_3(long, long)
GPUNN_VECTOR_OF_3(ulong, unsigned long)
GPUNN_VECTOR_OF_3(longlong, long long)
GPUNN_VECTOR_OF_3(ulonglong, unsigned long long)
GPUNN_VECTOR_OF_3(float, float)
GPUNN_VECTOR_OF_3(double, double)

#undef GPUNN_VECTORS
#undef GPUNN_VECTOR_OF_3

using uint3 = gpunn_emulator::Dim3;

GPUNN_DEVICE uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

struct dim3 {
  unsigned x, y, z;

  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

// Macros, because each thread has its own and no kernel may write them.
#define threadIdx (static_cast<const uint3&>(::gpunn_emulator::self->thread))
#define blockIdx (static_cast<const uint3&>(::gpunn_emulator::self->block))
#define blockDim (static_cast<const uint3&>(::gpunn_emulator::self->block_size))
#define gridDim (static_cast<const uint3&>(::gpunn_emulator::self->grid_size))
