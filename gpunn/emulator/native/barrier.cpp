// Barriers of a block and of the grid, and what to say when a block cannot go on.
#include <cstring>

#include "checker.h"
#include "scheduler.h"

namespace gpunn_emulator {

namespace {

bool is_same(Place a, Place b) {
  return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

const char* waiting_in(State state) {
  switch (state) {
    case State::AT_BLOCK_BARRIER:
      return "__syncthreads";
    case State::AT_GRID_BARRIER:
      return "the grid barrier";
    case State::IN_WARP_OPERATION:
      return "a warp operation";
    default:
      return "nothing";
  }
}

bool fail(Block& block, const char* kind, const Thread& thread, const std::string& what) {
  block.worker->failed = true;
  block.worker->launch->stops = true;
  add_report(thread, kind, "", thread.state == State::DONE ? "" : name_of(thread.place), what);
  return false;
}

// Each group of neighbours that wait at one place, or have exited.
std::string describe_waiting(const Block& block) {
  std::string all;
  const Thread* last = nullptr;
  int groups = 0;
  for (int t = 0; t < block.size; ++t) {
    const Thread& thread = block.threads[t];
    if (last && last->state == thread.state &&
        (thread.state == State::DONE || is_same(last->place, thread.place))) {
      continue;
    }
    last = &thread;
    if (++groups > 8) return all + " ...";
    all += all.empty() ? " " : "; ";
    all += "from " + name_of(thread);
    all += thread.state == State::DONE ? " on exited"
                                       : format(" on waiting in %s at %s", waiting_in(thread.state),
                                                name_of(thread.place).c_str());
  }
  return all;
}

bool report_deadlock(Block& block) {
  const Thread* waiting = nullptr;
  for (int t = 0; t < block.size && !waiting; ++t) {
    if (block.threads[t].state != State::DONE) waiting = &block.threads[t];
  }
  for (int t = 0; t < block.size; ++t) {
    if (block.threads[t].state == State::IN_WARP_OPERATION) {
      waiting = &block.threads[t];
      break;
    }
  }
  return fail(block, "deadlock", *waiting, "the block cannot go on:" + describe_waiting(block));
}

}  // namespace

int block_barrier(Vote vote, int predicate, Place place) {
  Thread& thread = current_thread();
  thread.predicate = predicate;
  ++thread.owner->at_block_barrier;
  wait(thread, State::AT_BLOCK_BARRIER, place);
  const Block& block = *thread.owner;
  switch (vote) {
    case Vote::NONE:
      return 0;
    case Vote::COUNT:
      return block.votes;
    case Vote::AND:
      return block.votes == block.voters;
    case Vote::OR:
      return block.votes > 0;
  }
  __builtin_unreachable();
}

void grid_barrier(Place place) {
  Thread& thread = current_thread();
  if (!current_worker->launch->request.is_cooperative) {
    trap("a grid barrier in a launch without enable_cooperative_groups", place);
  }
  ++thread.owner->at_grid_barrier;
  wait(thread, State::AT_GRID_BARRIER, place);
}

bool release_block_barrier(Block& block) {
  if (block.at_block_barrier != block.alive) return report_deadlock(block);
  const Thread* first = nullptr;
  block.votes = 0;
  for (int t = 0; t < block.size; ++t) {
    Thread& thread = block.threads[t];
    if (thread.state == State::DONE) continue;
    if (first == nullptr) first = &thread;
    if (!is_same(first->place, thread.place)) {
      return fail(block, "divergent barrier", thread,
                  "waits in __syncthreads while " + name_of(*first) + " waits in the one at " +
                      name_of(first->place));
    }
    block.votes += thread.predicate != 0;
  }
  block.voters = block.alive;
  block.at_block_barrier = 0;
  if (block.checker) block.checker->block_barrier(*first);
  for (int t = 0; t < block.size; ++t) {
    if (block.threads[t].state == State::AT_BLOCK_BARRIER) make_ready(block.threads[t]);
  }
  return true;
}

bool release_grid_barrier(Worker& worker) {
  long exited = 0;
  Block* waiting = nullptr;
  const long count = worker.launch->block_count;
  for (long b = 0; b < count; ++b) {
    Block& block = *worker.blocks[b];
    if (block.alive == 0) {
      ++exited;
    } else {
      waiting = &block;
    }
  }
  if (waiting == nullptr) return false;
  if (exited > 0) {
    const Thread* thread = waiting->threads;
    while (thread->state == State::DONE) ++thread;
    return fail(
        *waiting, "deadlock", *thread,
        format("waits at the grid barrier, but %ld of %ld blocks have exited", exited, count));
  }
  if (worker.launch->checks) worker.launch->checks->order_blocks();
  for (long b = 0; b < count; ++b) {
    Block& block = *worker.blocks[b];
    block.at_grid_barrier = 0;
    if (block.checker) block.checker->grid_barrier();
    for (int t = 0; t < block.size; ++t) {
      if (block.threads[t].state == State::AT_GRID_BARRIER) make_ready(block.threads[t]);
    }
  }
  return true;
}

void trap(const char* what, Place place) {
  add_report(current_thread(), "trap", "", name_of(place), what);
  abandon();
}

}  // namespace gpunn_emulator
