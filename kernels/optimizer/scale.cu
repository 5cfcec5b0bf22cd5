// The scale of mixed precision from step to step. Launched by gpunn/ops/gradients.py.
// BLOCK: 32
#include "common.cuh"

// found[0] != 0: scale[0] *= backoff, tracker[0] = 0. Else tracker[0] counts; at `interval` it
// starts anew, and scale[0] *= growth unless that is infinite. One thread. Bytes: 12.
extern "C" __global__ void __launch_bounds__(BLOCK)
    update_scale(float* scale, int* tracker, const float* found, double growth, double backoff,
                 int interval) {
  if (thread_index() != 0) return;
  const double now = scale[0];
  if (found[0] != 0.0f) {
    scale[0] = static_cast<float>(now * backoff);
    tracker[0] = 0;
    return;
  }
  const int count = tracker[0] + 1;
  tracker[0] = count == interval ? 0 : count;
  if (count != interval) return;
  const float grown = static_cast<float>(now * growth);
  if (grown - grown == 0.0f) scale[0] = grown;
}
