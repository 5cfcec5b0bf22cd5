"""Captured steps: `step = gp.compile(train_step)` records forward, backward, clipping, optimizer in one CUDA graph.

A small network spends its time in Python and in launches, not on the GPU; a graph is launched as a whole. On the CPU
the function runs as it is.

None of this has run on a GPU yet: it is tested on the emulated one, whose stream capture refuses what CUDA and CuPy
refuse. How much it gains is not measured.
"""

from gpunn.capture import CaptureError as CaptureError
from gpunn.compile import in_place as in_place
from gpunn.compile.step import compile as compile
