"""Methods of Tensor: the operations of gpunn/ops/indexing."""

from __future__ import annotations

from gpunn.engine import Variable


class IndexingMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
