// What the backward of attention needs of the output. Launched by gpunn/ops/attention/launches.py.
// (T, C): (float, float), (double, double), (__half, float), (__nv_bfloat16, float)
// BLOCK: 256
#include "reduce.cuh"

// delta = Σ dy · y of each query. dy, y: (batches, heads, queries, width). A warp takes a row.
// Bytes: 2 * batches * heads * queries * width * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    attention_delta(C* __restrict__ delta, const T* __restrict__ dy, const T* __restrict__ y,
                    int batches, int heads, int queries, int width, long long dy_batch,
                    long long dy_head, long long dy_row, long long y_batch, long long y_head,
                    long long y_row) {
  const long long rows = static_cast<long long>(batches) * heads * queries;
  for (long long row = thread_index() / 32; row < rows; row += thread_count() / 32) {
    const long long head = row / queries, i = row - head * queries;
    const long long b = head / heads, h = head - b * heads;
    const T* a = dy + b * dy_batch + h * dy_head + i * dy_row;
    const T* c = y + b * y_batch + h * y_head + i * y_row;
    C sum = 0;
    for (int e = threadIdx.x % 32; e < width; e += 32) sum += to_compute(a[e]) * to_compute(c[e]);
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) delta[row] = sum;
  }
}
