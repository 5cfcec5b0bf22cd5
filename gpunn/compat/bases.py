"""Names in torch.nn.modules that PyTorch does not promise and that programs ask for all the same, as for
isinstance(layer, _BatchNorm): the classes that layers derive from, and what makes tuples of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gpunn.nn import Linear
from gpunn.nn.conv.layer import ConvLayer
from gpunn.nn.conv.transposed import _ConvTranspose
from gpunn.nn.dropout import _Dropout
from gpunn.nn.loss import _Loss, _WeightedLoss
from gpunn.nn.norm.batch import BatchNorm
from gpunn.nn.norm.instance import InstanceNorm
from gpunn.nn.norm.tracked import TrackedNorm
from gpunn.ops.shape.dims import of_each


def ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function of that name, which makes a tuple of `n` equal elements, or of the elements of an iterable."""

    def parse(x: Any) -> tuple[Any, ...]:
        return of_each(x, n)

    parse.__name__ = name
    return parse


NAMES: Final[dict[str, Any]] = {
    "NonDynamicallyQuantizableLinear": Linear,
    "_BatchNorm": BatchNorm,
    "_ConvNd": ConvLayer,
    "_ConvTransposeNd": _ConvTranspose,
    "_DropoutNd": _Dropout,
    "_InstanceNorm": InstanceNorm,
    "_Loss": _Loss,
    "_NormBase": TrackedNorm,
    "_WeightedLoss": _WeightedLoss,
    "_ntuple": ntuple,
    **{name: ntuple(n, name) for n, name in enumerate(("_single", "_pair", "_triple", "_quadruple"), 1)},
}
