"""Methods of Tensor: repr as PyTorch prints it."""

from __future__ import annotations

from gpunn.engine import Variable


class DisplayMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()
