"""The adaptive softmax, for many classes of which some are frequent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype
from gpunn.errors import ArgumentError, ShapeError
from gpunn.nn import functional as F
from gpunn.nn.container.modules import ModuleList, Sequential
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module
from gpunn.ops.creation import zeros
from gpunn.ops.shape.joining import cat
from gpunn.tensor import Tensor


class _ASMoutput(NamedTuple):
    """The logarithm of the probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of `n_classes` classes, numbered by falling frequency, and the loss of targets.

    The head gives the first `cutoffs[0]` classes and a number for each cluster of the others, which end at the further
    cutoffs. Cluster i has a softmax of its own after a projection to in_features // div_value^(i + 1) features, and is
    computed only for those inputs whose target lies in it. E. Grave et al., Efficient softmax approximation for GPUs,
    2017.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: DeviceLike = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        ends = list(cutoffs)
        if not ends:
            raise ArgumentError("cutoffs should be a sequence of length larger than 0")
        if ends != sorted(set(ends)) or ends[0] <= 0 or ends[-1] > n_classes - 1 or any(int(c) != c for c in ends):
            raise ArgumentError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, got {ends} for {n_classes} classes"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            inner = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, False, device, dtype), Linear(inner, high - low, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for layers in self.tail:
            for layer in layers.children():
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """(N, in_features), (N,) → (N,), (); or (in_features,), () → (), ()"""
        self._check(input_, target_)
        is_batch = target_.ndim > 0
        input, target = (input_, target_) if is_batch else (input_.unsqueeze(0), target_.unsqueeze(0))
        if bool(((target < 0) | (target >= self.n_classes)).any()):
            raise ArgumentError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        output = zeros(target.shape[0], dtype=input.dtype, device=input.device)
        column = target
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel():
                column = column.index_fill(0, rows, self.shortlist_size + i)
                inside = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
                own = inside.gather(1, (target.index_select(0, rows) - low).unsqueeze(1)).squeeze(1)
                output = output.to(own.dtype).index_copy(0, rows, own)
        output = output + F.log_softmax(self.head(input), dim=1).gather(1, column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if is_batch else output.squeeze(0), loss)

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.ndim > 1:
            raise ShapeError(f"0D or 1D target tensor expected, multi-target not supported, got {tuple(target.shape)}")
        if target.ndim == 1 and input.ndim and input.shape[0] != target.shape[0]:
            raise ShapeError(
                "Input and target should have the same size in the batch dimension, got "
                f"{tuple(input.shape)} and {tuple(target.shape)}"
            )
        if input.ndim != target.ndim + 1:
            raise ShapeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
                f"{tuple(input.shape)}"
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) → (N, n_classes)"""
        return self._whole(input, self.head(input))

    def _whole(self, input: Tensor, head: Tensor) -> Tensor:
        of_head = F.log_softmax(head, dim=1)
        parts = [of_head[:, : self.shortlist_size]]
        for i, layers in enumerate(self.tail):
            cluster = of_head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(layers(input), dim=1) + cluster)
        return cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each input: (N, in_features) → (N,)

        The clusters are computed only for inputs whose best in the head is a cluster.
        """
        head = self.head(input)
        best = head.argmax(dim=1)
        rows = (best >= self.shortlist_size).nonzero().squeeze(1)
        if not rows.numel():
            return best
        whole = self._whole(input.index_select(0, rows), head.index_select(0, rows))
        return best.index_copy(0, rows, whole.argmax(dim=1))
