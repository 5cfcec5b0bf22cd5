// What a launch has to say: faults of the kernel, each with its place.
#pragma once
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime.h"

namespace gpunn_emulator {

// printf into a string.
__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

std::string name_of(Place place);
// An address of code; the loader, which can read the module's line table, puts file:line there.
std::string name_of(const void* code);

// `place`: file:line or a code address by name_of. `variable` may be empty.
struct Report {
  std::string kind, variable, place, text;
};

// The reports of one launch, from all its OS threads; one for each kind, variable and place.
class Reports {
 public:
  static constexpr size_t MOST = 50;

  void add(const Report& report);
  bool empty() const { return reports_.empty(); }
  // One line a report, its four parts separated by tabs.
  std::string text() const;

 private:
  std::mutex mutex_;
  std::vector<Report> reports_;
  std::set<std::string> known_;
};

}  // namespace gpunn_emulator
