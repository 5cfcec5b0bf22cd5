#include "fibre.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__x86_64__)
// Saved: the six registers that a function must keep. MXCSR and the x87 word never change in a
// kernel.
asm(R"(
.text
.globl gpunn_fibre_switch
.type gpunn_fibre_switch, @function
gpunn_fibre_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
.globl gpunn_fibre_resume
.type gpunn_fibre_resume, @function
gpunn_fibre_resume:
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#elif defined(__aarch64__)
// Saved: x19 to x30 and the lower halves of v8 to v15.
asm(R"(
.text
.globl gpunn_fibre_switch
.type gpunn_fibre_switch, %function
gpunn_fibre_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
.globl gpunn_fibre_resume
.type gpunn_fibre_resume, %function
gpunn_fibre_resume:
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");
#else
#error "gpunn's emulator switches stacks on x86-64 and aarch64 only"
#endif

namespace gpunn_emulator {

void* begin_fibre(char* top, void (*body)()) {
#if defined(__x86_64__)
  // From below: six registers, the return address that `ret` takes, and the one that `body` sees.
  void** frame = reinterpret_cast<void**>(top) - 8;
  memset(frame, 0, 8 * sizeof(void*));
  frame[6] = reinterpret_cast<void*>(body);
#else
  void** frame = reinterpret_cast<void**>(top) - 20;
  memset(frame, 0, 20 * sizeof(void*));
  frame[11] = reinterpret_cast<void*>(body);  // x30, where `ret` goes
#endif
  return frame;
}

namespace {
constexpr size_t GUARD = 64 << 10;  // the largest page that aarch64 has
constexpr size_t STRIDE = StackPool::SIZE + GUARD;
}  // namespace

void StackPool::map_chunk() {
  void* chunk = mmap(nullptr, CHUNK * STRIDE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (chunk == MAP_FAILED) throw std::bad_alloc();
  chunks_.push_back(static_cast<char*>(chunk));
  for (int i = CHUNK - 1; i >= 0; --i) {
    char* guard = chunks_.back() + i * STRIDE;
    mprotect(guard, GUARD, PROT_NONE);
    free_.push_back(guard + GUARD);
  }
}

char* StackPool::take() {
  if (free_.empty()) map_chunk();
  char* stack = free_.back();
  free_.pop_back();
  return stack;
}

void StackPool::give_back_all() {
  free_.clear();
  for (size_t c = chunks_.size(); c-- > 0;) {
    for (int i = CHUNK - 1; i >= 0; --i) free_.push_back(chunks_[c] + i * STRIDE + GUARD);
  }
}

bool StackPool::is_guard(const char* address) const {
  for (const char* chunk : chunks_) {
    const size_t offset = address - chunk;
    if (offset < CHUNK * STRIDE && offset % STRIDE < GUARD) return true;
  }
  return false;
}

char* StackPool::top(char* stack) {
  const uintptr_t color = reinterpret_cast<uintptr_t>(stack) / STRIDE % 31;
  return stack + SIZE - color * 128;
}

}  // namespace gpunn_emulator
