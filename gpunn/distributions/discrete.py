"""Distributions of outcomes: Bernoulli, Categorical, OneHotCategorical."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from gpunn import dtypes
from gpunn.distributions import constraints
from gpunn.distributions.distribution import Distribution
from gpunn.distributions.parameters import broadcast_all, logits_of, normalized, one_of, probs_of
from gpunn.engine import no_grad
from gpunn.errors import ShapeError
from gpunn.ops.creation import arange, eye, full
from gpunn.ops.indexing.one_hot import one_hot
from gpunn.ops.loss.binary import binary_cross_entropy_with_logits
from gpunn.ops.sampling.choice import multinomial
from gpunn.ops.sampling.elements import bernoulli
from gpunn.ops.shape.expand import broadcast_tensors
from gpunn.tensor import Size, Tensor


class _Given(Distribution):
    """A distribution that was given one of `probs` and `logits`; the other is computed from it."""

    _given: str

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        shape: Size = vars(self)[self._given].shape
        return shape


class _ZeroOne(Distribution):
    """A distribution of zeros and ones, each 1 with its probability `probs`."""

    probs: Any

    @property
    def mean(self) -> Tensor:
        """p"""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """p (1 - p)"""
        return self.probs * (1 - self.probs)


class Bernoulli(_Given, _ZeroOne):
    """1 with the probability `probs`, else 0; `logits` are log(p / (1 - p)). Exactly one of the two is given."""

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._given, value = one_of("Bernoulli", {"probs": probs, "logits": logits})
        (value,) = broadcast_all(value)
        vars(self)[self._given] = value
        super().__init__(value.shape, validate_args=validate_args)

    @cached_property
    def logits(self) -> Tensor:
        """log(p / (1 - p)), of probabilities that are neither 0 nor 1."""
        return logits_of(self.probs, is_binary=True)

    @cached_property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return probs_of(self.logits, is_binary=True)

    @property
    def support(self) -> constraints.Constraint:
        """0 and 1."""
        return constraints.boolean

    @property
    def mode(self) -> Tensor:
        """1 where p > 1/2, 0 below, NaN at 1/2."""
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return mode.masked_fill(self.probs == 0.5, float("nan"))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """0 or 1, of the type of the parameter."""
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p where value is 1, log(1 - p) where it is 0."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """-p log p - (1 - p) log(1 - p)"""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """0 and 1: (2, *batch_shape), or (2, 1, …) unless `expand`."""
        return _enumerated(arange(2, dtype=self.probs.dtype, device=self.probs.device), self._batch_shape, expand)


class Categorical(_Given):
    """The index of a class: probabilities `probs` (*, n), which are scaled to add up to 1, or `logits` (*, n).

    Exactly one of the two is given. Samples are int64 of shape sample_shape + (*).
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    event_dims: ClassVar = {"probs": 1, "logits": 1}
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._given, value = one_of("Categorical", {"probs": probs, "logits": logits})
        if value.ndim < 1:
            raise ShapeError(f"`{self._given}` parameter must be at least one-dimensional.")
        vars(self)[self._given] = value / value.sum(-1, keepdim=True) if probs is not None else normalized(value)
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], validate_args=validate_args)

    @cached_property
    def logits(self) -> Tensor:
        """log p of each class."""
        return logits_of(self.probs)

    @cached_property
    def probs(self) -> Tensor:
        """The probability of each class."""
        return probs_of(self.logits)

    @property
    def support(self) -> constraints.Constraint:
        """0 to n - 1"""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: an index is only a name."""
        return self._nan()

    @property
    def mode(self) -> Tensor:
        """The most probable class."""
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Tensor:
        """NaN: an index is only a name."""
        return self._nan()

    def _nan(self) -> Tensor:
        return full(self._batch_shape, float("nan"), dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Indices of classes."""
        shape = Size(sample_shape)
        rows = self.probs.detach().reshape(-1, self._num_events)
        drawn = multinomial(rows, shape.numel(), True).T
        return drawn.reshape(self._extended_shape(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of the class `value`."""
        if self._validate_args:
            self._validate_sample(value)
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """-Σ p log p; a class of probability 0 adds nothing."""
        lowest = float(dtypes.finfo(self.logits.dtype).min)
        return -(self.logits.clamp(min=lowest) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes: (n, *batch_shape), or (n, 1, …) unless `expand`."""
        return _enumerated(arange(self._num_events, device=self.probs.device), self._batch_shape, expand)


class OneHotCategorical(_ZeroOne):
    """As Categorical, with a 1 in the place of the class among zeros: samples are sample_shape + (*, n)."""

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        classes = self._categorical.param_shape[-1:]
        super().__init__(self._categorical.batch_shape, classes, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> OneHotCategorical:
        """The same distributions in a larger batch."""
        new = super().expand(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        """The probability of each class."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """log p of each class."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape

    @property
    def support(self) -> constraints.Constraint:
        """One 1 among zeros."""
        return constraints.one_hot

    @property
    def mode(self) -> Tensor:
        """The most probable class."""
        return self._hot(self._categorical.mode)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """One 1 among zeros, of the type of the parameter."""
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of the class that `value` marks."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        """-Σ p log p"""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes: (n, *batch_shape, n), or (n, 1, …, n) unless `expand`."""
        values = eye(self._event_shape[0], dtype=self.probs.dtype, device=self.probs.device)
        return _enumerated(values, self._batch_shape, expand)

    def _hot(self, index: Tensor) -> Tensor:
        return one_hot(index, self._event_shape[0]).to(self.probs.dtype)

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", "OneHotCategorical", 1)


def _enumerated(values: Tensor, batch: Size, expand: bool) -> Tensor:
    """The n values of a batch of distributions: (n, *batch, *event), or (n, 1, …, *event) unless `expand`."""
    n, event = values.shape[0], values.shape[1:]
    values = values.reshape(n, *(1,) * len(batch), *event)
    return values.expand(n, *batch, *event) if expand else values
