// The way back through a layer in one launch. Launched by gpunn/ops/recurrent/persistent.py.
// T: float, __half, __nv_bfloat16
// UNITS: 4, 8
// launch: cooperative
// BLOCK: 256
#include "recurrent/cells.cuh"
#include "recurrent/resident.cuh"

using C = accumulate_t<T>;

// A block has UNITS units of the layer: its columns of the weights stay in shared memory. The
// gradients of the gates go to the other blocks through dh, with a barrier of the grid after each
// step; from them each block makes the gradients of its states of the step before.
constexpr int LANES = BLOCK / (SPLIT * UNITS);

struct Layer {
  T *dx, *dh;          // (rows, gates, hidden): of the sums over the input, over the state before
  T *carry, *dc;       // (batch, hidden): of the last states and memories, in the end of the first
  const T *dy, *kept;  // (rows, hidden), (rows, 4, hidden)
  const T *y, *c, *h_before, *c_before;  // (rows, hidden), null where the cell does not ask
  const T* weight;                       // (gates, hidden, hidden)
  Steps steps;
  int hidden;
};

// The columns of the weights of a group of units, as (UNITS, width), zeros beyond the last.
template <class Cell>
__device__ __forceinline__ void load_weights(T* weights, const Layer& layer, int group, int width) {
  const int hidden = layer.hidden;
  for (int i = threadIdx.x; i < UNITS * width; i += BLOCK) {
    const int own = i % UNITS, k = i / UNITS, unit = group * UNITS + own;
    const bool there = k < Cell::GATES * hidden && unit < hidden;
    weights[own * width + k] =
        there ? layer.weight[static_cast<long long>(k) * hidden + unit] : from_compute<T>(C(0));
  }
}

// One unit in one row. d: the gradient of its state from the gates of the step done after it.
template <class Cell>
__device__ __forceinline__ void finish(const Layer& layer, const Rows& rows, long long row,
                                       int unit, C d) {
  const int hidden = layer.hidden;
  const long long of_sequence = row * hidden + unit, at = (rows.start + row) * hidden + unit;
  d += to_compute(layer.carry[of_sequence]);
  if (row >= rows.count) {  // the sequence began with the step done after
    layer.carry[of_sequence] = from_compute<T>(d);
    return;
  }
  C dx[Cell::GATES], dh[Cell::GATES], kept[4];
#pragma unroll
  for (int g = 0; g < Cell::KEPT; ++g)
    kept[g] = to_compute(layer.kept[((rows.start + row) * Cell::KEPT + g) * hidden + unit]);
  C memory = Cell::HAS_MEMORY ? to_compute(layer.dc[of_sequence]) : C(0);
  const C past = Cell::backward(dx, dh, memory, d + to_compute(layer.dy[at]),
                                layer.y != nullptr ? to_compute(layer.y[at]) : C(0),
                                Cell::HAS_MEMORY ? to_compute(layer.c[at]) : C(0),
                                layer.h_before != nullptr ? to_compute(layer.h_before[at]) : C(0),
                                Cell::HAS_MEMORY ? to_compute(layer.c_before[at]) : C(0), kept);
  layer.carry[of_sequence] = from_compute<T>(past);
  if (Cell::HAS_MEMORY) layer.dc[of_sequence] = from_compute<T>(memory);
#pragma unroll
  for (int g = 0; g < Cell::GATES; ++g) {
    const long long gate = ((rows.start + row) * Cell::GATES + g) * hidden + unit;
    layer.dx[gate] = from_compute<T>(dx[g]);
    if (layer.dh != layer.dx) layer.dh[gate] = from_compute<T>(dh[g]);
  }
}

// A step of a group of units, N rows at a time for each thread. after: the rows of the step that
// was done after it, whose gates have their gradients.
template <class Cell, int N>
__device__ __forceinline__ void run_step(const T* weights, const Layer& layer, const Rows& rows,
                                         const Rows& after, int group, int width, bool by_four) {
  const int split = threadIdx.x % SPLIT, own = threadIdx.x / SPLIT % UNITS;
  const int lane = threadIdx.x / (SPLIT * UNITS), hidden = layer.hidden;
  const int unit = group * UNITS + own, length = Cell::GATES * hidden;
  const long long most = rows.count > after.count ? rows.count : after.count;
  for (long long top = 0; top < most; top += LANES * N) {
    const long long row = top + lane + split * LANES;  // that this thread finishes
    C mine[1] = {}, sums[N][1] = {};
    if (top < after.count) {
      const T* x[N];
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const long long wanted = top + lane + j * LANES;
        const long long there = wanted < after.count ? wanted : after.count - 1;
        x[j] = layer.dh + (after.start + there) * length;
      }
      add_products(sums, weights + own * width, width, x, length, by_four);
      whole_sums(mine, sums);
    }
    const C d = row < after.count ? mine[0] : C(0);
    if (split < N && row < most && unit < hidden) finish<Cell>(layer, rows, row, unit, d);
  }
}

template <class Cell>
__device__ __forceinline__ void run_layer(T* weights, const Layer& layer,
                                          unsigned long long* counter) {
  const int groups = (layer.hidden + UNITS - 1) / UNITS, width = padded(Cell::GATES * layer.hidden);
  const bool stays = groups <= gridDim.x;
  const bool by_four = layer.hidden % 4 == 0 && are_aligned(layer.dh);
  const int last = layer.steps.number - 1;
  for (int step = last; step >= -1; --step) {  // -1: what goes to the states before all steps
    const Rows rows = rows_of(layer.steps, step), after = rows_of(layer.steps, step + 1);
    for (int group = blockIdx.x; group < groups; group += gridDim.x) {
      if (step == last || !stays) {
        __syncthreads();  // the weights of the group before have been used
        load_weights<Cell>(weights, layer, group, width);
        __syncthreads();
      }
      if (rows.count <= LANES && after.count <= LANES) {
        run_step<Cell, 1>(weights, layer, rows, after, group, width, by_four);
      } else {
        run_step<Cell, MOST_ROWS>(weights, layer, rows, after, group, width, by_four);
      }
    }
    if (step >= 0) grid_barrier(counter);
  }
}

// All kernels: the layer as in Layer; a block for UNITS units, UNITS * width elements of shared
// memory, width = gates * hidden rounded up to 32. counter: 0 at first. n = rows * hidden.
// Bytes: 15 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    lstm_backward(T* __restrict__ dx, T* __restrict__ carry, T* __restrict__ dc,
                  unsigned long long* __restrict__ counter, const T* __restrict__ dy,
                  const T* __restrict__ kept, const T* __restrict__ c,
                  const T* __restrict__ c_before, const T* __restrict__ weight,
                  const long long* __restrict__ starts, bool is_reverse, int steps, int hidden,
                  long long n) {
  extern __shared__ uint4 shared[];
  run_layer<LstmCell>(reinterpret_cast<T*>(shared),
                      {dx,
                       dx,
                       carry,
                       dc,
                       dy,
                       kept,
                       nullptr,
                       c,
                       nullptr,
                       c_before,
                       weight,
                       {starts, is_reverse, steps},
                       hidden},
                      counter);
}

// Bytes: 15 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    gru_backward(T* __restrict__ dx, T* __restrict__ dh, T* __restrict__ carry,
                 unsigned long long* __restrict__ counter, const T* __restrict__ dy,
                 const T* __restrict__ kept, const T* __restrict__ h_before,
                 const T* __restrict__ weight, const long long* __restrict__ starts,
                 bool is_reverse, int steps, int hidden, long long n) {
  extern __shared__ uint4 shared[];
  run_layer<GruCell>(reinterpret_cast<T*>(shared),
                     {dx,
                      dh,
                      carry,
                      nullptr,
                      dy,
                      kept,
                      nullptr,
                      nullptr,
                      h_before,
                      nullptr,
                      weight,
                      {starts, is_reverse, steps},
                      hidden},
                     counter);
}

// Bytes: 4 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    tanh_backward(T* __restrict__ dx, T* __restrict__ carry,
                  unsigned long long* __restrict__ counter, const T* __restrict__ dy,
                  const T* __restrict__ y, const T* __restrict__ weight,
                  const long long* __restrict__ starts, bool is_reverse, int steps, int hidden,
                  long long n) {
  extern __shared__ uint4 shared[];
  run_layer<TanhCell>(reinterpret_cast<T*>(shared),
                      {dx,
                       dx,
                       carry,
                       nullptr,
                       dy,
                       nullptr,
                       y,
                       nullptr,
                       nullptr,
                       nullptr,
                       weight,
                       {starts, is_reverse, steps},
                       hidden},
                      counter);
}

// Bytes: 4 * n * sizeof(T).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    relu_backward(T* __restrict__ dx, T* __restrict__ carry,
                  unsigned long long* __restrict__ counter, const T* __restrict__ dy,
                  const T* __restrict__ y, const T* __restrict__ weight,
                  const long long* __restrict__ starts, bool is_reverse, int steps, int hidden,
                  long long n) {
  extern __shared__ uint4 shared[];
  run_layer<ReluCell>(reinterpret_cast<T*>(shared),
                      {dx,
                       dx,
                       carry,
                       nullptr,
                       dy,
                       nullptr,
                       y,
                       nullptr,
                       nullptr,
                       nullptr,
                       weight,
                       {starts, is_reverse, steps},
                       hidden},
                      counter);
}
