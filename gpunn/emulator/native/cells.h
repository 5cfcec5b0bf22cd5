// What each piece of memory remembers of its accesses, and which two accesses are in order.
//
// Two accesses of different threads are in order if a barrier of the block or the grid lies between
// them, or a
// __syncwarp in which both lanes took part (or others that pass the order on). Two that are not,
// and of which one writes, are a race; atomic operations do not race with each other.
#pragma once
#include <bitset>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "scheduler.h"

namespace gpunn_emulator {

enum class AccessKind { READ, WRITE, ATOMIC };

// A thread of the launch: block * 1024 + number in the block (blocks beyond 2^22 begin anew).
using ThreadNumber = uint32_t;
constexpr ThreadNumber NOBODY = ~0u;

inline ThreadNumber warp_of(ThreadNumber thread) { return thread / WARP; }
inline ThreadNumber block_of(ThreadNumber thread) { return thread / MAX_THREADS; }
inline unsigned lane_bit(ThreadNumber thread) { return 1u << thread % WARP; }

// `interval`: the time between two barriers of one block. Numbers grow and never come again, so
// what an earlier block or launch has left behind is known by its number. `stamp`: how many
// __syncwarps the warp had seen.
struct Access {
  ThreadNumber thread;
  uint32_t interval, stamp, code;
};

// Accesses of one kind by lanes of one warp, at one stamp.
struct Group {
  Access last;
  unsigned lanes;
  unsigned is_atomic;
};

// The last write, and of the reads and atomic operations since then as many as it takes to find a
// later race: those of two warps, for any thread is unordered to one of them.
struct Cell {
  Access write;
  Group groups[2];
  uint32_t pending_interval, pending_code;  // a cp.async that has not arrived

  bool is_pending(uint32_t first_interval) const { return pending_interval >= first_interval; }
};

// The order that __syncwarp has brought to the lanes of one warp.
class WarpOrder {
 public:
  void begin();
  void synchronise(unsigned lanes, bool are_all);
  uint32_t stamp() const { return stamp_; }
  // Those of `lanes` whose accesses at `stamp` do not come before what `lane` does now.
  unsigned unordered(unsigned lanes, uint32_t stamp, int lane) const;

 private:
  // Row a, column b: accesses of b with an earlier stamp come before what a does now.
  struct Matrix {
    uint32_t stamps[WARP][WARP];
  };

  uint32_t stamp_ = 0;
  uint32_t all_before_ = 0;         // accesses with an earlier stamp come before everything now
  std::unique_ptr<Matrix> before_;  // once lanes have synchronised apart
};

// What other blocks have released by an atomic operation after a __threadfence: all that a block
// did before `interval`, and what its `threads` did in it.
class Releases {
 public:
  bool is_empty() const { return blocks_.empty(); }
  void add(ThreadNumber thread, uint32_t interval);
  void add(const Releases& others);
  void clear() { blocks_.clear(); }
  bool hold(const Access& access) const;

 private:
  struct Release {
    uint32_t interval = 0;
    std::bitset<MAX_THREADS> threads;
  };

  void add(uint32_t block, const Release& release);

  std::unordered_map<uint32_t, Release> blocks_;
};

// Who accesses memory now, and what came before.
struct Moment {
  Access access;
  uint32_t first_interval;  // accesses of other blocks come before if their interval is earlier
  const WarpOrder* warp;
  const Releases* acquired;  // from other blocks
};

// Note the access in the cell; the earlier access that it races with, or null.
const Access* note(Cell& cell, AccessKind kind, const Moment& now, Access& storage);

}  // namespace gpunn_emulator
