#include "checker.h"

#include <algorithm>
#include <cstring>

namespace gpunn_emulator {

uint32_t LaunchChecks::last_interval_ = 0;

namespace {

constexpr uint32_t IS_PLACE = 1u << 31;
constexpr ptrdiff_t NEAR = 1 << 20;  // bytes; arrays.cpp keeps arrays farther apart

CellArena cell_arena;
std::vector<Place> places;  // of launches with checks, which one OS thread runs at a time

const char* verb(AccessKind kind) {
  switch (kind) {
    case AccessKind::READ:
      return "read";
    case AccessKind::WRITE:
      return "write";
    case AccessKind::ATOMIC:
      return "atomic operation";
  }
  __builtin_unreachable();
}

bool is_poison(const char* bytes, size_t count) {
  return std::all_of(bytes, bytes + count, [](char byte) { return byte == '\xff'; });
}

}  // namespace

uint32_t code_of(const void* return_address) {
  const Module& module = *current_worker->launch->request.module;
  return static_cast<uint32_t>(static_cast<const char*>(return_address) - 1 - module.image_begin);
}

uint32_t code_of(Place place) {
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].line == place.line && places[i].file == place.file) return i | IS_PLACE;
  }
  places.push_back(place);
  return static_cast<uint32_t>(places.size() - 1) | IS_PLACE;
}

std::string name_of_code(uint32_t code) {
  if (code & IS_PLACE) return name_of(places[code & ~IS_PLACE]);
  return name_of(current_worker->launch->request.module->image_begin + code);
}

LaunchChecks::LaunchChecks(const Request& request, std::vector<Region> arrays, size_t block_count)
    : arrays_(std::move(arrays)), first_interval_(last_interval_ + 1) {
  size_t shared = request.dynamic_shared / 4 + 1;
  for (const SharedVariable& variable : request.module->variables) shared += variable.size / 4 + 1;
  size_t count = shared * block_count;
  for (const Region& array : arrays_) count += array.cell_count();
  cell_arena.reserve(count);
  for (Region& array : arrays_) array.set_cells(cell_arena.take(array.cell_count()));
}

Cell* LaunchChecks::take_cells(size_t count) { return cell_arena.take(count); }

Region* LaunchChecks::find_array(const char* address) {
  if (last_found_ != nullptr && last_found_->holds(address)) return last_found_;
  auto after =
      std::upper_bound(arrays_.begin(), arrays_.end(), address,
                       [](const char* a, const Region& region) { return a < region.begin(); });
  if (after == arrays_.begin() || !(after - 1)->holds(address)) return nullptr;
  return last_found_ = &*(after - 1);
}

const Region* LaunchChecks::nearest_array(const char* address) const {
  const Region* found = nullptr;
  ptrdiff_t least = NEAR;
  for (const Region& array : arrays_) {
    const ptrdiff_t distance = std::max(array.begin() - address, address - array.end());
    if (distance >= least) continue;
    least = distance;
    found = &array;
  }
  return found;
}

bool LaunchChecks::is_new_race(AccessKind kind, uint32_t earlier, uint32_t later) {
  return races_.insert({kind, earlier, later}).second;
}

Checker::Checker(Block& block, LaunchChecks& launch) : block_(block), launch_(launch) {
  const Request& request = block.worker->launch->request;
  if (request.dynamic_shared > 0) {
    shared_.emplace_back(
        Variable{request.dynamic_shared_name, block.dynamic_shared, request.dynamic_shared}, true);
  }
  for (const SharedVariable& variable : request.module->variables) {
    if (variable.name.empty()) continue;
    shared_.emplace_back(
        Variable{variable.name, request.module->shared() + variable.offset, variable.size}, true);
  }
  for (Region& region : shared_) region.set_cells(launch.take_cells(region.cell_count()));
}

void Checker::begin_block() {
  first_interval_ = interval_ = LaunchChecks::next_interval();
  fenced_.reset();
  acquired_.clear();
  for (int w = 0; w < block_.warp_count; ++w) warps_[w].begin();
}

void Checker::block_barrier(const Thread& first) {
  interval_ = LaunchChecks::next_interval();
  if (block_.alive == block_.size) return;
  add_report(first, "barrier after exit", "", name_of(first.place),
             format("__syncthreads after %d of %d threads have exited", block_.size - block_.alive,
                    block_.size));
}

void Checker::warp_barrier(const Warp& warp, unsigned lanes) {
  warps_[&warp - block_.warps].synchronise(lanes, lanes == warp.alive);
}

void Checker::memory_fence() { fenced_.set(current_thread().number); }

// The release and acquire of a __threadfence and an atomic operation.
void Checker::order_by_atomic(const char* address) {
  Releases& releases = launch_.releases_at(address);
  if (!releases.is_empty()) acquired_.add(releases);
  if (!fenced_[current_thread().number]) return;
  releases.add(acquired_);
  releases.add(now(false, 0).access.thread, interval_);
}

void Checker::end_thread(const Thread& thread) {
  if (thread.copies.empty()) return;
  const PendingCopy& copy = thread.copies[0];
  const bool is_committed = !thread.groups.empty() && thread.groups.back() > 0;
  add_report(thread, "cp.async", variable_at(copy.target), name_of(copy.place),
             is_committed ? "a copy that its thread never waited for"
                          : "a copy that its thread never committed");
}

Moment Checker::now(bool is_shared, uint32_t code) const {
  const Thread& thread = current_thread();
  const WarpOrder& warp = warps_[thread.warp];
  const auto number = static_cast<ThreadNumber>(block_.number) * MAX_THREADS + thread.number;
  return {{number, interval_, warp.stamp(), code},
          is_shared ? first_interval_ : launch_.first_interval(),
          &warp,
          &acquired_};
}

Region* Checker::find_shared(const char* address) {
  for (Region& region : shared_) {
    if (region.holds(address)) return &region;
  }
  return nullptr;
}

Region* Checker::find(const char* address) {
  Region* shared = find_shared(address);
  return shared ? shared : launch_.find_array(address);
}

// Constants and variables of the module, what a thread knows of itself, and the packed arguments.
bool Checker::is_unchecked(const char* address) const {
  const Launch& launch = *block_.worker->launch;
  for (const SharedVariable& variable : launch.request.module->variables) {
    const char* begin = launch.request.module->shared() + variable.offset;
    if (variable.name.empty() && static_cast<size_t>(address - begin) < variable.size) return true;
  }
  const Entry& entry = *launch.request.entry;
  const size_t arguments = entry.count > 0 ? entry.parameters[entry.count - 1].offset +
                                                 entry.parameters[entry.count - 1].size
                                           : 0;
  return static_cast<size_t>(address - reinterpret_cast<const char*>(&block_)) < sizeof(Block) ||
         launch.request.module->holds(address) || address == reinterpret_cast<const char*>(&self) ||
         static_cast<size_t>(address - launch.arguments) < arguments;
}

void Checker::access(const void* pointer, size_t size, AccessKind kind, uint32_t code) {
  const char* address = static_cast<const char*>(pointer);
  Region* region = find(address);
  if (region == nullptr) {
    if (is_unchecked(address)) return;
    report_outside(address, size, kind, code);
  }
  if (address + size > region->end()) report_outside(address, size, kind, code);
  if (kind == AccessKind::ATOMIC && !region->is_shared()) order_by_atomic(address);
  check_cells(*region, address, size, kind, code);
}

void Checker::check_cells(Region& region, const char* address, size_t size, AccessKind kind,
                          uint32_t code) {
  if (kind != AccessKind::READ && region.variable(address, size).is_const) {
    const Variable& variable = region.variable(address, size);
    report("write through const", variable.name, code,
           format("%s of ", verb(kind)) + describe(variable, address));
  }
  const Moment moment = now(region.is_shared(), code);
  auto [cell, end] = region.cells(address, size);
  const size_t step = size_t{1} << region.shift();
  for (; cell != end; ++cell, address += step) {
    if (kind != AccessKind::WRITE) check_initialised(region, *cell, address, code);
    if (region.is_shared() && cell->is_pending(first_interval_)) {
      const Variable& variable = region.variable(address, step);
      report("cp.async", variable.name, code,
             format("%s of ", verb(kind)) + describe(variable, address) + " before the copy of " +
                 name_of_code(cell->pending_code) + " has been waited for");
    }
    Access earlier;
    if (note(*cell, kind, moment, earlier) != nullptr &&
        launch_.is_new_race(kind, earlier.code, code)) {
      report_race(region.variable(address, step), address, kind, earlier, code);
    }
  }
}

void Checker::check_initialised(const Region& region, Cell& cell, const char* address,
                                uint32_t code) {
  if (region.is_shared()) {
    if (cell.write.interval >= first_interval_ || cell.is_pending(first_interval_)) return;
    const Variable& variable = region.variable(address, 1);
    report("uninitialised", variable.name, code,
           "read of " + describe(variable, address) + ", which nobody has written");
    cell.write = {NOBODY, interval_, 0, code};
    return;
  }
  if (cell.write.interval >= launch_.first_interval()) return;
  const Variable& variable = region.variable(address, 1);
  const size_t element = variable.element_size, offset = address - variable.begin;
  if (!variable.is_poisoned || element == 0 || offset % element != 0) return;
  if (!variable.holds(address, element) || !is_poison(address, element)) return;
  report("uninitialised", variable.name, code,
         "read of " + describe(variable, address) + ", which nobody has written since cupy.empty");
}

void Checker::report_race(const Variable& variable, const char* address, AccessKind kind,
                          const Access& earlier, uint32_t code) {
  const Dim3 shape = block_.worker->launch->request.block;
  const unsigned number = earlier.thread % MAX_THREADS;
  std::string other = format("thread (%u, %u, %u)", number % shape.x, number / shape.x % shape.y,
                             number / shape.x / shape.y);
  const ThreadNumber own_block =
      static_cast<ThreadNumber>(block_.number) % (NOBODY / MAX_THREADS + 1);
  if (block_of(earlier.thread) != own_block)
    other += format(" of block %u", block_of(earlier.thread));
  report("race", variable.name, code,
         format("%s of ", verb(kind)) + describe(variable, address) + ", which " + other +
             " accesses at " + name_of_code(earlier.code) + " with nothing to order the two");
}

void Checker::report(const char* kind, const std::string& variable, uint32_t code,
                     const std::string& what) {
  add_report(current_thread(), kind, variable, name_of_code(code), what);
}

// What an address beside everything was probably meant to be in.
const Variable* Checker::nearest(const char* address) {
  const Module& module = *block_.worker->launch->request.module;
  const bool is_static = static_cast<size_t>(address - module.shared()) < module.shared_size;
  const Region* found = nullptr;
  ptrdiff_t least = is_static ? NEAR : 256;
  for (const Region& region : shared_) {
    const ptrdiff_t distance = std::max(region.begin() - address, address - region.end());
    if (distance >= least) continue;
    least = distance;
    found = &region;
  }
  if (found == nullptr) found = launch_.nearest_array(address);
  return found ? &found->variable(address, 1) : nullptr;
}

void Checker::report_outside(const char* address, size_t size, AccessKind kind, uint32_t code) {
  const Variable* variable = nearest(address);
  const std::string what = format("%s of %zu bytes at ", verb(kind), size);
  if (variable != nullptr) {
    report("out of bounds", variable->name, code, what + describe_outside(*variable, address));
  } else if (reinterpret_cast<size_t>(address) < 1 << 16) {
    report("out of bounds", "", code, what + "a null pointer");
  } else {
    report("out of bounds", "", code,
           what + format("%p, which is in no array", static_cast<const void*>(address)));
  }
  abandon();
}

void Checker::begin_copy(const PendingCopy& copy) {
  const uint32_t code = code_of(copy.place);
  if (copy.bytes > 0) access(copy.source, copy.bytes, AccessKind::READ, code);
  Region* target = find_shared(copy.target);
  if (target == nullptr || copy.target + copy.size > target->end()) {
    if (find(copy.target) == nullptr || target != nullptr)
      report_outside(copy.target, copy.size, AccessKind::WRITE, code);
    trap("cp.async to memory that is not shared", copy.place);
  }
  access(copy.target, copy.size, AccessKind::WRITE, code);
  auto [cell, end] = target->cells(copy.target, copy.size);
  for (; cell != end; ++cell) {
    cell->pending_interval = interval_;
    cell->pending_code = code;
  }
}

void Checker::finish_copy(const PendingCopy& copy) {
  const uint32_t code = code_of(copy.place);
  auto [cell, end] = find_shared(copy.target)->cells(copy.target, copy.size);
  for (; cell != end; ++cell) cell->pending_interval = 0;
  access(copy.target, copy.size, AccessKind::WRITE, code);
  if (copy.bytes > 0) access(copy.source, copy.bytes, AccessKind::READ, code);
}

std::string Checker::shared_variable_near(const void* pointer) {
  const char* address = static_cast<const char*>(pointer);
  const Module& module = *block_.worker->launch->request.module;
  const bool is_static = static_cast<size_t>(address - module.shared()) < module.shared_size;
  const Variable* variable = is_static || find_shared(address) ? nearest(address) : nullptr;
  return variable ? variable->name : "";
}

std::string Checker::variable_at(const void* pointer) {
  const char* address = static_cast<const char*>(pointer);
  const Region* region = find(address);
  return region ? region->variable(address, 1).name : "";
}

}  // namespace gpunn_emulator
