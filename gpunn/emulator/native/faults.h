// Faults of the processor and the time limit: they end the launch with a report, not the process.
#pragma once
#include <csignal>
#include <ctime>

#include "scheduler.h"

namespace gpunn_emulator {

// While it lives, the process's signal handlers are ours; outside launches everything is as it was.
class FaultHandlers {
 public:
  FaultHandlers();
  ~FaultHandlers();
};

// While it lives, this OS thread handles signals on a stack of its own, and its time is limited.
class Watch {
 public:
  explicit Watch(Worker& worker);
  ~Watch();

 private:
  stack_t before_;
  timer_t timer_;
  bool has_timer_;
};

}  // namespace gpunn_emulator
