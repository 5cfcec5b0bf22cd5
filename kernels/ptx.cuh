// Every PTX instruction of gpunn. The emulator has the same functions in C++
// (gpunn/emulator/native/include/tensor_core.h). Which lane of a warp holds which element of a
// matrix: PTX ISA, "Matrix fragments for mma.m16n8k8" and "mma.m16n8k16".
#pragma once

#ifdef GPUNN_EMULATED
using gpunn_emulator::cp_async;
using gpunn_emulator::cp_async_commit;
using gpunn_emulator::cp_async_wait;
using gpunn_emulator::grid_barrier;
using gpunn_emulator::ldmatrix_x1;
using gpunn_emulator::ldmatrix_x1_trans;
using gpunn_emulator::ldmatrix_x2;
using gpunn_emulator::ldmatrix_x2_trans;
using gpunn_emulator::ldmatrix_x4;
using gpunn_emulator::ldmatrix_x4_trans;
using gpunn_emulator::mma_bf16;
using gpunn_emulator::mma_f16;
using gpunn_emulator::mma_tf32;
using gpunn_emulator::to_tf32;
#else

__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

// Matrices of 8 x 8 16-bit elements from shared memory, by a whole warp. Lanes 8 m to 8 m + 7 point
// to the rows of matrix m, 16 aligned bytes each. Register m of lane i gets elements 2 (i % 4) and
// the next of row i / 4 of matrix m; with _trans, of its column i / 4.
__device__ __forceinline__ void ldmatrix_x1(unsigned (&r)[1], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
               : "=r"(r[0])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x2(unsigned (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x1_trans(unsigned (&r)[1], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
               : "=r"(r[0])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x2_trans(unsigned (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

#if __CUDA_ARCH__ >= 800
// x with the 10 digits after the point that tf32 has, ties away from zero. An operand that was not
// rounded is cut off there.
__device__ __forceinline__ unsigned to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// D = A B + C by a whole warp: A is 16 x K, B is K x 8, C and D are 16 x 8 floats. D may be C.
// tf32: K = 8, a register holds one element; f16, bf16: K = 16, a register holds two, the first
// lowest.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2], const float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
}
__device__ __forceinline__ void mma_f16(float (&d)[4], const unsigned (&a)[4],
                                        const unsigned (&b)[2], const float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
}
__device__ __forceinline__ void mma_bf16(float (&d)[4], const unsigned (&a)[4],
                                         const unsigned (&b)[2], const float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
}

// Copies 4, 8 or 16 bytes (both addresses multiples of it) from global to shared memory, zeros if
// not `there`: then `global` is not read. The bytes are there for this thread after cp_async_commit
// and cp_async_wait, for others after a barrier besides. 16 bytes go past the L1 cache.
template <int BYTES>
__device__ __forceinline__ void cp_async(void* shared, const void* global, bool there = true) {
  static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "cp.async copies 4, 8 or 16 bytes");
  const unsigned target = shared_address(shared);
  const size_t source = __cvta_generic_to_global(global);
  const int read = there ? BYTES : 0;
  if constexpr (BYTES == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source),
                 "r"(read)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(target), "l"(source),
                 "n"(BYTES), "r"(read)
                 : "memory");
  }
}

// This thread's copies since the last commit are a group.
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::); }

// Waits until at most the last GROUPS_LEFT groups of this thread are under way.
template <int GROUPS_LEFT>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS_LEFT) : "memory");
}
#endif

// All threads of all blocks meet, and see what the others wrote before. For cooperative launches.
// `counter` is in device memory, 0 before the first launch that uses it; it only grows, and a later
// launch may go on with it if it has as many blocks.
__device__ __forceinline__ void grid_barrier(unsigned long long* counter) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const unsigned long long arrived = atomicAdd(counter, 1ull);
    const unsigned long long all = (arrived / gridDim.x + 1) * gridDim.x;
    while (*static_cast<volatile unsigned long long*>(counter) < all) {
    }
    __threadfence();
  }
  __syncthreads();
}
#endif
