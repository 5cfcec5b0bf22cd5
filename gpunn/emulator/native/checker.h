// The checks of one block; filled in later.
#pragma once
#include "scheduler.h"
namespace gpunn_emulator {
class Checker {
 public:
  void begin_block() {}
  void warp_barrier(Warp&, unsigned) {}
  void block_barrier(const Thread&) {}
};
}  // namespace gpunn_emulator
