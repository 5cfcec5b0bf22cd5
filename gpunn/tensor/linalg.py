"""Methods of Tensor: the operations of gpunn/ops/linalg."""

from __future__ import annotations

from gpunn.engine import Variable


class LinalgMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
