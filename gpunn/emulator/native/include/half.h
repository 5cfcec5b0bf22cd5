// __half and __nv_bfloat16, as cuda_fp16.h and cuda_bf16.h declare them.
#pragma once
#include "extrema.h"
#include "half_rounding.h"
#include "loads_and_stores.h"
#include "special_functions.h"

struct __half;
struct __nv_bfloat16;

#define HALF __half
#define HALF2 __half2
#define RAW __half_raw
#define RAW2 __half2_raw
#define OTHER __nv_bfloat16
#define FORMAT gpunn_emulator::Float16
#define NAME(before, after) before##half##after
#define NAME2(before, between, after) before##half##between##half##after
#include "half_type.h"
// Their functions need the type to be complete.
#include "half_functions.h"
#undef HALF
#undef HALF2
#undef RAW
#undef RAW2
#undef OTHER
#undef FORMAT
#undef NAME
#undef NAME2

#define HALF __nv_bfloat16
#define HALF2 __nv_bfloat162
#define RAW __nv_bfloat16_raw
#define RAW2 __nv_bfloat162_raw
#define OTHER __half
#define FORMAT gpunn_emulator::Bfloat16
#define NAME(before, after) before##bfloat16##after
#define NAME2(before, between, after) before##bfloat16##between##bfloat16##after
#include "half_type.h"
// As above.
#include "half_functions.h"
#undef HALF
#undef HALF2
#undef RAW
#undef RAW2
#undef OTHER
#undef FORMAT
#undef NAME
#undef NAME2

inline __half::__half(__nv_bfloat16 x) : __half(static_cast<float>(x)) {}
inline __nv_bfloat16::__nv_bfloat16(__half x) : __nv_bfloat16(static_cast<float>(x)) {}

using half = __half;
using half2 = __half2;
using nv_half = __half;
using nv_half2 = __half2;
using __nv_half = __half;
using __nv_half2 = __half2;
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

GPUNN_CACHE_HINTS(__half)
GPUNN_CACHE_HINTS(__half2)
GPUNN_CACHE_HINTS(__nv_bfloat16)
GPUNN_CACHE_HINTS(__nv_bfloat162)
