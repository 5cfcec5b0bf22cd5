#include "scheduler.h"

#include <cstring>

#include "checker.h"

namespace gpunn_emulator {

__thread ThreadView* self __attribute__((tls_model("initial-exec"))) = nullptr;
__thread Worker* current_worker __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

constexpr int POISON = 0xFF;  // the bytes of shared memory that nobody has written

// The number of the bit of `set` that has `skipped` others below it.
int nth_bit(unsigned set, unsigned skipped) {
#ifdef __BMI2__
  return __builtin_ctz(__builtin_ia32_pdep_si(1u << skipped, set));
#else
  for (; skipped > 0; --skipped) set &= set - 1;
  return __builtin_ctz(set);
#endif
}

// One bit of `set`, which is not 0, as the order of the launch has it.
int pick(Worker& worker, unsigned set) {
  switch (worker.launch->request.order) {
    case Order::FORWARD:
      return __builtin_ctz(set);
    case Order::REVERSE:
      return 31 - __builtin_clz(set);
    case Order::RANDOM:
      break;
  }
  return nth_bit(set, worker.random.below(__builtin_popcount(set)));
}

Thread* take_ready(Block& block, int warp_number) {
  Warp& warp = block.warps[warp_number];
  if (warp.ready == 0) return nullptr;
  const int lane = pick(*block.worker, warp.ready);
  warp.ready &= ~(1u << lane);
  if (warp.ready == 0) block.ready_warps &= ~(1u << warp_number);
  return &block.threads[warp_number * WARP + lane];
}

void finish(Thread& thread) {
  Block& block = *thread.owner;
  if (current_worker->suspicion.what != nullptr) confirm_suspicion("");
  if (block.checker) block.checker->end_thread(thread);
  thread.copies.clear();
  thread.groups.clear();
  Warp& warp = block.warps[thread.warp];
  thread.state = State::DONE;
  --block.alive;
  warp.alive &= ~(1u << thread.lane);
  if (warp.posted != 0) complete_warp_operations(block, warp);
}

// What a fibre does: it runs one thread, and as long as the next one has not begun, that one too.
void run_threads() {
  const Launch& launch = *current_worker->launch;
  Thread* thread = &current_thread();
  char* stack = thread->stack;
  for (;;) {
    launch.request.entry->call(launch.arguments);
    finish(*thread);
    Thread* next = take_ready(*thread->owner, thread->warp);
    if (next != nullptr && next->stack_pointer == nullptr) {
      next->stack = stack;
      self = thread = next;
      continue;
    }
    current_worker->stacks.give_back(stack);
    void* unused;
    self = next;
    gpunn_fibre_switch(&unused, next ? next->stack_pointer : current_worker->scheduler);
  }
}

void go_to(Thread& thread, void** from) {
  self = &thread;
  if (thread.stack_pointer == nullptr) {
    thread.stack = current_worker->stacks.take();
    thread.stack_pointer = begin_fibre(StackPool::top(thread.stack), run_threads);
  }
  gpunn_fibre_switch(from, thread.stack_pointer);
}

// Run the block's threads until each of them waits for others.
void run_ready(Worker& worker, Block& block) {
  while (block.ready_warps != 0 && !worker.failed) {
    Thread* thread = take_ready(block, pick(worker, block.ready_warps));
    worker.in_kernel = true;
    go_to(*thread, &worker.scheduler);
    worker.in_kernel = false;
  }
}

long block_at(const Launch& launch, long place) {
  switch (launch.request.order) {
    case Order::FORWARD:
      return place;
    case Order::REVERSE:
      return launch.block_count - 1 - place;
    case Order::RANDOM:
      break;
  }
  const auto product = static_cast<unsigned __int128>(place) * launch.block_step;
  return static_cast<long>((product + launch.first_block) % launch.block_count);
}

void begin(Worker& worker, Block& block, long number) {
  const Request& request = worker.launch->request;
  block.number = number;
  block.index = {static_cast<unsigned>(number % request.grid.x),
                 static_cast<unsigned>(number / request.grid.x % request.grid.y),
                 static_cast<unsigned>(number / request.grid.x / request.grid.y)};
  block.alive = block.size;
  block.at_block_barrier = block.at_grid_barrier = 0;
  block.ready_warps = ALL_LANES >> (MAX_WARPS - block.warp_count);
  for (int w = 0; w < block.warp_count; ++w) {
    Warp& warp = block.warps[w];
    warp.alive = warp.ready = warp.lanes;
    warp.posted = 0;
  }
  for (int t = 0; t < block.size; ++t) {
    Thread& thread = block.threads[t];
    thread.block = block.index;
    thread.dynamic_shared = block.dynamic_shared;
    thread.state = State::READY;
    thread.stack_pointer = nullptr;
  }
  worker.random.seed(request.seed * 1000003 + number);
  memset(block.dynamic_shared, POISON, request.dynamic_shared);
  memset(request.module->shared(), POISON, request.module->shared_size);
  if (block.checker) block.checker->begin_block();
}

// Run the block until all its threads have exited, or wait for the other blocks of the grid.
void run(Worker& worker, Block& block) {
  do {
    run_ready(worker, block);
  } while (!worker.failed && block.alive > 0 && block.at_grid_barrier < block.alive &&
           release_block_barrier(block));
}

// Static shared memory is one piece of memory for all blocks of an OS thread: blocks that wait keep
// a copy.
void swap_in(const Module& module, Block& block) {
  memcpy(module.shared(), block.shared_image.data(), module.shared_size);
}

void swap_out(const Module& module, Block& block) {
  block.shared_image.assign(module.shared(), module.shared() + module.shared_size);
}

}  // namespace

void wait(Thread& thread, State state, Place place) {
  if (current_worker->suspicion.what != nullptr) confirm_suspicion("");
  thread.state = state;
  thread.place = place;
  Thread* next = take_ready(*thread.owner, thread.warp);
  if (next != nullptr) {
    go_to(*next, &thread.stack_pointer);
  } else {
    gpunn_fibre_switch(&thread.stack_pointer, current_worker->scheduler);
  }
}

void make_ready(Thread& thread) {
  thread.state = State::READY;
  thread.owner->warps[thread.warp].ready |= 1u << thread.lane;
  thread.owner->ready_warps |= 1u << thread.warp;
}

void run_blocks(Worker& worker) {
  Launch& launch = *worker.launch;
  Block& block = *worker.blocks[0];
  while (!launch.stops && !worker.failed) {
    const long place = launch.next_block++;
    if (place >= launch.block_count) return;
    begin(worker, block, block_at(launch, place));
    run(worker, block);
  }
}

void run_cooperative_blocks(Worker& worker) {
  Launch& launch = *worker.launch;
  const Module& module = *launch.request.module;
  for (long place = 0; place < launch.block_count && !worker.failed; ++place) {
    Block& block = *worker.blocks[place];
    begin(worker, block, block_at(launch, place));
    run(worker, block);
    swap_out(module, block);
  }
  while (!worker.failed && release_grid_barrier(worker)) {
    for (long place = 0; place < launch.block_count && !worker.failed; ++place) {
      Block& block = *worker.blocks[place];
      swap_in(module, block);
      run(worker, block);
      swap_out(module, block);
    }
  }
}

std::string name_of(const Thread& thread) {
  return format("thread (%u, %u, %u)", thread.thread.x, thread.thread.y, thread.thread.z);
}

std::string name_of(const Block& block) {
  return format("block (%u, %u, %u)", block.index.x, block.index.y, block.index.z);
}

void add_report(const Thread& thread, const char* kind, const std::string& variable,
                const std::string& place, const std::string& what) {
  current_worker->launch->reports.add(
      {kind, variable, place, what + ", " + name_of(thread) + ", " + name_of(*thread.owner)});
}

void abandon() {
  current_worker->failed = true;
  current_worker->launch->stops = true;
  void* unused;
  gpunn_fibre_switch(&unused, current_worker->scheduler);
  __builtin_unreachable();
}

}  // namespace gpunn_emulator
