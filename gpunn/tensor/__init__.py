"""Tensor and its methods, one file a family of operations."""

from gpunn.tensor.core import Tensor as Tensor
from gpunn.tensor.core import is_floating_point as is_floating_point
from gpunn.tensor.core import is_tensor as is_tensor
from gpunn.tensor.size import Size as Size
