"""Methods of Tensor: the operations of gpunn/ops/reduction."""

from __future__ import annotations

from gpunn.engine import Variable


class ReductionMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
