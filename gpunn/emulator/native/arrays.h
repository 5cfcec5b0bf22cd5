// The arrays of a launch with checks: copied far apart from each other, so that an index that is
// wrong by a little or a lot does not land in a neighbour.
#pragma once
#include <vector>

#include "region.h"

namespace gpunn_emulator {

class CheckedArrays {
 public:
  CheckedArrays(const Request& request, const char* arguments);

  // The packed arguments with the addresses of the copies.
  const char* arguments() const { return arguments_.data(); }
  std::vector<Region> regions();
  void copy_back() const;

 private:
  // Arguments that share memory stay together.
  struct Cluster {
    std::vector<const ArrayArgument*> arrays;
    char *begin, *end;
    char* copy;
  };

  void join_overlapping(const Request& request);
  void copy_apart();
  void replace_addresses(const Request& request);

  std::vector<Cluster> clusters_;
  std::vector<char> arguments_;
};

}  // namespace gpunn_emulator
