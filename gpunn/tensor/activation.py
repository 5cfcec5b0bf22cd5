"""Methods of Tensor: the activations that PyTorch has as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn.engine import Variable
from gpunn.ops.activation.piecewise import hardshrink, relu
from gpunn.ops.activation.prelu import prelu
from gpunn.ops.inplace import in_place
from gpunn.ops.softmax import log_softmax, softmax

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


class ActivationMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    hardshrink = hardshrink
    prelu = prelu

    def relu(self) -> Tensor:
        """max(self, 0), elementwise."""
        return relu(self)  # type: ignore[arg-type]

    relu_ = in_place(relu)
    softmax = softmax
    log_softmax = log_softmax
