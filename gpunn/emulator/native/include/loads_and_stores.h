// Loads and stores: those that say how a GPU's caches should treat them (here plain ones), memcpy.
#pragma once
#include "vectors.h"

extern "C" {
void* memcpy(void* target, const void* source, size_t bytes) noexcept;
void* memset(void* target, int byte, size_t bytes) noexcept;
}

#define GPUNN_LOAD(name, Type) \
  GPUNN_DEVICE Type name(const Type* address) { return *address; }
#define GPUNN_STORE(name, Type) \
  GPUNN_DEVICE void name(Type* address, Type value) { *address = value; }
#define GPUNN_CACHE_HINTS(Type) \
  GPUNN_LOAD(__ldg, Type)       \
  GPUNN_LOAD(__ldca, Type)      \
  GPUNN_LOAD(__ldcg, Type)      \
  GPUNN_LOAD(__ldcs, Type)      \
  GPUNN_LOAD(__ldcv, Type)      \
  GPUNN_LOAD(__ldlu, Type)      \
  GPUNN_STORE(__stcg, Type)     \
  GPUNN_STORE(__stcs, Type)     \
  GPUNN_STORE(__stwb, Type)     \
  GPUNN_STORE(__stwt, Type)

GPUNN_CACHE_HINTS(char)
GPUNN_CACHE_HINTS(signed char)
GPUNN_CACHE_HINTS(unsigned char)
GPUNN_CACHE_HINTS(short)
GPUNN_CACHE_HINTS(unsigned short)
GPUNN_CACHE_HINTS(int)
GPUNN_CACHE_HINTS(unsigned int)
GPUNN_CACHE_HINTS(long)
GPUNN_CACHE_HINTS(unsigned long)
GPUNN_CACHE_HINTS(long long)
GPUNN_CACHE_HINTS(unsigned long long)
GPUNN_CACHE_HINTS(float)
GPUNN_CACHE_HINTS(double)
GPUNN_CACHE_HINTS(char2)
GPUNN_CACHE_HINTS(char4)
GPUNN_CACHE_HINTS(uchar2)
GPUNN_CACHE_HINTS(uchar4)
GPUNN_CACHE_HINTS(short2)
GPUNN_CACHE_HINTS(short4)
GPUNN_CACHE_HINTS(ushort2)
GPUNN_CACHE_HINTS(ushort4)
GPUNN_CACHE_HINTS(int2)
GPUNN_CACHE_HINTS(int4)
GPUNN_CACHE_HINTS(uint2)
GPUNN_CACHE_HINTS(uint4)
GPUNN_CACHE_HINTS(longlong2)
GPUNN_CACHE_HINTS(ulonglong2)
GPUNN_CACHE_HINTS(float2)
GPUNN_CACHE_HINTS(float4)
GPUNN_CACHE_HINTS(double2)
