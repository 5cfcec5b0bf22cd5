// Tensor-core products, ldmatrix, cp.async and the grid barrier: what kernels/ptx.cuh calls here
// instead of PTX. Which lane holds which element is written in the PTX ISA, "Matrix fragments for
// mma.m16n8k8" and "k16".
#pragma once
#include "atomics.h"
#include "warp.h"

namespace gpunn_emulator {

// One lane's registers. D = A B + C; A is 16 x K, B is K x 8, C and D are 16 x 8.
struct Fragments {
  float* d;
  const unsigned *a, *b;
  const float* c;
};

// Where element (row, column) of A, B and C, D stands: the lane is group * 4 + member.
struct Element {
  int lane, slot;
};
template <int PER_REGISTER>  // 1: tf32, a register holds one element; 2: 16-bit types, it holds two
struct Layout {
  static constexpr int K = 8 * PER_REGISTER;
  GPUNN_INLINED static Element a(int row, int k) {
    const int half = k / (K / 2), place = k % (K / 2);
    return {row % 8 * 4 + place / PER_REGISTER,
            (half * 2 + row / 8) * PER_REGISTER + place % PER_REGISTER};
  }
  GPUNN_INLINED static Element b(int k, int column) {
    const int half = k / (K / 2), place = k % (K / 2);
    return {column * 4 + place / PER_REGISTER, half * PER_REGISTER + place % PER_REGISTER};
  }
};
GPUNN_INLINED Element accumulator(int row, int column) {
  return {row % 8 * 4 + column / 2, row / 8 * 2 + column % 2};
}

// An element as the product reads it: 19 bits of a tf32, or 16.
struct Tf32Operand {
  static constexpr int PER_REGISTER = 1;
  GPUNN_INLINED static float read(const unsigned* registers, int slot) {
    return bits_as<float>(registers[slot] & 0xffffe000u);
  }
};
template <class Format>
struct HalfOperand {
  static constexpr int PER_REGISTER = 2;
  GPUNN_INLINED static float read(const unsigned* registers, int slot) {
    return float_of<Format>(static_cast<unsigned short>(registers[slot / 2] >> slot % 2 * 16));
  }
};

// The 8 columns of a row: one vector instruction each, for this is where the emulator's time goes.
typedef float Row __attribute__((vector_size(8 * sizeof(float))));

template <class Operand>
GPUNN_OPTIMISED GPUNN_UNCHECKED auto multiply_fragments(void** arguments, unsigned) {
  using Elements = Layout<Operand::PER_REGISTER>;
  constexpr int K = Elements::K;
  float a[16][K];
  Row b[K], d[16];
  for (int k = 0; k < K; ++k) {
    for (int row = 0; row < 16; ++row) {
      const Element at = Elements::a(row, k);
      a[row][k] = Operand::read(part_of<Fragments>(arguments, at.lane)->a, at.slot);
    }
    for (int column = 0; column < 8; ++column) {
      const Element at = Elements::b(k, column);
      b[k][column] = Operand::read(part_of<Fragments>(arguments, at.lane)->b, at.slot);
    }
  }
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      const Element at = accumulator(row, column);
      d[row][column] = part_of<Fragments>(arguments, at.lane)->c[at.slot];
    }
    for (int k = 0; k < K; ++k) d[row] += a[row][k] * b[k];
  }
  for (int row = 0; row < 16; ++row)  // only now: d may be c
    for (int column = 0; column < 8; ++column) {
      const Element at = accumulator(row, column);
      part_of<Fragments>(arguments, at.lane)->d[at.slot] = d[row][column];
    }
}

template <class Operand>
GPUNN_DEVICE auto multiply(float* d, const unsigned* a, const unsigned* b, const float* c,
                           Place place) {
  Fragments lane{d, a, b, c};
  warp_collective(ALL_LANES, &lane, multiply_fragments<Operand>, NEEDS_ALL_LANES, place);
}

GPUNN_DEVICE void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                           const float (&c)[4], GPUNN_HERE) {
  multiply<Tf32Operand>(d, a, b, c, place);
}
GPUNN_DEVICE void mma_f16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                          const float (&c)[4], GPUNN_HERE) {
  multiply<HalfOperand<Float16>>(d, a, b, c, place);
}
GPUNN_DEVICE void mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                           const float (&c)[4], GPUNN_HERE) {
  multiply<HalfOperand<Bfloat16>>(d, a, b, c, place);
}

// cvt.rna.tf32.f32: 10 digits after the point, ties away from zero; infinities stay, NaN is
// 0x7fffffff.
GPUNN_DEVICE unsigned to_tf32(float x) {
  const unsigned bits = bits_as<unsigned>(x);
  if (__builtin_isnan(x)) return 0x7fffffffu;
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

// One lane's part in ldmatrix: the row of 8 elements that it points to, the registers that it gets.
struct MatrixRow {
  const unsigned short* row;
  unsigned* registers;
};

// Matrix m has the rows of lanes 8 m to 8 m + 7. Lane i gets elements 2 (i % 4) and the next of row
// i / 4, or of column i / 4 if transposed.
template <int COUNT, bool TRANSPOSED>
GPUNN_UNCHECKED auto load_matrices(void** arguments, unsigned) {
  for (int matrix = 0; matrix < COUNT; ++matrix)
    for (int i = 0; i < 32; ++i) {
      unsigned pair[2];
      for (int j = 0; j < 2; ++j) {
        const int major = i / 4, minor = i % 4 * 2 + j;
        pair[j] = TRANSPOSED ? part_of<MatrixRow>(arguments, matrix * 8 + minor)->row[major]
                             : part_of<MatrixRow>(arguments, matrix * 8 + major)->row[minor];
      }
      part_of<MatrixRow>(arguments, i)->registers[matrix] = pair[0] | pair[1] << 16;
    }
}

template <int COUNT, bool TRANSPOSED>
GPUNN_DEVICE auto ldmatrix(unsigned* registers, const void* row, Place place) {
  if (self->lane < 8 * COUNT) {
    if (reinterpret_cast<size_t>(row) % 16)
      trap("ldmatrix: a row that is not 16-byte aligned", place);
    note_access(row, 16, false, false);
  }
  MatrixRow lane{static_cast<const unsigned short*>(row), registers};
  warp_collective(ALL_LANES, &lane, load_matrices<COUNT, TRANSPOSED>, NEEDS_ALL_LANES, place);
}

GPUNN_DEVICE void ldmatrix_x1(unsigned (&r)[1], const void* row, GPUNN_HERE) {
  ldmatrix<1, false>(r, row, place);
}
GPUNN_DEVICE void ldmatrix_x2(unsigned (&r)[2], const void* row, GPUNN_HERE) {
  ldmatrix<2, false>(r, row, place);
}
GPUNN_DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* row, GPUNN_HERE) {
  ldmatrix<4, false>(r, row, place);
}
GPUNN_DEVICE void ldmatrix_x1_trans(unsigned (&r)[1], const void* row, GPUNN_HERE) {
  ldmatrix<1, true>(r, row, place);
}
GPUNN_DEVICE void ldmatrix_x2_trans(unsigned (&r)[2], const void* row, GPUNN_HERE) {
  ldmatrix<2, true>(r, row, place);
}
GPUNN_DEVICE void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, GPUNN_HERE) {
  ldmatrix<4, true>(r, row, place);
}

// cp.async: BYTES from global to shared memory, zeros instead where `there` is false (then nothing
// is read).
template <int BYTES>
GPUNN_DEVICE void cp_async(void* shared, const void* global, bool there = true, GPUNN_HERE) {
  static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "cp.async copies 4, 8 or 16 bytes");
  copy_async(shared, global, BYTES, there ? BYTES : 0, place);
}
GPUNN_DEVICE void cp_async_commit() { copy_async_commit(); }
template <int GROUPS_LEFT>
GPUNN_DEVICE void cp_async_wait() {
  copy_async_wait(GROUPS_LEFT);
}

// All blocks meet. The counter grows as it does on the GPU.
GPUNN_DEVICE void grid_barrier(unsigned long long* counter, GPUNN_HERE) {
  if (self->thread.x == 0) atomicAdd(counter, 1ull, place);
  grid_barrier(place);
}

}  // namespace gpunn_emulator
