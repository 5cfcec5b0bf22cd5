"""Connectionist temporal classification: the probability of labels without their places in time.

Source: A. Graves, S. Fernández, F. Gomez, J. Schmidhuber, Connectionist temporal classification, ICML 2006.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gpunn import capture, dtypes, kernels
from gpunn.backend import Array, any_cuda, array_module, asnumpy, is_cuda
from gpunn.engine import Function, Variable
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from gpunn.kernels import bounds
from gpunn.ops.loss.arguments import must_be_tensors, reduction_name
from gpunn.ops.reduction.sums import mean, sum
from gpunn.ops.value_range import check_range

if TYPE_CHECKING:
    from gpunn.tensor import Tensor

FILE: Final = "loss/ctc"
BLOCK: Final = 256


class Labels:
    """The labels of all sequences one after the other, where each begins, and lengths (2, N): of inputs and labels.

    A sequence has L = 2 * (its labels) + 1 states: a kernel puts those of sequence i from `firsts[i]` on, of `states`
    in all. Starts, lengths and firsts are on the host, or where log_probs is.
    """

    def __init__(self, targets: Array, starts: Any, lengths: Any, firsts: Any, states: int, blank: int) -> None:
        self.targets, self.starts, self.lengths = targets, starts, lengths
        self.firsts, self.states, self.blank = firsts, states, blank

    def of_states(self, classes: int) -> tuple[Any, Any, Any]:
        """(N, L) each: the class of every state, whether it may be entered from two before, whether it exists."""
        _, n = self.lengths.shape
        label = np.full((n, 2 * int(self.lengths[1].max(initial=0)) + 1), self.blank)
        for i, (start, count) in enumerate(zip(self.starts, self.lengths[1], strict=True)):
            label[i, 1 : 2 * count : 2] = self.targets[start : start + count]
        wrong = (label < 0) | (label >= classes)
        if wrong.any():
            i, s = np.argwhere(wrong)[0]
            place = int(self.starts[i] + s // 2)
            raise IndexRangeError(
                f"ctc_loss: index {label[i, s]} at position {place} is out of bounds for dimension 2 "
                f"with size {classes}"
            )
        skips = np.zeros(label.shape, bool)
        skips[:, 3::2] = label[:, 3::2] != label[:, 1:-2:2]
        return label, skips, np.arange(label.shape[1]) < 2 * self.lengths[1, :, None] + 1


class CTCLoss(Function):
    """-log of the probability of all paths of each sequence, (N,); computed in float64, kept as logp's dtype."""

    def __init__(self, labels: Labels, zero_infinity: bool) -> None:
        self.labels, self.zero_infinity = labels, zero_infinity

    def forward_numpy(self, logp: Array) -> Array:
        labels, steps = self.labels, len(logp)
        label, skips, exists = labels.of_states(logp.shape[2])
        at_state = _at_states(logp, label)
        alphas = np.full((steps, *label.shape), -np.inf)
        for t in range(steps):
            if t == 0:
                alphas[0, :, :2] = at_state[0, :, :2]
                continue
            before = alphas[t - 1]
            alphas[t] = _shifted_sum(before, skips, 1) + at_state[t]
        rows = np.arange(len(label))
        inputs, last = labels.lengths[0], 2 * labels.lengths[1]
        end = np.maximum(inputs - 1, 0)
        if steps:
            one_before = np.where(last > 0, alphas[end, rows, last - 1], -np.inf)
            losses = -np.logaddexp(alphas[end, rows, last], one_before)
        else:
            losses = np.zeros(len(label))
        losses = np.where(inputs > 0, losses, np.where(last > 0, np.inf, 0.0))
        self.kept = logp, alphas, losses, (label, skips, exists)
        return self._result(losses, logp.dtype)

    def forward_cuda(self, logp: Array) -> Array:
        labels, cupy = self.labels, array_module(logp)
        steps, batch, classes = logp.shape
        logp = cupy.ascontiguousarray(logp)
        targets = cupy.ascontiguousarray(labels.targets.astype(np.int64, copy=False))
        given = (targets, *[_sent(cupy, numbers) for numbers in (labels.starts, labels.firsts, labels.lengths)])
        alphas = cupy.empty(steps * labels.states, np.float64)
        losses = cupy.empty(batch, np.float64)
        sizes = (steps, batch, classes, labels.blank)
        slot = bounds.slot("ctc_loss", targets, 2, classes)
        kernels.launch(FILE, "ctc_forward", batch * BLOCK, (losses, alphas, logp, *given, *sizes, *slot))
        self.kept = logp, alphas, losses, (given, sizes)
        return self._result(losses, logp.dtype)

    def _result(self, losses: Array, dtype: Any) -> Array:
        xp = array_module(losses)
        return (xp.where(xp.isinf(losses), 0.0, losses) if self.zero_infinity else losses).astype(dtype)

    def backward(self, grad: Tensor) -> Tensor:
        result: Tensor = CTCBackward(self.kept, self.labels, self.zero_infinity)(grad)
        return result


class CTCBackward(Function):
    """exp(logp) less the probability that a path is at a class, times grad: that of the scores before log_softmax."""

    def __init__(self, forward: Any, labels: Labels, zero_infinity: bool) -> None:
        self.found, self.labels, self.zero_infinity = forward, labels, zero_infinity

    def forward_numpy(self, grad: Array) -> Array:
        logp, alphas, losses, (label, skips, exists) = self.found
        at_state, inputs = _at_states(logp, label), self.labels.lengths[0]
        rows, states = np.arange(len(label))[:, None], np.arange(label.shape[1])
        reach = np.roll(skips, -2, axis=1)
        ends = exists & (states >= 2 * self.labels.lengths[1, :, None] - 1)
        beta = np.full(label.shape, -np.inf)
        dx = np.zeros(logp.shape)
        scale = self._scale(grad, losses)
        for t in reversed(range(len(logp))):
            sums = _shifted_sum(beta, reach, -1)
            sums = np.where((inputs == t + 1)[:, None], np.where(ends, 0.0, -np.inf), sums)
            beta = np.where(exists & (inputs > t)[:, None], sums + at_state[t], -np.inf)
            shares = np.where(exists, np.exp(alphas[t] + sums + losses[:, None]), 0.0)
            taken = np.zeros(logp.shape[1:])
            np.add.at(taken, (rows, label), shares)
            is_inside = (inputs > t)[:, None]
            dx[t] = np.where(is_inside, (np.exp(logp[t].astype(np.float64)) - taken) * scale[:, None], 0.0)
        return dx.astype(grad.dtype)

    def forward_cuda(self, grad: Array) -> Array:
        logp, alphas, losses, (given, sizes) = self.found
        cupy, batch = array_module(logp), logp.shape[1]
        dx = cupy.zeros(logp.shape, logp.dtype)
        betas = cupy.empty(3 * self.labels.states, np.float64)
        args = (dx, betas, self._scale(grad, losses), losses, alphas, logp, *given, *sizes)
        kernels.launch(FILE, "ctc_backward", batch * BLOCK, args)
        return dx

    def _scale(self, grad: Array, losses: Array) -> Array:
        """The gradient of each loss in float64."""
        xp, scale = array_module(grad), grad.astype(np.float64)
        if not self.zero_infinity:
            return xp.ascontiguousarray(scale)
        losses[xp.isinf(losses)] = -np.inf  # no share of what cannot be: exp(-∞) = 0
        return xp.where(xp.isinf(losses), 0.0, scale)


def _at_states(logp: Array, label: Array) -> Array:
    """log p of the class of every state: (T, N, L)."""
    return np.take_along_axis(logp.astype(np.float64), label[None], axis=2)


def _shifted_sum(values: Array, skips: Array, step: int) -> Array:
    """log Σ exp of each state's value, its neighbour's, and, where `skips`, that of the one after: (N, L)."""
    one, two = np.full(values.shape, -np.inf), np.full(values.shape, -np.inf)
    if step > 0:
        one[:, 1:], two[:, 2:] = values[:, :-1], values[:, :-2]
    else:
        one[:, :-1], two[:, :-2] = values[:, 1:], values[:, 2:]
    return np.logaddexp(np.logaddexp(values, one), np.where(skips, two, -np.inf))


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability that the outputs spell the labels, once repetitions and then blanks are left out.

    Args:
        log_probs: (T, N, C), or (T, C) without a batch: logarithms of probabilities, of `log_softmax`.
        targets: labels, (N, S), or those of all sequences one after the other; not `blank`.
        input_lengths, target_lengths: N integers, or tensors of them: how many steps and labels count. The host does
            not wait for those on a GPU; a wrong one is an error when it next waits.
        reduction: "mean" divides each loss by the number of its labels first, as in PyTorch.
        zero_infinity: count sequences that are too short for their labels as 0, without gradient.

    The gradient is that of scores before `log_softmax`, which must have made `log_probs`, as in PyTorch.
    """
    op = "ctc_loss"
    how = reduction_name(op, reduction, None, None)
    must_be_tensors(op, {"log_probs": log_probs, "targets": targets})
    if log_probs.ndim not in (2, 3) or not log_probs.is_floating_point():
        raise ShapeError(
            f"{op}: log_probs must be floating, (T, N, C) or (T, C); got {log_probs.dtype} {log_probs.array.shape}"
        )
    if dtypes.of(targets.array).category != dtypes.INTEGER:
        raise DtypeError(f"{op}: targets must be of integral type, got {targets.dtype}; use targets.long()")
    batched: Any = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    labels = _labels(batched.array, targets.array, input_lengths, target_lengths, blank)
    losses: Any = CTCLoss(labels, bool(zero_infinity))(batched)
    if how == "mean":
        xp = array_module(losses.array)
        counts = _sent(xp, labels.lengths[1]).clip(1).astype(losses.array.dtype)
        return mean(losses / Variable.result_type(counts))
    if how == "sum":
        return sum(losses)
    result: Tensor = losses if log_probs.ndim == 3 else losses.squeeze(0)
    return result


def _labels(logp: Array, targets: Array, input_lengths: Any, target_lengths: Any, blank: int) -> Labels:
    """The labels, checked against log_probs (T, N, C)."""
    steps, batch, classes = logp.shape
    if not 0 <= blank < classes:
        raise ArgumentError(f"ctc_loss: blank must be in label range: from 0 to {classes - 1}, got {blank}")
    given = [x.array for x in (input_lengths, target_lengths) if isinstance(x, Variable)]
    if is_cuda(logp) and any_cuda(given) and batch:
        return _labels_on_gpu(logp, targets, input_lengths, target_lengths, blank)
    inputs = _lengths("input_lengths", input_lengths, batch)
    counts = _lengths("target_lengths", target_lengths, batch)
    if inputs.max(initial=0) > steps:
        raise ArgumentError(
            f"ctc_loss: Expected input_lengths to have value at most {steps}, the steps of log_probs; "
            f"got {inputs.max()}"
        )
    if targets.ndim == 2 or (targets.ndim == 1 and batch == 1 and targets.shape[0] != counts[0]):
        width = targets.shape[-1]
        if targets.ndim == 2 and targets.shape[0] != batch:
            raise ShapeError(f"ctc_loss: Expected targets of {batch} sequences, got shape {targets.shape}")
        if counts.max(initial=0) > width:
            raise ShapeError(
                f"ctc_loss: Expected targets to have size at least {counts.max()} at dimension 1, but got {width}"
            )
        starts = np.arange(batch) * width
    elif targets.ndim == 1 and targets.shape[0] == counts.sum():
        starts = np.cumsum(counts) - counts
    else:
        raise ShapeError(
            f"ctc_loss: Expected targets of shape (N, S), or ({counts.sum()},) for all labels, got {targets.shape}"
        )
    ends = np.cumsum(2 * counts + 1)
    return Labels(
        targets.reshape(-1), starts, np.stack([inputs, counts]), ends - 2 * counts - 1, int(ends.max(initial=0)), blank
    )


def _sent(xp: Any, numbers: Any) -> Array:
    """`numbers` as an array of `xp`; a captured step gets them once."""
    return numbers if is_cuda(numbers) else capture.constant(xp, np.asarray(numbers))


def _labels_on_gpu(logp: Array, targets: Array, input_lengths: Any, target_lengths: Any, blank: int) -> Labels:
    """The labels with lengths that no host reads: a wrong one is cut, and an error when the host next waits."""
    cupy, lengths, batch = array_module(logp), [], logp.shape[1]
    if targets.ndim not in (1, 2) or (targets.ndim == 2 and len(targets) != batch):
        raise ShapeError(f"ctc_loss: Expected targets of {batch} sequences, got shape {targets.shape}")
    is_flat, width = targets.ndim == 1 and batch > 1, targets.shape[-1]
    limits = (("input_lengths", input_lengths, len(logp)), ("target_lengths", target_lengths, width))
    for name, given, most in limits:
        if not isinstance(given, Variable) or not is_cuda(given.array):
            found = _sent(cupy, _lengths(name, given, batch))
        else:
            found = _integral(name, given).reshape(-1).astype(np.int64)
            if len(found) != batch:
                raise ShapeError(f"ctc_loss: {name} must be of size batch_size: {batch}, got {len(found)}")
        check_range(f"ctc_loss: Expected {name} to have values from 0 to {most}", found, 0, most)
        lengths.append(found.clip(0, most))
    number = cupy.arange(batch)
    starts = number * width
    if is_flat:
        ends = lengths[1].cumsum()
        text = f"ctc_loss: Expected target_lengths to add up to {width}, the labels of all sequences"
        check_range(text, ends[-1:], width, width)
        starts = (ends - lengths[1]).clip(0, width)
        lengths[1] = cupy.minimum(lengths[1], width - starts)
    states = 2 * targets.size + batch
    return Labels(targets.reshape(-1), starts, cupy.stack(lengths), 2 * starts + number, states, blank)


def _integral(name: str, given: Variable) -> Array:
    if given.array.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: {name} must be integral, got {given.array.dtype}; use {name}.long()")
    return given.array


def _lengths(name: str, given: Any, batch: int) -> Any:
    if isinstance(given, Variable):
        given = asnumpy(_integral(name, given)).reshape(-1).tolist()
    if not isinstance(given, (tuple, list)) or not all(isinstance(n, int) for n in given):
        raise ArgumentTypeError(f"ctc_loss: {name} must be a tensor or a sequence of integers, got {given!r}")
    if len(given) != batch:
        raise ShapeError(f"ctc_loss: {name} must be of size batch_size: {batch}, got {len(given)}")
    if min(given, default=0) < 0:
        raise ArgumentError(f"ctc_loss: {name} must be 0 or more, got {min(given)}")
    return np.array(given, np.int64)
