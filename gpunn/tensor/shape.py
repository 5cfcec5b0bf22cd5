"""Methods of Tensor: the operations of gpunn/ops/shape."""

from __future__ import annotations

from gpunn.engine import Variable


class ShapeMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
