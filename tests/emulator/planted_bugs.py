"""Small kernels with one bug each, and beside each its correct twin.

`## name: kind, variable` begins a bug, with what the report must say; after semicolons stands what is special in
the launch. Lines that begin with `-` are in the bug only, those with `+` in the twin only. The report names the line
with `// here`. Parameters are (float* y, const float* x, int n) unless others are given; arrays hold `size` elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"## (\w+): ([a-z. ]+)(?:, ([\w ]+))?((?:; .+)*)")


@dataclass(frozen=True)
class Bug:
    """One bug: what the report must say, the text, and how the kernel is launched."""

    name: str
    kind: str
    variable: str
    text: str
    grid: int = 1
    block: int = 64
    shared: int = 0
    size: int = 64
    parameters: str = "float* y, const float* x, int n"

    def body(self, is_bug: bool) -> str:
        """The kernel's body, of the bug or of the twin."""
        kept, left_out = ("-", "+") if is_bug else ("+", "-")
        lines = [line for line in self.text.splitlines() if not line.startswith(left_out)]
        return "\n".join(line.removeprefix(kept) for line in lines)

    @property
    def line(self) -> int:
        """The line of the report; the signature is line 1."""
        lines = self.body(True).splitlines()
        return next(number for number, line in enumerate(lines, 2) if "// here" in line)


def kernels(bugs: list[Bug], is_bug: bool) -> str:
    """All kernels as one text; each has a file name of its own."""
    return "".join(
        f'#line 1 "{bug.name}.cu"\nextern "C" __global__ void {bug.name}({bug.parameters}) {{\n{bug.body(is_bug)}\n}}\n'
        for bug in bugs
    )


def parse(texts: str) -> list[Bug]:
    """The bugs of a text in the format above."""
    bugs = []
    for header, *lines in (part.splitlines() for part in re.split(r"^(?=## )", texts, flags=re.M)[1:]):
        match = _HEADER.fullmatch(header)
        special = dict(option.split(" ", 1) for option in match[4].split("; ")[1:])
        options = {key: int(value) if value.isdigit() else value for key, value in special.items()}
        bugs.append(Bug(match[1], match[2], match[3] or "", "\n".join(lines), **options))
    return bugs


_RACES = """
## missing_syncthreads: race, tile
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
+ __syncthreads();
  y[threadIdx.x] = tile[63 - threadIdx.x];  // here
## missing_syncthreads_before_reuse: race, tile
  __shared__ float tile[64];
  float sum = 0;
  for (int k = 0; k < 2; ++k) {
+   __syncthreads();
    tile[threadIdx.x] = x[threadIdx.x] + k;  // here
    __syncthreads();
    sum += tile[63 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
## missing_syncwarp: race, tile
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
+ __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x ^ 1];  // here
## shuffle_orders_no_memory: race, tile
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
- float other = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
+ float other = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1); __syncwarp();
  y[threadIdx.x] = other + tile[threadIdx.x ^ 1];  // here
## syncwarp_across_warps: race, tile
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
- __syncwarp();
+ __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x ^ 32];  // here
## syncwarp_of_other_lanes: race, tile
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
  const unsigned half = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
- const int partner = threadIdx.x ^ 16;
+ const int partner = threadIdx.x ^ 8;
  __syncwarp(half);
  y[threadIdx.x] = tile[partner];  // here
## order_passed_on_by_lanes: race, cell; block 32; size 32
  __shared__ float cell;
  if (threadIdx.x == 0) { cell = x[0]; __syncwarp(0x3); }
  if (threadIdx.x == 1) { __syncwarp(0x3); __syncwarp(0x6); }
- if (threadIdx.x == 2) { cell = x[2]; __syncwarp(0x6); }  // here
+ if (threadIdx.x == 2) { __syncwarp(0x6); cell = x[2]; }
  __syncthreads();
  y[threadIdx.x] = cell;
## write_after_reads_of_many_lanes: race, cell; block 32; size 32
  __shared__ float cell;
  if (threadIdx.x == 0) cell = x[0];
  __syncthreads();
  y[threadIdx.x] = cell;
+ __syncthreads();
  if (threadIdx.x == 5) cell = 1.0f;  // here
## write_after_a_read_of_another_warp: race, cell
  __shared__ float cell;
  if (threadIdx.x == 0) cell = x[0];
  __syncthreads();
  float sum = 0;
  if (threadIdx.x % 32 == 7) sum = cell;
- __syncwarp();
+ __syncthreads();
  if (threadIdx.x == 39) cell = 1.0f;  // here
  y[threadIdx.x] = sum;
## neighbouring_halves: race, tile
  __shared__ __half tile[65];
  tile[threadIdx.x] = __float2half(x[threadIdx.x]);
- tile[threadIdx.x + 1] = __float2half(0.0f);  // here
  __syncthreads();
  y[threadIdx.x] = __half2float(tile[threadIdx.x]);
## two_blocks_write_one_element: race, y; grid 2; size 128
- y[threadIdx.x] = x[threadIdx.x] + blockIdx.x;  // here
+ y[blockIdx.x * 64 + threadIdx.x] = x[threadIdx.x] + blockIdx.x;
## sum_without_atomics: race, y; grid 2
  if (threadIdx.x == 0 && blockIdx.x == 0) n = 1;
- *y += x[threadIdx.x];  // here
+ atomicAdd(y, x[threadIdx.x]);
## plain_read_of_an_atomic_counter: race, count
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);
+ __syncthreads();
  y[threadIdx.x] = count;  // here
## last_block_without_fence: race, y; grid 4
  __shared__ bool is_last;
  if (threadIdx.x == 0) {
    y[1 + blockIdx.x] = x[blockIdx.x];
+   __threadfence();
    is_last = atomicAdd(reinterpret_cast<unsigned*>(y), 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last || threadIdx.x > 0) return;
  float sum = 0;
  for (int b = 0; b < gridDim.x; ++b) sum += y[1 + b];  // here
  y[32] = sum;
"""

_BOUNDS = """
## past_the_end: out of bounds, y; block 96
-
+ if (threadIdx.x < n)
  y[threadIdx.x] = x[threadIdx.x % n];  // here
## before_the_start: out of bounds, x
- const int i = threadIdx.x;
+ const int i = max(1, threadIdx.x);
  y[threadIdx.x] = x[i - 1];  // here
## far_outside: out of bounds, x
- const int i = threadIdx.x + 1000;
+ const int i = threadIdx.x;
  y[threadIdx.x] = x[i];  // here
## vector_across_the_end: out of bounds, x; size 66
- const int last = n / 4;
+ const int last = n / 4 - 1;
  if (threadIdx.x > last) return;
  const float4 v = reinterpret_cast<const float4*>(x)[threadIdx.x];  // here
  y[threadIdx.x] = v.w;
## shared_row_too_long: out of bounds, tile
  __shared__ float tile[8][8];
  tile[threadIdx.x / 8][threadIdx.x % 8] = x[threadIdx.x];
  __syncthreads();
- const int column = threadIdx.x % 8 + 1;
+ const int column = threadIdx.x % 8;
  y[threadIdx.x] = tile[threadIdx.x / 8][column];  // here
## past_a_shared_array: out of bounds, tile
  __shared__ float tile[64];
  float* own = tile + threadIdx.x;
- own[1] = x[threadIdx.x];  // here
+ own[0] = x[threadIdx.x];
  y[threadIdx.x] = *own;
## too_little_dynamic_shared: out of bounds, buffer; shared 256
  extern __shared__ float buffer[];
- buffer[threadIdx.x * 2] = x[threadIdx.x];  // here
+ buffer[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = x[threadIdx.x];
## local_array_index: out of bounds
  float taps[4] = {1, 2, 3, 4};
- const int k = threadIdx.x % 5;
+ const int k = threadIdx.x % 4;
  y[threadIdx.x] = taps[k];  // here
## null_pointer: out of bounds
- const float* p = n < 0 ? x : nullptr;
+ const float* p = x;
  y[threadIdx.x] = p[threadIdx.x];  // here
## write_through_const: write through const, x
- const_cast<float*>(x)[threadIdx.x] = 1.0f;  // here
+ y[threadIdx.x] = x[threadIdx.x];
## misaligned_vector: misaligned, x
- const float* source = x + 1;
+ const float* source = x;
  if (threadIdx.x >= n / 4 - 1) return;
  const float4 v = reinterpret_cast<const float4*>(source)[threadIdx.x];  // here
  y[threadIdx.x] = v.x;
## table_leads_outside: out of bounds, an array of float32; block 96; parameters float* const* rows, int n
- if (threadIdx.x <= n) rows[1][threadIdx.x] = rows[0][threadIdx.x];  // here
+ if (threadIdx.x < n) rows[1][threadIdx.x] = rows[0][threadIdx.x];
"""

_UNWRITTEN = """
## unwritten_shared: uninitialised, tile
  __shared__ float tile[65];
  tile[threadIdx.x] = x[threadIdx.x];
+ if (threadIdx.x == 0) tile[64] = 0;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x + 1];  // here
## unwritten_dynamic_shared: uninitialised, counts; shared 256
  extern __shared__ int counts[];
+ counts[threadIdx.x] = 0;
+ __syncthreads();
  atomicAdd(&counts[threadIdx.x / 2], 1);  // here
  __syncthreads();
  y[threadIdx.x] = counts[threadIdx.x];
## unwritten_output: uninitialised, y
- y[threadIdx.x] += x[threadIdx.x];  // here
+ y[threadIdx.x] = x[threadIdx.x];
"""

_BARRIERS = """
## divergent_barrier: divergent barrier
- if (threadIdx.x < 32) {
-   __syncthreads();
- } else {
-   __syncthreads();  // here
- }
+ __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
## barrier_of_half_a_warp: deadlock
- if (threadIdx.x % 32 < 16)
    __syncthreads();
  y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);  // here
## barrier_after_exit: barrier after exit
- if (threadIdx.x >= n - 1) return;
  __syncthreads();  // here
+ if (threadIdx.x >= n - 1) return;
  y[threadIdx.x] = x[threadIdx.x];
## shuffle_in_a_branch: deadlock
  float value = x[threadIdx.x];
- if (threadIdx.x % 2 == 0)
    value = __shfl_xor_sync(0xffffffffu, value, 2);  // here
- else __syncthreads();
  y[threadIdx.x] = value;
## mask_without_the_caller: trap
- const unsigned mask = 0x0000ffffu;
+ const unsigned mask = 0xffffffffu;
  y[threadIdx.x] = __shfl_sync(mask, x[threadIdx.x], 0);  // here
## masks_that_differ: deadlock
- const unsigned mask = threadIdx.x % 32 < 16 ? 0xffffffffu : 0xffff0000u;
+ const unsigned mask = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  y[threadIdx.x] = __shfl_xor_sync(mask, x[threadIdx.x], 1);  // here
  __syncthreads();
## grid_barrier_in_an_ordinary_launch: trap
- gpunn_emulator::grid_barrier({"grid_barrier_in_an_ordinary_launch.cu", 2});  // here
  y[threadIdx.x] = x[threadIdx.x];
## endless_loop: time limit
- volatile int zero = 0;
- while (zero == 0) {}  // here
  y[threadIdx.x] = x[threadIdx.x];
## integer_division_by_zero: division by zero
- const int rows = 64 / (n - 64);  // here
+ const int rows = 1;
  y[threadIdx.x] = x[threadIdx.x] * rows;
"""

_COPY = """
  __shared__ __align__(16) float tile[2][64];
  if (threadIdx.x < 32) {
    for (int stage = 0; stage < 2; ++stage) {
      gpunn_emulator::cp_async<4>(&tile[stage][threadIdx.x], x + 32 * stage + threadIdx.x);  // COPY
      gpunn_emulator::cp_async_commit();  // COMMIT
    }
    gpunn_emulator::cp_async_wait<0>();  // WAIT
    __syncwarp();  // ORDER
    y[threadIdx.x] = tile[0][threadIdx.x ^ 1];  // FIRST
    y[threadIdx.x + 32] = tile[1][threadIdx.x ^ 1];  // SECOND
  }
"""


def _copy_bug(name: str, mark: str, bug: str, here: str) -> Bug:
    """The double-buffered copy with another line in place of the one marked so."""
    lines = []
    for line in _COPY.splitlines():
        marked = f"{line.partition('//')[0]}// here" if f"// {here}" in line else line
        lines += [f"-{bug}", f"+{marked}"] if f"// {mark}" in line else [marked]
    return Bug(name, "race" if mark == "ORDER" else "cp.async", "tile", "\n".join(lines))


_COPIES = [
    _copy_bug("copy_not_waited_for", "WAIT", "", "FIRST"),
    _copy_bug("copy_waited_for_too_early", "WAIT", "gpunn_emulator::cp_async_wait<1>();", "SECOND"),
    _copy_bug("copy_not_committed", "COMMIT", "", "FIRST"),
    _copy_bug("copy_not_ordered", "ORDER", "", "FIRST"),
    _copy_bug("copy_never_used", "WAIT", "return;", "COPY"),
]

ALL = [*parse(_RACES), *parse(_BOUNDS), *parse(_UNWRITTEN), *parse(_BARRIERS), *_COPIES]
