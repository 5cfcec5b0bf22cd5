"""Kernels as text, launched on NumPy arrays in the emulator."""

import numpy as np
import pytest

from gpunn.emulator import compiler_problem
from gpunn.emulator.namespace import cupy

needs_compiler = pytest.mark.skipif(compiler_problem() is not None, reason=f"no emulator: {compiler_problem()}")


class Kernels:
    """The kernels of a text; `kernels.name(arguments)` launches one and returns its arrays as they are then."""

    def __init__(self, text, options=(), cooperative=False):
        self._module = cupy.RawModule(code=text, options=tuple(options), enable_cooperative_groups=cooperative)

    def __call__(self, name, *arguments, threads=32, blocks=1):
        """Launch `name`. Arrays are copied and come back; one array comes back alone, several as a list."""
        copies = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        self._module.get_function(name)((blocks,), (threads,), tuple(copies))
        arrays = [cupy.asnumpy(c) for c, a in zip(copies, arguments, strict=True) if isinstance(a, np.ndarray)]
        return arrays[0] if len(arrays) == 1 else arrays


def elementwise(name, result, expression, *types):
    """The text of a kernel run_name: y[i] = expression in x0[i], x1[i], ...: (y, x0, x1, ..., n)."""
    parameters = "".join(f", const {kind}* a{k}" for k, kind in enumerate(types))
    values = "".join(f"    const {kind} x{k} = a{k}[i];\n" for k, kind in enumerate(types))
    return (
        f'extern "C" __global__ void run_{name}({result}* y{parameters}, int n) {{\n'
        f"  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) {{\n"
        f"{values}    y[i] = {expression};\n  }}\n}}\n"
    )


def evaluate(kernels, name, dtype, *arrays):
    """What an `elementwise` kernel makes of the arrays."""
    y = np.zeros(len(arrays[0]), dtype)
    return kernels(f"run_{name}", y, *arrays, np.int32(len(y)), threads=256)[0]
