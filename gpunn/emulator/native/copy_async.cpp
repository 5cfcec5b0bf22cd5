// cp.async: copies that arrive when their thread waits for their group, not earlier.
#include <cstring>

#include "checker.h"
#include "scheduler.h"

namespace gpunn_emulator {

namespace {

bool is_aligned(const void* address, unsigned size) {
  return reinterpret_cast<size_t>(address) % size == 0;
}

void arrive(const PendingCopy& copy) {
  memcpy(copy.target, copy.source, copy.bytes);
  memset(copy.target + copy.bytes, 0, copy.size - copy.bytes);
}

}  // namespace

void copy_async(void* target, const void* source, unsigned size, unsigned bytes, Place place) {
  if (size != 4 && size != 8 && size != 16) trap("cp.async copies 4, 8 or 16 bytes", place);
  if (bytes > size) trap("cp.async copies at most as many bytes as it writes", place);
  if (!is_aligned(target, size) || !is_aligned(source, size)) {
    trap("cp.async with an address that is no multiple of its size", place);
  }
  Thread& thread = current_thread();
  const PendingCopy copy{static_cast<char*>(target), static_cast<const char*>(source), size, bytes,
                         place};
  if (thread.owner->checker) thread.owner->checker->begin_copy(copy);
  thread.copies.push_back(copy);
}

void copy_async_commit() {
  Thread& thread = current_thread();
  thread.groups.push_back(thread.copies.size());
}

void copy_async_wait(int groups_left) {
  Thread& thread = current_thread();
  const size_t left = groups_left, count = thread.groups.size();
  if (count <= left) return;
  const size_t done = count - left, end = thread.groups[done - 1];
  for (size_t i = 0; i < end; ++i) {
    if (thread.owner->checker) thread.owner->checker->finish_copy(thread.copies[i]);
    arrive(thread.copies[i]);
  }
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + end);
  thread.groups.erase(thread.groups.begin(), thread.groups.begin() + done);
  for (size_t& group : thread.groups) group -= end;
}

}  // namespace gpunn_emulator
