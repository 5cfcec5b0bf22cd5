"""The array operations that are public as `gpunn.<name>`, one line each."""

from gpunn.ops.arithmetic.binary import add as add
from gpunn.ops.arithmetic.binary import mul as mul
from gpunn.ops.creation import tensor as tensor
from gpunn.ops.shape.conversion import clone as clone
from gpunn.ops.shape.conversion import detach as detach
from gpunn.ops.shape.expand import expand as expand
from gpunn.ops.shape.expand import sum_to_size as sum_to_size

__all__ = sorted(name for name, value in globals().items() if callable(value) and name[0] != "_")
