"""gpunn: neural networks on NumPy and CuPy, with PyTorch's names and numbers."""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from gpunn import amp as amp
from gpunn import autograd as autograd
from gpunn import backends as backends
from gpunn import compat as compat
from gpunn import cuda as cuda
from gpunn import distributions as distributions
from gpunn import func as func
from gpunn import linalg as linalg
from gpunn import nn as nn
from gpunn import optim as optim
from gpunn import serialization as serialization
from gpunn import special as special
from gpunn import train as train
from gpunn import utils as utils
from gpunn import vision as vision
from gpunn.amp import autocast as autocast
from gpunn.backend import device as device
from gpunn.backend import get_default_device as get_default_device
from gpunn.backend import set_default_device as set_default_device
from gpunn.backends import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
from gpunn.backends import get_deterministic_debug_mode as get_deterministic_debug_mode
from gpunn.backends import get_float32_matmul_precision as get_float32_matmul_precision
from gpunn.backends import (
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
)
from gpunn.backends import set_deterministic_debug_mode as set_deterministic_debug_mode
from gpunn.backends import set_float32_matmul_precision as set_float32_matmul_precision
from gpunn.backends import use_deterministic_algorithms as use_deterministic_algorithms
from gpunn.compat.old_names import get_num_threads as get_num_threads
from gpunn.compat.old_names import set_num_threads as set_num_threads
from gpunn.compile import compile as compile
from gpunn.dtypes import bfloat16 as bfloat16
from gpunn.dtypes import bool_ as bool_
from gpunn.dtypes import can_cast as can_cast
from gpunn.dtypes import dtype as dtype
from gpunn.dtypes import finfo as finfo
from gpunn.dtypes import float16 as float16
from gpunn.dtypes import float32 as float32
from gpunn.dtypes import float64 as float64
from gpunn.dtypes import get_default_dtype as get_default_dtype
from gpunn.dtypes import iinfo as iinfo
from gpunn.dtypes import int8 as int8
from gpunn.dtypes import int16 as int16
from gpunn.dtypes import int32 as int32
from gpunn.dtypes import int64 as int64
from gpunn.dtypes import promote_types as promote_types
from gpunn.dtypes import set_default_dtype as set_default_dtype
from gpunn.dtypes import uint8 as uint8
from gpunn.engine import enable_grad as enable_grad
from gpunn.engine import inference_mode as inference_mode
from gpunn.engine import is_grad_enabled as is_grad_enabled
from gpunn.engine import is_inference_mode_enabled as is_inference_mode_enabled
from gpunn.engine import no_grad as no_grad
from gpunn.engine import set_grad_enabled as set_grad_enabled
from gpunn.engine.autocast import clear_autocast_cache as clear_autocast_cache
from gpunn.engine.autocast import get_autocast_dtype as get_autocast_dtype
from gpunn.engine.autocast import is_autocast_cache_enabled as is_autocast_cache_enabled
from gpunn.engine.autocast import is_autocast_enabled as is_autocast_enabled
from gpunn.engine.autocast import set_autocast_cache_enabled as set_autocast_cache_enabled
from gpunn.engine.autocast import set_autocast_dtype as set_autocast_dtype
from gpunn.engine.autocast import set_autocast_enabled as set_autocast_enabled
from gpunn.func import vmap as vmap
from gpunn.io import load as load
from gpunn.io import save as save
from gpunn.ops import *  # noqa: F403
from gpunn.ops import return_types as return_types
from gpunn.ops.shape.conversion import channels_last as channels_last
from gpunn.ops.shape.conversion import channels_last_3d as channels_last_3d
from gpunn.ops.shape.conversion import contiguous_format as contiguous_format
from gpunn.ops.shape.conversion import memory_format as memory_format
from gpunn.ops.shape.conversion import preserve_format as preserve_format
from gpunn.ops.shape.dense import layout as layout
from gpunn.ops.shape.dense import strided as strided
from gpunn.random import default_generator as default_generator
from gpunn.tensor import Size as Size
from gpunn.tensor import Tensor as Tensor
from gpunn.tensor import broadcast_shapes as broadcast_shapes
from gpunn.tensor import get_device as get_device
from gpunn.tensor import is_complex as is_complex
from gpunn.tensor import is_floating_point as is_floating_point
from gpunn.tensor import is_inference as is_inference
from gpunn.tensor import is_nonzero as is_nonzero
from gpunn.tensor import is_same_size as is_same_size
from gpunn.tensor import is_signed as is_signed
from gpunn.tensor import is_tensor as is_tensor
from gpunn.tensor import result_type as result_type
from gpunn.tensor.display import set_printoptions as set_printoptions

__version__ = "0.1.0"

bool = bool_
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
