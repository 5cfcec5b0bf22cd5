// What the compiler calls in check mode: -fsanitize=thread puts a call before each load and store
// of a kernel. The sanitizer's own library is not linked; these are its functions.
#include <cstring>

#include "checker.h"

namespace gpunn_emulator {

namespace {

inline __attribute__((always_inline)) bool is_local(const void* address) {
  const char* frame = static_cast<const char*>(__builtin_frame_address(0));
  return static_cast<size_t>(static_cast<const char*>(address) - frame) < StackPool::SIZE;
}

inline __attribute__((always_inline)) void check(const void* address, size_t size, AccessKind kind,
                                                 const void* return_address) {
  Worker* worker = current_worker;
  if (worker == nullptr) return;  // constructors, when the module is loaded
  if (is_local(address)) {
    if (worker->suspicion.what != nullptr) confirm_suspicion("");
    return;
  }
  Checker& checker = *current_thread().owner->checker;
  if (worker->suspicion.what != nullptr) confirm_suspicion(checker.shared_variable_near(address));
  checker.access(address, size, kind, code_of(return_address));
}

}  // namespace

void memory_fence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const Thread& thread = current_thread();
  if (thread.owner->checker) thread.owner->checker->memory_fence();
}

void note_access(const void* address, unsigned bytes, bool is_write, bool is_atomic, Place place) {
  const Thread& thread = current_thread();
  if (!thread.owner->checker || is_local(address)) return;
  const AccessKind kind =
      is_atomic ? AccessKind::ATOMIC : (is_write ? AccessKind::WRITE : AccessKind::READ);
  const uint32_t code = place.file ? code_of(place) : code_of(__builtin_return_address(0));
  thread.owner->checker->access(address, bytes, kind, code);
}

}  // namespace gpunn_emulator

using gpunn_emulator::AccessKind;
using gpunn_emulator::check;

#pragma GCC visibility push(default)
extern "C" {

#define GPUNN_HOOK(name, size, kind)                                     \
  void __tsan_##name(void* address) {                                    \
    check(address, size, AccessKind::kind, __builtin_return_address(0)); \
  }
#define GPUNN_HOOKS(size)                      \
  GPUNN_HOOK(read##size, size, READ)           \
  GPUNN_HOOK(write##size, size, WRITE)         \
  GPUNN_HOOK(unaligned_read##size, size, READ) \
  GPUNN_HOOK(unaligned_write##size, size, WRITE)
GPUNN_HOOKS(1)
GPUNN_HOOKS(2)
GPUNN_HOOKS(4)
GPUNN_HOOKS(8)
GPUNN_HOOKS(16)

void __tsan_read_range(void* address, size_t size) {
  check(address, size, AccessKind::READ, __builtin_return_address(0));
}

void __tsan_write_range(void* address, size_t size) {
  check(address, size, AccessKind::WRITE, __builtin_return_address(0));
}

// The linker makes the kernels' calls of memcpy and the like come here (--wrap).
void* __wrap_memcpy(void* target, const void* source, size_t size) {
  check(source, size, AccessKind::READ, __builtin_return_address(0));
  check(target, size, AccessKind::WRITE, __builtin_return_address(0));
  return memcpy(target, source, size);
}

void* __wrap_memmove(void* target, const void* source, size_t size) {
  check(source, size, AccessKind::READ, __builtin_return_address(0));
  check(target, size, AccessKind::WRITE, __builtin_return_address(0));
  return memmove(target, source, size);
}

void* __wrap_memset(void* target, int byte, size_t size) {
  check(target, size, AccessKind::WRITE, __builtin_return_address(0));
  return memset(target, byte, size);
}

void* __tsan_memcpy(void* target, const void* source, size_t size) {
  return __wrap_memcpy(target, source, size);
}

void* __tsan_memmove(void* target, const void* source, size_t size) {
  return __wrap_memmove(target, source, size);
}

void* __tsan_memset(void* target, int byte, size_t size) {
  return __wrap_memset(target, byte, size);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

}  // extern "C"
#pragma GCC visibility pop
