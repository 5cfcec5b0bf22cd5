"""NVRTC takes every function of the shared device headers, for every architecture and without a warning."""

from pathlib import Path

import pytest

from gpunn.kernels import nvrtc

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
pytestmark = pytest.mark.skipif(nvrtc.problem() is not None, reason=str(nvrtc.problem()))

TEXTS = {
    "ptx": """
#include "ptx.cuh"
extern "C" __global__ void k(float* y, const float* x, unsigned long long* counter, int n) {
  __shared__ __align__(16) float tile[512];
  unsigned r1[1], r2[2], r4[4];
  for (int i = threadIdx.x; i < 512; i += blockDim.x) tile[i] = x[i];
  __syncthreads();
  const float* row = tile + 4 * (threadIdx.x % 32);
  ldmatrix_x1(r1, row);
  y[0] = r1[0];
  ldmatrix_x1_trans(r1, row);
  ldmatrix_x2(r2, row);
  y[1] = r2[0] + r2[1];
  ldmatrix_x2_trans(r2, row);
  ldmatrix_x4(r4, row);
  y[2] = r4[0] + r4[1] + r4[2] + r4[3];
  ldmatrix_x4_trans(r4, row);
  float c[4] = {x[0], x[1], x[2], x[3]};
#if __CUDA_ARCH__ >= 800
  cp_async<16>(tile + 4 * threadIdx.x, x + 4 * threadIdx.x, static_cast<int>(threadIdx.x) < n);
  cp_async<8>(tile, x, n > 3);
  cp_async<4>(tile + 2, x);
  cp_async_commit();
  cp_async_wait<1>();
  cp_async_wait<0>();
  mma_tf32(c, r4, r2, c);
  mma_f16(c, r4, r2, c);
  mma_bf16(c, r4, r2, c);
  r1[0] += to_tf32(c[0]);
#endif
  grid_barrier(counter);
  y[3 + threadIdx.x] = c[0] + c[1] + c[2] + c[3] + r1[0] + tile[threadIdx.x];
}
""",
    "reduce": """
#include "reduce.cuh"
template <class C>
__device__ C all(C x) {
  const Located<C> here{x, threadIdx.x};
  C sum = warp_sum(x) + warp_max<4>(x) + warp_min<8>(x) + block_sum(x) + block_max(x) + block_min(x);
  sum += warp_argmax(here).value + warp_argmin<16>(here).value + block_argmax(here).value + block_argmin(here).value;
  const Moments<C> one = with_number(Moments<C>{0, 0, 0}, x);
  const Scanned<C> scanned = block_scan(x);
  sum += warp_moments<2>(one).mean + block_moments(one).squares;
  return sum + scanned.before + scanned.through + scanned.total;
}
extern "C" __global__ void __launch_bounds__(1024) k(float* y, double* z) {
  y[threadIdx.x] = all(y[threadIdx.x]);
  z[threadIdx.x] = block_sum(z[threadIdx.x]) + block_moments(Moments<double>{0, 0, 0}).mean;
}
""",
    "random": """
#include "random.cuh"
extern "C" __global__ void k(float* y, double* z, unsigned long long seed) {
  y[0] = uniform_draws<float>(seed, 1).at[0] + normal_draws<float>(seed, 2).at[1];
  y[1] = uniform_draws<__nv_bfloat16>(seed, 4).at[3] + normal_draws<__half>(seed, 5).at[0];
  y[2] = uniform_draws<__half>(seed, 3).at[2];
  z[0] = uniform_draws<double>(seed, 1).at[0] + normal_draws<double>(seed, 2).at[1];
}
""",
}


@pytest.mark.parametrize("arch", [75, 80, 90, 100])
@pytest.mark.parametrize("name", TEXTS)
def test_header_compiles_without_a_warning(name, arch):
    compiled = nvrtc.compile(TEXTS[name], arch, (*nvrtc.OPTIONS, f"-I{KERNELS}"))
    assert not compiled.warnings
    assert compiled.resources["k"].spill_stores == 0
