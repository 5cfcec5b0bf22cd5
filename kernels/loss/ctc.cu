// Connectionist temporal classification. Launched by gpunn/ops/loss/ctc.py.
// T: float, double, __half, __nv_bfloat16
// BLOCK: 256
#include "bounds.cuh"
#include "common.cuh"

// A sequence has L = 2 * (number of labels) + 1 states: state 2k is the blank, state 2k + 1 label
// k. All probabilities are logarithms in double; a path moves by one state at most, or over a blank
// between different labels.
__device__ __forceinline__ double log_sum(double a, double b) {
  const double larger = a < b ? b : a, smaller = a < b ? a : b;
  if (smaller == -__longlong_as_double(0x7ff0000000000000LL)) return larger;
  return larger + log1p(exp(smaller - larger));
}

struct Sequence {
  const T* logp;  // (steps, batch, classes), at this sequence
  const long long* labels;
  long long length, states, stride, blank, classes;

  // The class of a state; 0 for a label out of bounds, which the caller notes.
  __device__ __forceinline__ long long label(long long state) const {
    const long long index = state % 2 ? labels[state / 2] : blank;
    return index >= 0 && index < classes ? index : 0;
  }
  __device__ __forceinline__ double at(long long t, long long state) const {
    return to_compute(logp[t * stride + label(state)]);
  }
  // Whether a path may come to `state` from state - 2.
  __device__ __forceinline__ bool may_skip(long long state) const {
    return state > 2 && state % 2 && label(state) != label(state - 2);
  }
};

// alphas[t, s] of sequence n = log of the probability of all beginnings of paths that are in state
// s at time t; losses[n] = -log of that of all paths. alphas: (steps, L) for each sequence, from
// steps * firsts[n] on; labels of sequence n begin at targets[starts[n]]; lengths (2, batch): of
// the inputs and of the labels. A block for each sequence, a thread for each of its states.
// Bytes: steps * states * (16 + sizeof(T)).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    ctc_forward(double* __restrict__ losses, double* __restrict__ alphas,
                const T* __restrict__ logp, const long long* __restrict__ targets,
                const long long* __restrict__ starts, const long long* __restrict__ firsts,
                const long long* __restrict__ lengths, long long steps, long long batch,
                long long classes, long long blank, unsigned long long* faults, int slot) {
  const double none = -__longlong_as_double(0x7ff0000000000000LL);
  for (long long n = blockIdx.x; n < batch; n += gridDim.x) {
    const Sequence q{logp + n * classes,
                     targets + starts[n],
                     lengths[n],
                     2 * lengths[batch + n] + 1,
                     batch * classes,
                     blank,
                     classes};
    for (long long k = threadIdx.x; k < q.states / 2; k += BLOCK) {
      is_in_bounds(q.labels[k], classes, starts[n] + k, faults, slot);
    }
    double* const own = alphas + steps * firsts[n];
    for (long long t = 0; t < q.length; ++t) {
      double* const now = own + t * q.states;
      const double* const before = now - q.states;
      for (long long s = threadIdx.x; s < q.states; s += BLOCK) {
        double sum = s < 2 ? 0.0 : none;
        if (t > 0) {
          sum = before[s];
          if (s > 0) sum = log_sum(sum, before[s - 1]);
          if (q.may_skip(s)) sum = log_sum(sum, before[s - 2]);
        }
        now[s] = sum + q.at(t, s);
      }
      __syncthreads();
    }
    if (threadIdx.x != 0) continue;
    const double* const last = own + q.length * q.states - 1;
    if (q.length == 0) {
      losses[n] = q.states == 1 ? 0.0 : -none;
    } else {
      losses[n] = -(q.states == 1 ? *last : log_sum(last[0], last[-1]));
    }
  }
}

// dx[t, n, c] = (exp(logp) - Σ_s exp(alpha + beta - logp - log p)) * grad[n], s over the states of
// class c, beta the log of the probability of all ends of paths from state s at time t, log p =
// -losses[n]. dx (steps, batch, classes) is 0 before, and stays so beyond the length of a sequence.
// betas is scratch, (3, L) for each sequence from 3 * firsts[n] on: two rows of betas, one of
// exponentials. Threads as in the forward; the first state of each class adds up the class in the
// order of the states. Bytes: steps * (batch * classes * 2 * sizeof(T) + states * 40).
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    ctc_backward(T* __restrict__ dx, double* __restrict__ betas, const double* __restrict__ grad,
                 const double* __restrict__ losses, const double* __restrict__ alphas,
                 const T* __restrict__ logp, const long long* __restrict__ targets,
                 const long long* __restrict__ starts, const long long* __restrict__ firsts,
                 const long long* __restrict__ lengths, long long steps, long long batch,
                 long long classes, long long blank) {
  const double none = -__longlong_as_double(0x7ff0000000000000LL);
  for (long long n = blockIdx.x; n < batch; n += gridDim.x) {
    const Sequence q{logp + n * classes,
                     targets + starts[n],
                     lengths[n],
                     2 * lengths[batch + n] + 1,
                     batch * classes,
                     blank,
                     classes};
    const double* const own = alphas + steps * firsts[n];
    double* const rows = betas + 3 * firsts[n];
    double* const shares = rows + 2 * q.states;
    for (long long t = q.length - 1; t >= 0; --t) {
      double* const now = rows + t % 2 * q.states;
      const double* const after = rows + (t + 1) % 2 * q.states;
      for (long long s = threadIdx.x; s < q.states; s += BLOCK) {
        double sum = s + 2 < q.states ? none : 0.0;
        if (t + 1 < q.length) {
          sum = after[s];
          if (s + 1 < q.states) sum = log_sum(sum, after[s + 1]);
          if (s + 2 < q.states && q.may_skip(s + 2)) sum = log_sum(sum, after[s + 2]);
        }
        now[s] = sum + q.at(t, s);
        shares[s] = exp(own[t * q.states + s] + sum + losses[n]);
      }
      T* const row = dx + t * q.stride + n * classes;
      for (long long c = threadIdx.x; c < classes; c += BLOCK) {
        row[c] = from_compute<T>(
            static_cast<accumulate_t<T>>(exp(to_compute(q.logp[t * q.stride + c])) * grad[n]));
      }
      __syncthreads();
      for (long long s = threadIdx.x; s < q.states; s += BLOCK) {
        const long long label = q.label(s);
        bool is_first = true;
        for (long long other = 0; other < s && is_first; ++other)
          is_first = q.label(other) != label;
        if (!is_first) continue;
        double sum = 0.0;
        for (long long other = s; other < q.states; ++other) {
          if (q.label(other) == label) sum += shares[other];
        }
        row[label] =
            from_compute<T>(static_cast<accumulate_t<T>>((exp(q.at(t, s)) - sum) * grad[n]));
      }
      __syncthreads();
    }
  }
}
