// Blocks, warps and threads. One OS thread (a Worker) runs one block at a time; the block's CUDA
// threads are fibres.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fibre.h"
#include "launch_state.h"
#include "runtime.h"

namespace gpunn_emulator {

constexpr int WARP = 32, MAX_THREADS = 1024, MAX_WARPS = MAX_THREADS / WARP;
constexpr unsigned ALL_LANES = ~0u;
constexpr size_t MAX_SHARED = 227 << 10;  // of a block, on the GPUs that have most

class Checker;
struct Block;
struct Worker;

enum class State : uint8_t { READY, AT_BLOCK_BARRIER, AT_GRID_BARRIER, IN_WARP_OPERATION, DONE };

// A copy by cp.async that has not arrived.
struct PendingCopy {
  char* target;
  const char* source;
  unsigned size, bytes;
  Place place;
};

struct Thread : ThreadView {
  Block* owner;
  void* stack_pointer;  // where it goes on; null: it has not begun
  char* stack;
  int number, warp;
  State state;
  int predicate;
  Place place;  // of the operation that it waits in
  std::vector<PendingCopy> copies;
  std::vector<size_t> groups;  // for each committed group, the number of copies up to its end
};

// An operation of the warp that a lane waits in.
struct Posted {
  WarpFunction function;
  unsigned mask;
  int flags;
};

// Sets of lanes are bit masks.
struct Warp {
  unsigned lanes, alive, ready, posted;
  Posted posts[WARP];
  void* arguments[WARP];
};

struct Block {
  Worker* worker;
  long number;
  Dim3 index;
  int size, warp_count;
  unsigned ready_warps;
  int alive, at_block_barrier, at_grid_barrier;
  int voters, votes;  // of the last barrier
  std::vector<char>
      shared_image;  // static shared memory while another block runs (cooperative launches)
  char* dynamic_shared;
  std::unique_ptr<Checker> checker;
  Warp warps[MAX_WARPS];
  Thread threads[MAX_THREADS];
};

class Random {
 public:
  void seed(uint64_t seed) { state_ = seed * 0x9e3779b97f4a7c15ull + 0x2545f4914f6cdd1dull; }
  unsigned below(unsigned limit) { return static_cast<uint64_t>(next()) * limit >> 32; }

 private:
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ >> 32;
  }

  uint64_t state_ = 1;
};

// An index that is out of its array's bounds. If the next access is one of shared memory, that is
// the array.
struct Suspicion {
  const char* what;  // the array's type; null: there is no suspicion
  long index;
  Place place;
};

// One OS thread of a launch, with all that is worth keeping from launch to launch.
struct Worker {
  static constexpr size_t GUARD = 64 << 10;  // bytes that cannot be touched

  Launch* launch = nullptr;
  Random random;
  StackPool stacks;
  void* scheduler = nullptr;  // the stack of the OS thread, while a fibre runs
  volatile bool in_kernel = false;
  bool failed = false;
  Suspicion suspicion = {};
  std::vector<std::unique_ptr<Block>> blocks;  // more than one in cooperative launches only
  std::vector<char*> dynamic_ends;  // for each block memory that ends before a guard page
  std::unique_ptr<char[]> signal_stack;
};

extern __thread Worker* current_worker __attribute__((tls_model("initial-exec")));

inline Thread& current_thread() { return *static_cast<Thread*>(self); }

// Run blocks of the launch until none is left or one fails.
void run_blocks(Worker& worker);
void run_cooperative_blocks(Worker& worker);

// End the launch from within a kernel.
[[noreturn]] void abandon();

std::string name_of(const Thread& thread);  // "thread (1, 0, 0)"
std::string name_of(const Block& block);
void add_report(const Thread& thread, const char* kind, const std::string& variable,
                const std::string& place, const std::string& what);

// undefined.cpp: end the launch with a report of the suspicion.
[[noreturn]] void confirm_suspicion(const std::string& variable);

// Let other threads run until one of them makes this one ready.
void wait(Thread& thread, State state, Place place);
void make_ready(Thread& thread);

// warp.cpp: finish the operations that wait for no lane any more.
void complete_warp_operations(Block& block, Warp& warp);

// barrier.cpp: let the threads go on if all are there; false if the block cannot go on.
bool release_block_barrier(Block& block);
bool release_grid_barrier(Worker& worker);

}  // namespace gpunn_emulator
