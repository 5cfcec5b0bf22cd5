// Operations that the lanes of a warp do together: shuffles, votes, matrix products, __syncwarp.
#include "checker.h"
#include "scheduler.h"

namespace gpunn_emulator {

namespace {

// The lanes of `mask` that have not exited, if all of them wait in this very operation; else 0.
unsigned lanes_in(const Warp& warp, const Posted& operation) {
  const unsigned needed = operation.mask & warp.alive;
  if ((warp.posted & needed) != needed) return 0;
  for (unsigned rest = needed; rest != 0; rest &= rest - 1) {
    const Posted& other = warp.posts[__builtin_ctz(rest)];
    if (other.mask != operation.mask || other.function != operation.function) return 0;
  }
  return needed;
}

void complete(Block& block, Warp& warp, const Posted& operation, unsigned lanes) {
  if (operation.function != nullptr) operation.function(warp.arguments, lanes);
  if (block.checker && operation.flags & ORDERS_MEMORY) block.checker->warp_barrier(warp, lanes);
  warp.posted &= ~lanes;
}

void make_ready(Block& block, Warp& warp, unsigned lanes) {
  const int first = static_cast<int>(&warp - block.warps) * WARP;
  for (; lanes != 0; lanes &= lanes - 1) make_ready(block.threads[first + __builtin_ctz(lanes)]);
}

}  // namespace

void warp_collective(unsigned mask, void* argument, WarpFunction function, int flags, Place place) {
  Thread& thread = current_thread();
  Block& block = *thread.owner;
  Warp& warp = block.warps[thread.warp];
  const unsigned own = 1u << thread.lane;
  if ((mask & own) == 0) trap("the mask of a warp operation leaves out the calling lane", place);
  if (flags & NEEDS_ALL_LANES && (warp.alive != ALL_LANES || mask != ALL_LANES)) {
    trap("an operation of the whole warp in a warp without all 32 lanes", place);
  }
  warp.arguments[thread.lane] = argument;
  warp.posts[thread.lane] = {function, mask, flags};
  warp.posted |= own;
  const unsigned lanes = lanes_in(warp, warp.posts[thread.lane]);
  if (lanes == 0) {
    wait(thread, State::IN_WARP_OPERATION, place);
    return;
  }
  complete(block, warp, warp.posts[thread.lane], lanes);
  make_ready(block, warp, lanes & ~own);  // the last lane to arrive goes straight on
}

void complete_warp_operations(Block& block, Warp& warp) {
  for (unsigned rest = warp.posted; rest != 0; rest &= rest - 1) {
    const Posted& operation = warp.posts[__builtin_ctz(rest)];
    const unsigned lanes = lanes_in(warp, operation);
    if (lanes == 0) continue;
    complete(block, warp, operation, lanes);
    make_ready(block, warp, lanes);
    rest &= ~lanes | (rest & -rest);
  }
}

}  // namespace gpunn_emulator
