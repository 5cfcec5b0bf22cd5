"""Which layers of a Sequential are computed together in captured steps: products and the ReLU behind them.

Not GELU, whose backward needs what it was taken of, so that the product has to be stored all the same; and not the sums
of a batch norm behind a convolution, which would be added in another order than in eager steps, bit for bit.
"""

from __future__ import annotations

from typing import Any, Final

from gpunn.errors import GpunnError
from gpunn.nn.activation import ReLU
from gpunn.nn.conv.forward import Conv1d, Conv2d, Conv3d
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module

PRODUCTS: Final = (Linear, Conv1d, Conv2d, Conv3d)


def can_fuse(module: Module | None, after: Module | None) -> bool:
    """Whether `after` is a ReLU that `module`, a product, can take over: both as they are, and nobody looks between."""
    if type(after) is not ReLU or not isinstance(module, PRODUCTS) or type(module) not in PRODUCTS:
        return False
    return _is_plain(module) and _is_plain(after) and module.weight.is_floating_point()


def _is_plain(module: Module) -> bool:
    return not module._hooks and module._compiled is None and "forward" not in module.__dict__


def fused(module: Any, input: Any) -> Any:
    """relu(module(input)); errors name the module."""
    try:
        return module.with_relu(input)
    except GpunnError as error:
        module._locate(error)
        raise
