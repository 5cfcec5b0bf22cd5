#include "cells.h"

#include <algorithm>
#include <cstring>

namespace gpunn_emulator {

void WarpOrder::begin() {
  all_before_ = ++stamp_;
  if (before_) *before_ = {};
}

void WarpOrder::synchronise(unsigned lanes, bool are_all) {
  const uint32_t now = ++stamp_;
  if (are_all) {
    all_before_ = now;
    return;
  }
  if (!before_) before_ = std::make_unique<Matrix>();
  auto& before = before_->stamps;
  uint32_t merged[WARP] = {};
  for (int a = 0; a < WARP; ++a) {
    if (!(lanes >> a & 1)) continue;
    for (int b = 0; b < WARP; ++b) merged[b] = std::max(merged[b], before[a][b]);
    merged[a] = now;
  }
  for (int b = 0; b < WARP; ++b) {
    if (lanes >> b & 1) merged[b] = now;
  }
  for (int a = 0; a < WARP; ++a) {
    if (lanes >> a & 1) memcpy(before[a], merged, sizeof merged);
  }
}

unsigned WarpOrder::unordered(unsigned lanes, uint32_t stamp, int lane) const {
  lanes &= ~(1u << lane);
  if (stamp < all_before_) return 0;
  if (!before_) return lanes;
  for (unsigned rest = lanes; rest != 0; rest &= rest - 1) {
    const int other = __builtin_ctz(rest);
    if (stamp < before_->stamps[lane][other]) lanes &= ~(1u << other);
  }
  return lanes;
}

void Releases::add(ThreadNumber thread, uint32_t interval) {
  Release release{interval, {}};
  release.threads.set(thread % MAX_THREADS);
  add(block_of(thread), release);
}

void Releases::add(const Releases& others) {
  for (const auto& [block, release] : others.blocks_) add(block, release);
}

void Releases::add(uint32_t block, const Release& release) {
  Release& known = blocks_[block];
  if (known.interval < release.interval) {
    known = release;
  } else if (known.interval == release.interval) {
    known.threads |= release.threads;
  }
}

bool Releases::hold(const Access& access) const {
  const auto found = blocks_.find(block_of(access.thread));
  if (found == blocks_.end()) return false;
  const Release& release = found->second;
  return access.interval < release.interval ||
         (access.interval == release.interval && release.threads[access.thread % MAX_THREADS]);
}

namespace {

// Those of `lanes` in the warp of `old` that are unordered to the current access.
unsigned unordered(const Access& old, unsigned lanes, const Moment& now) {
  if (old.interval < now.first_interval || old.thread == NOBODY) return 0;
  if (block_of(old.thread) != block_of(now.access.thread)) {
    return now.acquired->hold(old) ? 0 : lanes;
  }
  if (old.interval != now.access.interval) return 0;
  if (warp_of(old.thread) != warp_of(now.access.thread)) return lanes;
  return now.warp->unordered(lanes, old.stamp, now.access.thread % WARP);
}

bool continues(const Group& group, AccessKind kind, const Access& access) {
  return group.lanes != 0 && warp_of(group.last.thread) == warp_of(access.thread) &&
         group.last.interval == access.interval && group.last.stamp == access.stamp &&
         group.is_atomic == (kind == AccessKind::ATOMIC);
}

// The group that may be forgotten for a new one; null if the two that are there find all that it
// could.
Group* replaceable(Cell& cell, const Moment& now) {
  for (Group& group : cell.groups) {
    if (group.lanes == 0 || unordered(group.last, group.lanes, now) == 0) return &group;
  }
  Group &a = cell.groups[0], &b = cell.groups[1];
  if (warp_of(a.last.thread) != warp_of(b.last.thread)) return nullptr;
  return a.last.stamp < b.last.stamp ? &a : &b;
}

void add_to_group(Cell& cell, AccessKind kind, const Moment& now) {
  for (Group& group : cell.groups) {
    if (!continues(group, kind, now.access)) continue;
    group.lanes |= lane_bit(now.access.thread);
    group.last = now.access;
    return;
  }
  Group* group = replaceable(cell, now);
  if (group != nullptr) {
    *group = {now.access, lane_bit(now.access.thread), kind == AccessKind::ATOMIC};
  }
}

}  // namespace

const Access* note(Cell& cell, AccessKind kind, const Moment& now, Access& storage) {
  const Access* raced = nullptr;
  if (unordered(cell.write, lane_bit(cell.write.thread), now) != 0) {
    storage = cell.write;
    raced = &storage;
  }
  for (const Group& group : cell.groups) {
    const bool may_race =
        kind == AccessKind::WRITE || (kind == AccessKind::ATOMIC) != group.is_atomic;
    if (raced || !may_race || group.lanes == 0) continue;
    const unsigned lanes = unordered(group.last, group.lanes, now);
    if (lanes == 0) continue;
    storage = group.last;
    storage.thread = warp_of(group.last.thread) * WARP + __builtin_ctz(lanes);
    raced = &storage;
  }
  if (kind == AccessKind::WRITE) {
    cell.write = now.access;
    cell.groups[0].lanes = cell.groups[1].lanes = 0;
  } else {
    add_to_group(cell, kind, now);
  }
  return raced;
}

}  // namespace gpunn_emulator
