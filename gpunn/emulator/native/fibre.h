// Fibres: stacks that one OS thread switches between, far faster than the system switches threads.
#pragma once
#include <cstddef>
#include <vector>

namespace gpunn_emulator {

// Leave the running stack, keep in `*from` where it goes on, and go on with the stack `to`.
extern "C" void gpunn_fibre_switch(void** from, void* to);
// The second half of gpunn_fibre_switch: with the stack pointer at a left stack, go on there.
extern "C" void gpunn_fibre_resume();

// A stack below `top` that runs `body`, which never returns, when it is switched to.
void* begin_fibre(char* top, void (*body)());

// Stacks for the fibres of one OS thread, each with a guard page below it.
class StackPool {
 public:
  static constexpr size_t SIZE = 128 << 10;

  char* take();  // the lower end of a stack
  void give_back(char* stack) { free_.push_back(stack); }
  void give_back_all();
  bool is_guard(const char* address) const;
  // The address from which the stack grows. Tops lie at different places of their pages: caches map
  // addresses that are a page apart to one set.
  static char* top(char* stack);

 private:
  static constexpr int CHUNK = 64;  // stacks that are mapped at once

  void map_chunk();

  std::vector<char*> chunks_, free_;
};

}  // namespace gpunn_emulator
