#include "arrays.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace gpunn_emulator {

namespace {

constexpr size_t GAP = 2 << 20;    // bytes between arrays, at least
constexpr size_t ALIGNMENT = 512;  // of CuPy's memory: a copy lies as its original does
constexpr size_t KEPT = 64 << 20;  // bytes that stay mapped from launch to launch

char* arena = nullptr;
size_t arena_size = 0;

// Memory for `size` bytes. What is never touched costs nothing.
char* reserve_arena(size_t size) {
  if (size <= arena_size && (arena_size <= KEPT || size > KEPT)) return arena;
  if (arena != nullptr) munmap(arena, arena_size);
  arena_size = std::max(size, KEPT);
  void* memory = mmap(nullptr, arena_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return arena = static_cast<char*>(memory);
}

size_t arguments_size(const Entry& entry) {
  if (entry.count == 0) return 0;
  const Parameter& last = entry.parameters[entry.count - 1];
  return last.offset + last.size;
}

}  // namespace

CheckedArrays::CheckedArrays(const Request& request, const char* arguments)
    : arguments_(arguments, arguments + arguments_size(*request.entry)) {
  join_overlapping(request);
  const bool leads_elsewhere = std::any_of(request.arrays, request.arrays + request.array_count,
                                           [](const ArrayArgument& a) { return a.parameter < 0; });
  if (leads_elsewhere) return;  // a table of addresses knows nothing of copies
  copy_apart();
  replace_addresses(request);
}

void CheckedArrays::join_overlapping(const Request& request) {
  std::vector<const ArrayArgument*> sorted;
  for (uint64_t i = 0; i < request.array_count; ++i) sorted.push_back(&request.arrays[i]);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto* a, auto* b) { return a->address < b->address; });
  for (const ArrayArgument* array : sorted) {
    char* end = array->address + array->size;
    if (!clusters_.empty() && array->address < clusters_.back().end) {
      clusters_.back().arrays.push_back(array);
      clusters_.back().end = std::max(clusters_.back().end, end);
    } else {
      clusters_.push_back({{array}, array->address, end, array->address});
    }
  }
}

void CheckedArrays::copy_apart() {
  size_t size = GAP;
  for (const Cluster& cluster : clusters_)
    size += cluster.end - cluster.begin + GAP + 2 * ALIGNMENT;
  char* place = reserve_arena(size) + GAP;
  for (Cluster& cluster : clusters_) {
    place +=
        (reinterpret_cast<size_t>(cluster.begin) - reinterpret_cast<size_t>(place)) % ALIGNMENT;
    cluster.copy = place;
    memcpy(place, cluster.begin, cluster.end - cluster.begin);
    place += cluster.end - cluster.begin + GAP;
  }
}

void CheckedArrays::replace_addresses(const Request& request) {
  for (const Cluster& cluster : clusters_) {
    for (const ArrayArgument* array : cluster.arrays) {
      char* address = cluster.copy + (array->address - cluster.begin);
      memcpy(&arguments_[request.entry->parameters[array->parameter].offset], &address,
             sizeof address);
    }
  }
}

std::vector<Region> CheckedArrays::regions() {
  std::vector<Region> regions;
  for (const Cluster& cluster : clusters_) {
    for (size_t i = 0; i < cluster.arrays.size(); ++i) {
      const ArrayArgument& a = *cluster.arrays[i];
      Variable variable{a.name,          cluster.copy + (a.address - cluster.begin),
                        a.size,          a.element_size,
                        a.is_const != 0, a.is_poisoned != 0};
      if (i == 0) {
        regions.emplace_back(std::move(variable), false);
      } else {
        regions.back().add(std::move(variable));
      }
    }
  }
  return regions;
}

void CheckedArrays::copy_back() const {
  for (const Cluster& cluster : clusters_) {
    const bool is_const = std::all_of(cluster.arrays.begin(), cluster.arrays.end(),
                                      [](auto* array) { return array->is_const != 0; });
    if (cluster.copy != cluster.begin && !is_const) {
      memcpy(cluster.begin, cluster.copy, cluster.end - cluster.begin);
    }
  }
}

}  // namespace gpunn_emulator
