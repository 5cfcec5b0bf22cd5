#include "snapshot.h"

#include <cstring>

namespace gpunn_emulator {

Snapshot::Snapshot(const Request& request) {
  for (uint64_t i = 0; i < request.array_count; ++i) {
    const ArrayArgument& array = request.arrays[i];
    if (array.is_const || array.size == 0) continue;
    pieces_.push_back({&array, {array.address, array.address + array.size}});
  }
}

void Snapshot::put_back() const {
  for (const Piece& piece : pieces_)
    memcpy(piece.array->address, piece.bytes.data(), piece.bytes.size());
}

const ArrayArgument* Snapshot::first_other() const {
  for (const Piece& piece : pieces_) {
    if (memcmp(piece.array->address, piece.bytes.data(), piece.bytes.size()) != 0)
      return piece.array;
  }
  return nullptr;
}

}  // namespace gpunn_emulator
