#include "report.h"

#include <cstdarg>
#include <cstdio>

namespace gpunn_emulator {

std::string format(const char* pattern, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, pattern);
  vsnprintf(buffer, sizeof buffer, pattern, arguments);
  va_end(arguments);
  return buffer;
}

std::string name_of(Place place) { return format("%s:%d", place.file, place.line); }

std::string name_of(const void* code) { return format("{code:%p}", code); }

void Reports::add(const Report& report) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (reports_.size() >= MOST) return;
  if (known_.insert(report.kind + '\t' + report.variable + '\t' + report.place).second) {
    reports_.push_back(report);
  }
}

std::string Reports::text() const {
  std::string all;
  for (const Report& r : reports_) {
    all += r.kind + '\t' + r.variable + '\t' + r.place + '\t' + r.text + '\n';
  }
  return all;
}

}  // namespace gpunn_emulator
