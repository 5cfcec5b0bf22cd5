// A launch: what was asked for, and what all its OS threads share while it runs.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "launch.h"
#include "report.h"
#include "runtime.h"

namespace gpunn_emulator {

enum class Order : int { FORWARD, REVERSE, RANDOM };

// A static shared variable: where it lies in the module's shared memory. The compiler's own have no
// name.
struct SharedVariable {
  size_t offset, size;
  std::string name;
};

// A compiled file of kernels. Its static shared memory is thread-local: each OS thread, and so each
// running block, has its own. `anchor` is a thread-local variable of the module, `anchor_offset`
// bytes after the first.
struct Module {
  char* (*anchor)();
  long anchor_offset;
  size_t shared_size;
  const char *image_begin, *image_end;
  std::vector<SharedVariable> variables;  // known in check mode only

  char* shared() const { return anchor() - anchor_offset; }
  bool holds(const void* code) const { return code >= image_begin && code < image_end; }
};

// An array argument, as the loader describes it.
struct ArrayArgument {
  char* address;
  size_t size;
  const char* name;
  int parameter;     // its number; -1: memory that a table of addresses may lead to
  int element_size;  // in bytes
  int is_const;
  int is_poisoned;  // every element that still holds 0xFF bytes was never written
};

// What the loader asks for; it packs these words in this order.
struct Request {
  const Entry* entry;
  const Module* module;
  const ArrayArgument* arrays;  // in check mode and for several orders only
  uint64_t array_count;
  const char* dynamic_shared_name;
  double time_limit;  // seconds
  uint64_t seed;
  Dim3 grid, block;
  uint32_t dynamic_shared;
  Order order;
  uint32_t workers;
  uint32_t checks, is_cooperative, flushes_denormals;
  uint32_t orders;  // in which it runs, all from the same memory
};

class LaunchChecks;

struct Launch {
  Launch(const Request& what, const char* with) : request(what), arguments(with) {}

  const Request& request;
  const char* arguments;
  long block_count = 0;
  long block_step = 1,
       first_block = 0;  // in random order, the blocks first, first + step, ... (mod count)
  std::atomic<long> next_block{0};
  std::atomic<bool> stops{false};
  LaunchChecks* checks = nullptr;  // in check mode only
  Reports reports;
};

}  // namespace gpunn_emulator
