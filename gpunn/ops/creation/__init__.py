"""New tensors: filled, counted, laid out as grids, or made from data."""

from gpunn.ops.creation.data import as_tensor as as_tensor
from gpunn.ops.creation.data import asarray as asarray
from gpunn.ops.creation.data import from_dlpack as from_dlpack
from gpunn.ops.creation.data import from_numpy as from_numpy
from gpunn.ops.creation.data import tensor as tensor
from gpunn.ops.creation.filled import empty as empty
from gpunn.ops.creation.filled import empty_like as empty_like
from gpunn.ops.creation.filled import eye as eye
from gpunn.ops.creation.filled import full as full
from gpunn.ops.creation.filled import full_like as full_like
from gpunn.ops.creation.filled import ones as ones
from gpunn.ops.creation.filled import ones_like as ones_like
from gpunn.ops.creation.filled import zeros as zeros
from gpunn.ops.creation.filled import zeros_like as zeros_like
from gpunn.ops.creation.grids import cartesian_prod as cartesian_prod
from gpunn.ops.creation.grids import combinations as combinations
from gpunn.ops.creation.grids import meshgrid as meshgrid
from gpunn.ops.creation.grids import tril_indices as tril_indices
from gpunn.ops.creation.grids import triu_indices as triu_indices
from gpunn.ops.creation.ranges import arange as arange
from gpunn.ops.creation.ranges import linspace as linspace
from gpunn.ops.creation.ranges import logspace as logspace
from gpunn.ops.creation.ranges import range as range
