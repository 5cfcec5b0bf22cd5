"""Methods of Tensor: the activations that PyTorch has as methods."""

from __future__ import annotations

from gpunn.engine import Variable
from gpunn.ops.activation.piecewise import hardshrink, relu
from gpunn.ops.activation.prelu import prelu
from gpunn.ops.inplace import in_place
from gpunn.ops.softmax import log_softmax, softmax


class ActivationMethods(Variable):
    """Mixin of Tensor."""

    __slots__ = ()

    hardshrink = hardshrink
    prelu = prelu
    relu = relu
    relu_ = in_place(relu)
    softmax = softmax
    log_softmax = log_softmax
