"""gpunn.utils: recomputation, data loading."""

from gpunn.utils import checkpoint as checkpoint
from gpunn.utils import data as data
