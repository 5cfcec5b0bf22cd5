// What the runtime (the .cpp files beside this folder) offers to the language headers: threads,
// barriers, memory checks.
#pragma once

#pragma GCC visibility push(default)

namespace gpunn_emulator {

struct Dim3 {
  unsigned x, y, z;
};

// Where in the kernel's text a call stands; filled in by default arguments at the call.
struct Place {
  const char* file;
  int line;
};

constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return {file, line};
}

// What one CUDA thread knows of itself.
struct ThreadView {
  Dim3 thread, block, block_size, grid_size;
  void* dynamic_shared;
  int lane;
};

extern __thread ThreadView* self __attribute__((tls_model("initial-exec")));

// An operation of a warp: run once, by the last lane to arrive, over the arguments of all lanes in
// `mask`.
using WarpFunction = void (*)(void** arguments, unsigned mask);
enum WarpFlags { ORDERS_MEMORY = 1, NEEDS_ALL_LANES = 2 };
void warp_collective(unsigned mask, void* argument, WarpFunction function, int flags, Place place);

enum class Vote { NONE, COUNT, AND, OR };
int block_barrier(Vote vote, int predicate, Place place);
void grid_barrier(Place place);

// cp.async: `bytes` of `source` and then zeros up to `size` (4, 8 or 16) arrive as late as the
// program allows.
void copy_async(void* target, const void* source, unsigned size, unsigned bytes, Place place);
void copy_async_commit();
void copy_async_wait(int groups_left);

// __threadfence: what this thread has written comes before what a thread of another block does that
// sees a later atomic operation of this one by an atomic operation of its own.
void memory_fence();

// Tell the checker of an access that no compiled load or store makes. Does nothing outside check
// mode.
// Without a place it is the line that this was called from: the kernel's where the caller is always
// inlined.
void note_access(const void* address, unsigned bytes, bool is_write, bool is_atomic,
                 Place place = {nullptr, 0});

// End the launch with a report: "what at file:line, thread (x, y, z), block (x, y, z)".
[[noreturn]] void trap(const char* what, Place place);

}  // namespace gpunn_emulator

#pragma GCC visibility pop

// A default argument that names the line of the caller. (Written as a Place{...} in the macro, it
// would name its own.)
#define GPUNN_HERE ::gpunn_emulator::Place place = ::gpunn_emulator::here()
