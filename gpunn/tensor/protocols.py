"""Methods of Tensor: NumPy's, DLPack's and CUDA's array protocols."""

from __future__ import annotations

from gpunn.engine import Variable


class ProtocolMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
