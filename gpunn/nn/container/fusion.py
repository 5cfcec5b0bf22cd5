"""Which layers are computed together: products or batch norms and the ReLU behind them, which works in place.

Not GELU, whose backward needs what it was taken of, so that the product has to be stored all the same; and not the sums
of a batch norm behind a convolution, which would be added in another order than in eager steps, bit for bit.
"""

from __future__ import annotations

from typing import Any, Final

from gpunn.engine import anomaly
from gpunn.errors import GpunnError
from gpunn.nn.activation.piecewise import ReLU
from gpunn.nn.conv.forward import Conv1d, Conv2d, Conv3d
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module
from gpunn.nn.norm.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d

FUSING: Final = frozenset({Linear, Conv1d, Conv2d, Conv3d, BatchNorm1d, BatchNorm2d, BatchNorm3d})
_forward: Final = ReLU.forward


def can_fuse(module: Any, after: Module) -> bool:
    """Whether `after` is a ReLU that `module`, of FUSING, can take over: both as they are, and nobody looks between.

    In anomaly mode, errors name the layer in which an operation ran.
    """
    return type(after) is ReLU and _is_plain(after) and can_have_relu(module)


def can_have_relu(module: Any) -> bool:
    """The same for a `module` of any kind in front of a ReLU that is only called as a function."""
    if type(module) not in FUSING or not _is_plain(module):
        return False
    weight = module._parameters.get("weight")
    is_floating = weight is not None and weight.array.dtype.kind in "fV"
    return is_floating and ReLU.forward is _forward and anomaly.active.get() is None


def _is_plain(module: Module) -> bool:
    return not module._hooks and module._compiled is None and "forward" not in module.__dict__


def fused(module: Any, *inputs: Any) -> Any:
    """relu(module(input)), or of a batch norm relu(module(input) + residual); errors name the module."""
    try:
        return module.with_relu(*inputs)
    except GpunnError as error:
        module._locate(error)
        raise
