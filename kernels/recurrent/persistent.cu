// All steps of a recurrent layer in one launch. Launched by gpunn/ops/recurrent/persistent.py.
// T: float, __half, __nv_bfloat16
// UNITS: 4, 8
// launch: cooperative
// BLOCK: 256
#include "recurrent/cells.cuh"
#include "recurrent/resident.cuh"

using C = accumulate_t<T>;

// A block has UNITS units of the layer: its rows of the weights stay in shared memory, and it
// computes these units in every step. The states go to the other blocks through y, with a barrier
// of the grid after each step.
constexpr int LANES = BLOCK / (SPLIT * UNITS);

struct Layer {
  T *y, *c, *kept;  // (rows, hidden), (rows, hidden), (rows, 4, hidden)
  const T *from_input, *first,
      *memory;             // (rows, gates, hidden), the states before: (batch, hidden)
  const T *weight, *bias;  // (gates, hidden, hidden), (gates, hidden) or null
  Steps steps;
  bool keeps;  // `kept` is written
  int hidden;
};

// What is in `later` if the sequence has had a step, else in `first`.
__device__ __forceinline__ const T* before(const Rows& rows, const T* later, const T* first,
                                           long long row, int hidden) {
  return row < rows.count ? later + (rows.start + row) * hidden : first + row * hidden;
}

// The rows of the weights of a group of units, as (gates, UNITS, width), zeros beyond the last.
template <class Cell>
__device__ __forceinline__ void load_weights(T* weights, const Layer& layer, int group, int width) {
  const int hidden = layer.hidden;
  for (int i = threadIdx.x; i < Cell::GATES * UNITS * width; i += BLOCK) {
    const int k = i % width, unit = group * UNITS + i / width % UNITS, gate = i / width / UNITS;
    const bool there = k < hidden && unit < hidden;
    const long long row = static_cast<long long>(gate) * hidden + unit;
    weights[i] = there ? layer.weight[row * hidden + k] : from_compute<T>(C(0));
  }
}

// One unit in one row: all but the sums over the state before.
template <class Cell>
__device__ __forceinline__ void finish(const Layer& layer, const Rows& rows, const Rows& done,
                                       long long row, int unit, const C (&x)[Cell::GATES],
                                       C (&h)[Cell::GATES]) {
  const int hidden = layer.hidden;
  C kept[4];
  if (layer.bias != nullptr) {
#pragma unroll
    for (int g = 0; g < Cell::GATES; ++g) h[g] += to_compute(layer.bias[g * hidden + unit]);
  }
  const C h_before = to_compute(before(done, layer.y, layer.first, row, hidden)[unit]);
  C memory = C(0);
  if (Cell::HAS_MEMORY) memory = to_compute(before(done, layer.c, layer.memory, row, hidden)[unit]);
  const long long at = (rows.start + row) * hidden + unit;
  layer.y[at] = from_compute<T>(Cell::forward(x, h, h_before, memory, kept));
  if (Cell::HAS_MEMORY) layer.c[at] = from_compute<T>(memory);
  if (!layer.keeps) return;
#pragma unroll
  for (int g = 0; g < Cell::KEPT; ++g)
    layer.kept[((rows.start + row) * Cell::KEPT + g) * hidden + unit] = from_compute<T>(kept[g]);
}

// A step of a group of units, N rows at a time for each thread. done: the rows of the step before.
template <class Cell, int N>
__device__ __forceinline__ void run_step(const T* weights, const Layer& layer, const Rows& rows,
                                         const Rows& done, int group, int width, bool by_four) {
  const int split = threadIdx.x % SPLIT, own = threadIdx.x / SPLIT % UNITS;
  const int lane = threadIdx.x / (SPLIT * UNITS), hidden = layer.hidden;
  const int unit = group * UNITS + own;
  for (long long top = 0; top < rows.count; top += LANES * N) {
    const long long row = top + lane + split * LANES;  // that this thread finishes
    const bool finishes = split < N && row < rows.count && unit < hidden;
    C x[Cell::GATES] = {}, mine[Cell::GATES] = {}, sums[N][Cell::GATES] = {};
#pragma unroll
    for (int g = 0; g < Cell::GATES; ++g) {
      const long long at = ((rows.start + row) * Cell::GATES + g) * hidden + unit;
      if (finishes) x[g] = to_compute(layer.from_input[at]);
    }
    const T* h[N];
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const long long wanted = top + lane + j * LANES;
      const long long there = wanted < rows.count ? wanted : rows.count - 1;
      h[j] = before(done, layer.y, layer.first, there, hidden);
    }
    add_products(sums, weights + own * width, UNITS * width, h, hidden, by_four);
    whole_sums(mine, sums);
    if (finishes) finish<Cell>(layer, rows, done, row, unit, x, mine);
  }
}

template <class Cell>
__device__ __forceinline__ void run_layer(T* weights, const Layer& layer,
                                          unsigned long long* counter) {
  const int groups = (layer.hidden + UNITS - 1) / UNITS, width = padded(layer.hidden);
  const bool stays = groups <= gridDim.x;
  const bool by_four = layer.hidden % 4 == 0 && are_aligned(layer.y, layer.first);
  Rows done = {0, 0};
  for (int step = 0; step < layer.steps.number; ++step) {
    const Rows rows = rows_of(layer.steps, step);
    for (int group = blockIdx.x; group < groups; group += gridDim.x) {
      if (step == 0 || !stays) {
        __syncthreads();  // the weights of the group before have been used
        load_weights<Cell>(weights, layer, group, width);
        __syncthreads();
      }
      if (rows.count <= LANES) {
        run_step<Cell, 1>(weights, layer, rows, done, group, width, by_four);
      } else {
        run_step<Cell, MOST_ROWS>(weights, layer, rows, done, group, width, by_four);
      }
    }
    done = rows;
    if (step + 1 < layer.steps.number) grid_barrier(counter);
  }
}

// All kernels: the layer as in Layer; a block for UNITS units, gates * UNITS * width elements of
// shared memory, width = hidden rounded up to 32. counter: 0 at first. n = rows * hidden.
// Bytes: 15 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    lstm_forward(T* __restrict__ y, T* __restrict__ c, T* __restrict__ kept,
                 unsigned long long* __restrict__ counter, const T* __restrict__ from_input,
                 const T* __restrict__ first, const T* __restrict__ memory,
                 const T* __restrict__ weight, const long long* __restrict__ starts,
                 bool is_reverse, int steps, int hidden, bool keeps, long long n) {
  extern __shared__ uint4 shared[];
  run_layer<LstmCell>(reinterpret_cast<T*>(shared),
                      {y,
                       c,
                       kept,
                       from_input,
                       first,
                       memory,
                       weight,
                       nullptr,
                       {starts, is_reverse, steps},
                       keeps,
                       hidden},
                      counter);
}

// Bytes: 12 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    gru_forward(T* __restrict__ y, T* __restrict__ kept, unsigned long long* __restrict__ counter,
                const T* __restrict__ from_input, const T* __restrict__ first,
                const T* __restrict__ weight, const T* __restrict__ bias,
                const long long* __restrict__ starts, bool is_reverse, int steps, int hidden,
                bool keeps, long long n) {
  extern __shared__ uint4 shared[];
  run_layer<GruCell>(reinterpret_cast<T*>(shared),
                     {y,
                      nullptr,
                      kept,
                      from_input,
                      first,
                      nullptr,
                      weight,
                      bias,
                      {starts, is_reverse, steps},
                      keeps,
                      hidden},
                     counter);
}

// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    tanh_forward(T* __restrict__ y, unsigned long long* __restrict__ counter,
                 const T* __restrict__ from_input, const T* __restrict__ first,
                 const T* __restrict__ weight, const long long* __restrict__ starts,
                 bool is_reverse, int steps, int hidden, long long n) {
  extern __shared__ uint4 shared[];
  run_layer<TanhCell>(reinterpret_cast<T*>(shared),
                      {y,
                       nullptr,
                       nullptr,
                       from_input,
                       first,
                       nullptr,
                       weight,
                       nullptr,
                       {starts, is_reverse, steps},
                       false,
                       hidden},
                      counter);
}

// Bytes: 3 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    relu_forward(T* __restrict__ y, unsigned long long* __restrict__ counter,
                 const T* __restrict__ from_input, const T* __restrict__ first,
                 const T* __restrict__ weight, const long long* __restrict__ starts,
                 bool is_reverse, int steps, int hidden, long long n) {
  extern __shared__ uint4 shared[];
  run_layer<ReluCell>(reinterpret_cast<T*>(shared),
                      {y,
                       nullptr,
                       nullptr,
                       from_input,
                       first,
                       nullptr,
                       weight,
                       nullptr,
                       {starts, is_reverse, steps},
                       false,
                       hidden},
                      counter);
}
