// The runtime's face to Python: open a module, launch a kernel.
#include <cxxabi.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>

#include "arrays.h"
#include "checker.h"
#include "faults.h"
#include "scheduler.h"
#include "snapshot.h"

namespace gpunn_emulator {

namespace {

std::mutex launch_mutex;  // one launch at a time, whatever the number of Python threads
std::vector<std::unique_ptr<Worker>> workers;

// In a child of fork() the mutex is free, and no launch is half done.
void install_fork_handlers() {
  static const bool installed = [] {
    auto lock = [] { launch_mutex.lock(); };
    auto unlock = [] { launch_mutex.unlock(); };
    return pthread_atfork(lock, unlock, unlock) == 0;
  }();
  (void)installed;
}

// Denormals become zero while this lives, as -ftz=true has it on a GPU; on a CPU in double too.
class FlushDenormals {
 public:
  explicit FlushDenormals(bool flushes) : before_(read()) {
    if (flushes) write(before_ | BITS);
  }
  ~FlushDenormals() { write(before_); }

 private:
#if defined(__x86_64__)
  static constexpr unsigned BITS = 0x8040;  // MXCSR: FTZ, DAZ
  static unsigned read() { return __builtin_ia32_stmxcsr(); }
  static void write(unsigned word) { __builtin_ia32_ldmxcsr(word); }
#else
  static constexpr unsigned long BITS = 1ul << 24;  // FPCR: FZ
  static unsigned long read() {
    unsigned long word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(unsigned long word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#endif
  decltype(read()) before_;
};

char* map_dynamic_shared() {
  const size_t size = (MAX_SHARED + Worker::GUARD - 1) / Worker::GUARD * Worker::GUARD;
  void* memory = mmap(nullptr, size + Worker::GUARD, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  char* end = static_cast<char*>(memory) + size;
  mprotect(end, Worker::GUARD, PROT_NONE);
  return end;
}

void prepare_threads(Block& block, const Request& request) {
  const Dim3 shape = request.block;
  for (int t = 0; t < block.size; ++t) {
    Thread& thread = block.threads[t];
    thread.thread = {t % shape.x, t / shape.x % shape.y, t / shape.x / shape.y};
    thread.block_size = shape;
    thread.grid_size = request.grid;
    thread.lane = t % WARP;
    thread.owner = &block;
    thread.number = t;
    thread.warp = t / WARP;
  }
  for (int w = 0; w < block.warp_count; ++w) {
    const int lanes = std::min(WARP, block.size - w * WARP);
    block.warps[w].lanes = ALL_LANES >> (WARP - lanes);
  }
}

void prepare(Worker& worker, Launch& launch) {
  const Request& request = launch.request;
  const size_t count = request.is_cooperative ? launch.block_count : 1;
  worker.launch = &launch;
  worker.failed = false;
  while (worker.blocks.size() < count) {
    worker.blocks.push_back(std::make_unique<Block>());
    worker.dynamic_ends.push_back(map_dynamic_shared());
  }
  for (size_t b = 0; b < count; ++b) {
    Block& block = *worker.blocks[b];
    block.worker = &worker;
    block.size = static_cast<int>(request.block.x * request.block.y * request.block.z);
    block.warp_count = (block.size + WARP - 1) / WARP;
    block.dynamic_shared = worker.dynamic_ends[b] - (request.dynamic_shared + 15) / 16 * 16;
    prepare_threads(block, request);
    block.checker = launch.checks ? std::make_unique<Checker>(block, *launch.checks) : nullptr;
  }
}

// After a failure threads are left in the middle of the kernel.
void forget(Worker& worker) {
  worker.stacks.give_back_all();
  worker.suspicion = {};
  for (auto& block : worker.blocks) {
    for (Thread& thread : block->threads) {
      thread.copies.clear();
      thread.groups.clear();
    }
  }
}

// What each OS thread of a launch does.
void work(Worker& worker, Launch& launch) {
  prepare(worker, launch);
  current_worker = &worker;
  {
    Watch watch(worker);
    FlushDenormals flush(launch.request.flushes_denormals);
    if (launch.request.is_cooperative) {
      run_cooperative_blocks(worker);
    } else {
      run_blocks(worker);
    }
  }
  if (worker.failed) forget(worker);
  current_worker = nullptr;
  self = nullptr;
}

// Blocks in random order: first, first + step, first + 2 * step, ... modulo their number.
void choose_block_order(Launch& launch) {
  Random random;
  random.seed(launch.request.seed);
  const long count = launch.block_count;
  launch.first_block = random.below(static_cast<unsigned>(std::min(count, 0x7fffffffl)));
  launch.block_step = 1;
  for (int attempt = 0; attempt < 8 && count > 2; ++attempt) {
    const long step = 1 + random.below(static_cast<unsigned>(std::min(count - 1, 0x7fffffffl)));
    if (std::gcd(step, count) == 1) {
      launch.block_step = step;
      return;
    }
  }
}

void run(Launch& launch) {
  const size_t count =
      std::max<size_t>(1, std::min<size_t>(launch.request.workers, launch.block_count));
  while (workers.size() < count) workers.push_back(std::make_unique<Worker>());
  FaultHandlers handlers;
  std::vector<std::thread> others;
  for (size_t w = 1; w < count; ++w) {
    others.emplace_back([&launch, w] { work(*workers[w], launch); });
  }
  work(*workers[0], launch);
  for (std::thread& other : others) other.join();
}

void run_checked(Launch& launch) {
  CheckedArrays arrays(launch.request, launch.arguments);
  launch.arguments = arrays.arguments();
  const size_t resident = launch.request.is_cooperative ? launch.block_count : 1;
  LaunchChecks checks(launch.request, arrays.regions(), resident);
  launch.checks = &checks;
  run(launch);
  arrays.copy_back();
}

// Run once; the text of the reports.
std::string run_once(const Request& request, const char* arguments) {
  Launch launch(request, arguments);
  launch.block_count = static_cast<long>(request.grid.x) * request.grid.y * request.grid.z;
  choose_block_order(launch);
  if (request.checks) {
    run_checked(launch);
  } else {
    run(launch);
  }
  return launch.reports.text();
}

// Run from the same memory in one random order after the other, until one leaves other bits.
std::string run_in_orders(const Request& request, const char* arguments) {
  const Snapshot before(request);
  std::string text = run_once(request, arguments);
  const Snapshot after(request);
  for (uint64_t number = 1; number < request.orders && text.empty(); ++number) {
    Request other = request;
    other.seed += number << 48;
    before.put_back();
    text = run_once(other, arguments);
    const ArrayArgument* array = after.first_other();
    if (array == nullptr || !text.empty()) continue;
    Reports reports;
    reports.add({"order", array->name, "",
                 format("random order %lu leaves other bits in %s than the first",
                        static_cast<unsigned long>(number), array->name)});
    text = reports.text();
  }
  return text;
}

struct ModuleSearch {
  Module* module;
  const char* anchor;
};

int describe_image(dl_phdr_info* info, size_t, void* data) {
  auto& search = *static_cast<ModuleSearch*>(data);
  const char* base = reinterpret_cast<const char*>(info->dlpi_addr);
  const char *code = reinterpret_cast<const char*>(search.module->anchor), *end = base;
  size_t shared_size = 0;
  bool is_ours = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    const char* begin = base + header.p_vaddr;
    if (header.p_type == PT_TLS) shared_size = header.p_memsz;
    if (header.p_type != PT_LOAD) continue;
    end = std::max(end, begin + header.p_memsz);
    is_ours = is_ours || (code >= begin && code < begin + header.p_memsz);
  }
  if (!is_ours) return 0;
  search.module->anchor_offset = search.anchor - static_cast<const char*>(info->dlpi_tls_data);
  search.module->shared_size = shared_size;
  search.module->image_begin = base;
  search.module->image_end = end;
  return 1;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// Describe the loaded module that `anchor` is a function of. It is never unloaded.
Module* gpunn_open(char* (*anchor)()) {
  auto* module = new Module{};
  module->anchor = anchor;
  ModuleSearch search{module, anchor()};
  dl_iterate_phdr(describe_image, &search);
  return module;
}

// Where the module lies in memory.
size_t gpunn_image(const Module* module) { return reinterpret_cast<size_t>(module->image_begin); }

// Let the module have a static shared variable; needed for checks.
void gpunn_add_variable(Module* module, size_t offset, size_t size, const char* name) {
  module->variables.push_back({offset, size, name});
}

// Run a kernel; its reports as text, null if there are none. The text lives until this OS thread's
// next launch.
const char* gpunn_launch(const Request* request, const char* arguments) {
  static thread_local std::string text;
  install_fork_handlers();
  std::lock_guard<std::mutex> lock(launch_mutex);
  text = request->orders > 1 ? run_in_orders(*request, arguments) : run_once(*request, arguments);
  return text.empty() ? nullptr : text.c_str();
}

// A symbol of C++ as text, in `out`; the symbol itself if it is none.
void gpunn_demangle(const char* symbol, char* out, size_t out_size) {
  int status = 0;
  char* text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  strncpy(out, text ? text : symbol, out_size - 1);
  out[out_size - 1] = 0;
  free(text);
}

}  // extern "C"
#pragma GCC visibility pop

}  // namespace gpunn_emulator
