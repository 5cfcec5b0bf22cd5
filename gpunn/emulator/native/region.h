// Pieces of memory that a kernel may touch: array arguments, shared variables; each with a cell for
// every few bytes.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cells.h"

namespace gpunn_emulator {

// Memory for cells. It is not cleared between launches: what it holds is told by its interval
// numbers.
class CellArena {
 public:
  // Forget all pieces; there will be `count` cells at least.
  void reserve(size_t count);
  Cell* take(size_t count);

 private:
  Cell* cells_ = nullptr;
  size_t capacity_ = 0, used_ = 0;
};

// An array argument, or a shared variable.
struct Variable {
  std::string name;
  char* begin;
  size_t size;
  int element_size = 0;  // 0: unknown
  bool is_const = false;
  bool is_poisoned = false;  // see ArrayArgument

  bool holds(const char* address, size_t bytes) const {
    return address >= begin && address + bytes <= begin + size;
  }
};

// Variables that share memory (arguments may), or a single one, and their cells.
class Region {
 public:
  Region(Variable variable, bool is_shared);

  char* begin() const { return begin_; }
  char* end() const { return begin_ + size_; }
  bool is_shared() const { return is_shared_; }
  bool holds(const char* address) const { return static_cast<size_t>(address - begin_) < size_; }
  // The variable that holds these bytes and may be written, else one that holds them, else the
  // first.
  const Variable& variable(const char* address, size_t bytes) const;

  // Add a variable that begins in the region, or at its end.
  void add(Variable variable);

  size_t cell_count() const { return (size_ >> shift_) + 1; }
  void set_cells(Cell* cells) { cells_ = cells; }
  // The cells of an access; each stands for 4 bytes, or fewer once smaller pieces have been
  // accessed.
  std::pair<Cell*, Cell*> cells(const char* address, size_t bytes);
  unsigned shift() const { return shift_; }

 private:
  void refine(size_t offset_and_bytes);

  char* begin_;
  size_t size_;
  bool is_shared_;
  unsigned shift_ = 2;  // of bytes to cells
  Cell* cells_ = nullptr;
  std::vector<Variable> variables_;
  std::vector<std::unique_ptr<Cell[]>> refined_;
};

// "x[3]", or "byte 12 of tile" where the size of the elements is not known.
std::string describe(const Variable& variable, const char* address);
// "x, 4 bytes past its end (64 elements of 4 bytes)"
std::string describe_outside(const Variable& variable, const char* address);

}  // namespace gpunn_emulator
