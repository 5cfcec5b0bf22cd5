// What stands in the arrays of a launch, so that it can run again from there.
#pragma once
#include <vector>

#include "launch_state.h"

namespace gpunn_emulator {

class Snapshot {
 public:
  // All arrays that the kernel may write to, as they are now.
  explicit Snapshot(const Request& request);

  void put_back() const;
  // The first array in which something else stands now; null if there is none.
  const ArrayArgument* first_other() const;

 private:
  struct Piece {
    const ArrayArgument* array;
    std::vector<char> bytes;
  };

  std::vector<Piece> pieces_;
};

}  // namespace gpunn_emulator
