// Check mode: every access of a kernel comes here (hooks.cpp), and every barrier.
#pragma once
#include <set>
#include <tuple>

#include "region.h"

namespace gpunn_emulator {

// Where in the program an access is made: an offset in the module's image, or the number of a
// Place.
uint32_t code_of(const void* return_address);
uint32_t code_of(Place place);
std::string name_of_code(uint32_t code);

// What all blocks of a launch share. With checks, a launch runs on one OS thread.
class LaunchChecks {
 public:
  LaunchChecks(const Request& request, std::vector<Region> arrays, size_t block_count);

  // Interval numbers never come again, whatever the launch.
  static uint32_t next_interval() { return ++last_interval_; }

  Region* find_array(const char* address);
  // The one that ends or begins nearest to `address`; null if none is near.
  const Region* nearest_array(const char* address) const;
  // Accesses of all blocks until now come before what follows.
  void order_blocks() { first_interval_ = last_interval_ + 1; }
  uint32_t first_interval() const { return first_interval_; }
  Cell* take_cells(size_t count);
  // What has been released by atomic operations at `address`.
  Releases& releases_at(const char* address) { return releases_[address]; }
  bool is_new_race(AccessKind kind, uint32_t earlier, uint32_t later);

 private:
  static uint32_t last_interval_;

  std::vector<Region> arrays_;  // sorted, disjoint
  Region* last_found_ = nullptr;
  uint32_t first_interval_;
  std::unordered_map<const char*, Releases> releases_;
  std::set<std::tuple<AccessKind, uint32_t, uint32_t>> races_;
};

// The checks of one block.
class Checker {
 public:
  Checker(Block& block, LaunchChecks& launch);

  void begin_block();
  void block_barrier(const Thread& first);
  void grid_barrier() { interval_ = LaunchChecks::next_interval(); }
  void warp_barrier(const Warp& warp, unsigned lanes);
  void memory_fence();
  void end_thread(const Thread& thread);

  void access(const void* address, size_t size, AccessKind kind, uint32_t code);
  void begin_copy(const PendingCopy& copy);
  void finish_copy(const PendingCopy& copy);
  // The variable that lies at `address`; "" if none does.
  std::string variable_at(const void* address);
  // The shared variable that `address` lies in or beside; "" if it is no shared memory.
  std::string shared_variable_near(const void* address);

 private:
  Region* find(const char* address);
  Region* find_shared(const char* address);
  const Variable* nearest(const char* address);
  bool is_unchecked(const char* address) const;
  void check_cells(Region& region, const char* address, size_t size, AccessKind kind,
                   uint32_t code);
  void check_initialised(const Region& region, Cell& cell, const char* address, uint32_t code);
  void report_race(const Variable& variable, const char* address, AccessKind kind,
                   const Access& earlier, uint32_t code);
  void report(const char* kind, const std::string& variable, uint32_t code,
              const std::string& what);
  [[noreturn]] void report_outside(const char* address, size_t size, AccessKind kind,
                                   uint32_t code);
  void order_by_atomic(const char* address);
  Moment now(bool is_shared, uint32_t code) const;

  Block& block_;
  LaunchChecks& launch_;
  uint32_t first_interval_ = 0, interval_ = 0;
  WarpOrder warps_[MAX_WARPS];
  std::bitset<MAX_THREADS> fenced_;  // threads that have passed a __threadfence
  Releases acquired_;
  std::vector<Region> shared_;  // the dynamic one first, if there is one
};

}  // namespace gpunn_emulator
