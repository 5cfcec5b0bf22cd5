#include "region.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace gpunn_emulator {

namespace {

constexpr size_t KEPT_CELLS = 64 << 20;  // bytes of cells that stay mapped from launch to launch

}  // namespace

void CellArena::reserve(size_t count) {
  used_ = 0;
  const size_t kept = KEPT_CELLS / sizeof(Cell);
  if (count <= capacity_ && (capacity_ <= kept || count > kept)) return;
  if (cells_ != nullptr) munmap(cells_, capacity_ * sizeof(Cell));
  capacity_ = count > kept ? count : kept;
  void* memory = mmap(nullptr, capacity_ * sizeof(Cell), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  cells_ = static_cast<Cell*>(memory);
}

Cell* CellArena::take(size_t count) {
  Cell* cells = cells_ + used_;
  used_ += count;
  return cells;
}

Region::Region(Variable variable, bool is_shared)
    : begin_(variable.begin), size_(variable.size), is_shared_(is_shared) {
  if (variable.element_size == 1 || variable.element_size == 2) shift_ = variable.element_size - 1;
  variables_.push_back(std::move(variable));
}

const Variable& Region::variable(const char* address, size_t bytes) const {
  const Variable* found = &variables_[0];
  for (const Variable& candidate : variables_) {
    if (!candidate.holds(address, bytes)) continue;
    found = &candidate;
    if (!candidate.is_const) break;
  }
  return *found;
}

void Region::add(Variable variable) {
  size_ = std::max(end(), variable.begin + variable.size) - begin_;
  const bool has_name = !variable.name.empty();
  variables_.insert(has_name ? variables_.begin() : variables_.end(), std::move(variable));
}

std::pair<Cell*, Cell*> Region::cells(const char* address, size_t bytes) {
  const size_t offset = address - begin_;
  if (((offset | bytes) & ((1u << shift_) - 1)) != 0) refine(offset | bytes);
  return {cells_ + (offset >> shift_), cells_ + ((offset + bytes) >> shift_)};
}

void Region::refine(size_t offset_and_bytes) {
  const unsigned finer = static_cast<unsigned>(__builtin_ctzll(offset_and_bytes));
  const size_t parts = size_t{1} << (shift_ - finer), count = cell_count();
  const Cell* before = cells_;
  refined_.push_back(std::make_unique<Cell[]>(count * parts));
  cells_ = refined_.back().get();
  for (size_t i = 0; i < count * parts; ++i) cells_[i] = before[i / parts];
  shift_ = finer;
}

std::string describe(const Variable& variable, const char* address) {
  const size_t offset = address - variable.begin;
  if (variable.element_size > 0) {
    return format("%s[%zu]", variable.name.c_str(), offset / variable.element_size);
  }
  return format("byte %zu of %s", offset, variable.name.c_str());
}

std::string describe_outside(const Variable& variable, const char* address) {
  const char* end = variable.begin + variable.size;
  std::string where;
  if (address < variable.begin) {
    where = format("%td bytes before its start", variable.begin - address);
  } else if (address >= end) {
    where = format("%td bytes past its end", address - end);
  } else {
    where = format("across its end, from byte %td", address - variable.begin);
  }
  const std::string extent =
      variable.element_size > 0
          ? format("%zu elements of %d bytes", variable.size / variable.element_size,
                   variable.element_size)
          : format("%zu bytes", variable.size);
  return variable.name + ", " + where + " (" + extent + ")";
}

}  // namespace gpunn_emulator
