"""Tensor and its methods, one file a family of operations."""

from gpunn.tensor.core import Tensor as Tensor
from gpunn.tensor.core import is_tensor as is_tensor
from gpunn.tensor.facts import broadcast_shapes as broadcast_shapes
from gpunn.tensor.facts import get_device as get_device
from gpunn.tensor.facts import is_complex as is_complex
from gpunn.tensor.facts import is_floating_point as is_floating_point
from gpunn.tensor.facts import is_inference as is_inference
from gpunn.tensor.facts import is_nonzero as is_nonzero
from gpunn.tensor.facts import is_same_size as is_same_size
from gpunn.tensor.facts import is_signed as is_signed
from gpunn.tensor.facts import result_type as result_type
from gpunn.tensor.size import Size as Size
