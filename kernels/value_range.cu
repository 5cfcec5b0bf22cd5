// Whether numbers lie in a range. Launched by gpunn/ops/value_range.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "bounds.cuh"
#include "common.cuh"

// Notes the first of n numbers x that is not in [low, high]; a NaN is not, unless `or_nan`. A
// thread looks at a number. Bytes: n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK)
    range_check(const T* __restrict__ x, long long n, double low, double high, bool or_nan,
                unsigned long long* __restrict__ faults, int slot) {
  for (long long i = thread_index(); i < n; i += thread_count()) {
    const double value = to_compute(x[i]);
    if ((value >= low && value <= high) || (or_nan && is_nan(value))) continue;
    note_fault(static_cast<unsigned long long>(__double_as_longlong(value)), i, faults, slot);
  }
}
