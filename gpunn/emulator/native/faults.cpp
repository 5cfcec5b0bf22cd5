#include "faults.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace gpunn_emulator {

namespace {

constexpr int FAULTS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
constexpr int FAULT_COUNT = 4;
constexpr size_t SIGNAL_STACK = 64 << 10;
constexpr long RETRY = 5000000;  // nanoseconds

struct sigaction handlers_before[FAULT_COUNT + 1];

int time_signal() { return SIGRTMIN + 6; }

struct Fault {
  const char *kind, *what;
};

Fault describe(int signal, const char* address) {
  const Worker& worker = *current_worker;
  if (signal == SIGFPE) return {"division by zero", "integer division by zero"};
  if (signal == SIGILL) return {"illegal instruction", "the compiler found no way to go on here"};
  if (worker.stacks.is_guard(address)) {
    return {"stack overflow", "local arrays of more than 100 KiB, or endless recursion"};
  }
  for (const char* end : worker.dynamic_ends) {
    if (static_cast<size_t>(address - end) < worker.GUARD) {
      return {"out of bounds", "an access past the dynamic shared memory"};
    }
  }
  if (address == nullptr) return {"bad address", "a null pointer or a misaligned address"};
  return {"bad address", "an access to memory that is not there"};
}

#if defined(__x86_64__)
void* running_code(ucontext_t* context) {
  return reinterpret_cast<void*>(context->uc_mcontext.gregs[REG_RIP]);
}

void leave_kernel(ucontext_t* context) {
  context->uc_mcontext.gregs[REG_RSP] = reinterpret_cast<greg_t>(current_worker->scheduler);
  context->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&gpunn_fibre_resume);
}
#else
void* running_code(ucontext_t* context) { return reinterpret_cast<void*>(context->uc_mcontext.pc); }

void leave_kernel(ucontext_t* context) {
  context->uc_mcontext.sp = reinterpret_cast<unsigned long long>(current_worker->scheduler);
  context->uc_mcontext.pc = reinterpret_cast<unsigned long long>(&gpunn_fibre_resume);
}
#endif

void end_launch(ucontext_t* context, const char* kind, const char* what) {
  Worker& worker = *current_worker;
  void* code = running_code(context);
  const Thread& thread = current_thread();
  const bool is_in_module = worker.launch->request.module->holds(code);
  add_report(thread, kind, "", is_in_module ? name_of(code) : "", what);
  worker.failed = true;
  worker.launch->stops = true;
  leave_kernel(context);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  if (current_worker == nullptr || !current_worker->in_kernel) {
    for (int i = 0; i < FAULT_COUNT; ++i) {
      if (FAULTS[i] == signal) sigaction(signal, &handlers_before[i], nullptr);
    }
    return;  // the faulting instruction runs again, and the handler of before gets it
  }
  const Fault fault = describe(signal, static_cast<const char*>(info->si_addr));
  end_launch(static_cast<ucontext_t*>(context), fault.kind, fault.what);
}

// Only code of the kernel is left at once: other code may hold a lock. The timer will try again.
void on_time(int, siginfo_t*, void* context) {
  if (current_worker == nullptr || !current_worker->in_kernel) return;
  auto* user_context = static_cast<ucontext_t*>(context);
  if (!current_worker->launch->request.module->holds(running_code(user_context))) return;
  end_launch(
      user_context, "time limit",
      format("still running after %g seconds", current_worker->launch->request.time_limit).c_str());
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* before) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(signal, &action, before);
}

}  // namespace

FaultHandlers::FaultHandlers() {
  for (int i = 0; i < FAULT_COUNT; ++i) handle(FAULTS[i], on_fault, &handlers_before[i]);
  handle(time_signal(), on_time, &handlers_before[FAULT_COUNT]);
}

FaultHandlers::~FaultHandlers() {
  for (int i = 0; i < FAULT_COUNT; ++i) sigaction(FAULTS[i], &handlers_before[i], nullptr);
  sigaction(time_signal(), &handlers_before[FAULT_COUNT], nullptr);
}

Watch::Watch(Worker& worker) {
  if (!worker.signal_stack) worker.signal_stack.reset(new char[SIGNAL_STACK]);
  stack_t stack = {};
  stack.ss_sp = worker.signal_stack.get();
  stack.ss_size = SIGNAL_STACK;
  sigaltstack(&stack, &before_);

  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = time_signal();
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  has_timer_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  if (!has_timer_) return;
  const double seconds = worker.launch->request.time_limit;
  struct itimerspec times = {};
  times.it_value.tv_sec = static_cast<time_t>(seconds);
  times.it_value.tv_nsec = static_cast<long>((seconds - times.it_value.tv_sec) * 1e9);
  times.it_interval.tv_nsec = RETRY;
  timer_settime(timer_, 0, &times, nullptr);
}

Watch::~Watch() {
  if (has_timer_) timer_delete(timer_);
  sigaltstack(&before_, nullptr);
}

}  // namespace gpunn_emulator
