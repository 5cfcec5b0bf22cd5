// The keywords and built-in variables of CUDA C++, as g++ reads them.
#pragma once
#include "runtime.h"

#define GPUNN_EMULATED 1
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDA_ARCH__ 900

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __grid_constant__
// A block runs on one thread of the operating system, so its shared memory is that thread's own.
// `extern __shared__ T name[];` is rewritten by the loader.
#define __shared__ static __thread
#define __launch_bounds__(...)
// Part of its caller, whose accesses and lines its own are.
#define GPUNN_INLINED inline __attribute__((always_inline))
#ifdef __NO_INLINE__  // without optimisation, as mutants are compiled, it is only more to compile
#define __forceinline__ inline
#else
#define __forceinline__ GPUNN_INLINED
#endif
#define __inline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_align__(bytes) __attribute__((aligned(bytes)))

using size_t = decltype(sizeof(0));
using ptrdiff_t = decltype(static_cast<char*>(nullptr) - static_cast<char*>(nullptr));
using clock_t = long;
#define NULL __null

constexpr int warpSize = 32;

// A function of the language. Templates among them that others here call return `auto`: so they are
// instantiated when this is read, once for all in the precompiled header, and not at the end of
// each kernel file.
#define GPUNN_DEVICE __forceinline__

// A function whose loads and stores are not the kernel's: check mode does not look at them.
#ifdef __clang__
#define GPUNN_UNCHECKED inline __attribute__((noinline, disable_sanitizer_instrumentation))
#define GPUNN_OPTIMISED
#else
#define GPUNN_UNCHECKED inline __attribute__((noinline, no_sanitize("thread")))
// Where much of the time goes, with all that is inlined into it; whatever the kernels are.
#define GPUNN_OPTIMISED __attribute__((optimize("O2")))
#endif
