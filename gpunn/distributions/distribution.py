"""The base class of distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from gpunn.distributions.constraints import Constraint, dependent
from gpunn.engine import no_grad
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from gpunn.tensor import Size, Tensor


class Distribution:
    """A probability distribution, or a batch of them: samples have the shape sample_shape + batch_shape + event_shape.

    Parameters are checked when a distribution is made, values when they are asked about, unless `validate_args` is
    False. Subclasses list their parameters with their constraints in `arg_constraints`, and in `event_dims` how many
    dimensions of each belong to an event.
    """

    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    event_dims: ClassVar[dict[str, int]] = {}
    _validate_args: bool = True

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their arguments unless told otherwise."""
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if constraint is dependent or name not in vars(self):
                continue  # what is computed from another parameter is right if that one is
            value = vars(self)[name]
            if not bool(constraint.check(value).all()):
                raise ArgumentError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distributions in a larger batch, to which the batch broadcasts; no memory is copied."""
        new = type(self).__new__(type(self))
        new.__dict__.update({k: v for k, v in vars(self).items() if k not in self.arg_constraints})
        shape = Size(batch_shape)
        for name in self.arg_constraints:
            if name in vars(self):
                value = vars(self)[name]
                events = self.event_dims.get(name, 0)
                new.__dict__[name] = value.expand(shape + value.shape[value.ndim - events :])
        new._batch_shape = shape
        return new

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of a single sample of a single distribution."""
        return self._event_shape

    @property
    def support(self) -> Constraint:
        """The constraint that samples satisfy."""
        raise self._lacks("support")

    @property
    def mean(self) -> Tensor:
        """The mean: batch_shape + event_shape."""
        raise self._lacks("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value: batch_shape + event_shape."""
        raise self._lacks("mode")

    @property
    def variance(self) -> Tensor:
        """The variance of each element: batch_shape + event_shape."""
        raise self._lacks("variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample without history: sample_shape + batch_shape + event_shape."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample through which gradients flow to the parameters (the reparametrisation trick)."""
        raise self._lacks("rsample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`."""
        raise self._lacks("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a sample up to `value`."""
        raise self._lacks("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        raise self._lacks("icdf")

    def entropy(self) -> Tensor:
        """The entropy in nats: batch_shape."""
        raise self._lacks("entropy")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along a new first dimension."""
        raise self._lacks("enumerate_support")

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def _lacks(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"{type(self).__name__} has no {what}")

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        """The shape of samples."""
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _validate_sample(self, value: Any) -> None:
        """Raise unless `value` can be a sample."""
        if not isinstance(value, Tensor):
            raise ArgumentTypeError("The value argument to log_prob must be a Tensor")
        events = len(self._event_shape)
        if events and value.shape[value.ndim - events :] != self._event_shape:
            raise ShapeError(
                f"The right-most size of value must match event_shape: {tuple(value.shape)} vs "
                f"{tuple(self._event_shape)}."
            )
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(expected), strict=False):
            if 1 not in (i, j) and i != j:
                raise ShapeError(
                    f"Value is not broadcastable with batch_shape+event_shape: {tuple(value.shape)} vs "
                    f"{tuple(expected)}."
                )
        if not bool(self.support.check(value).all()):
            raise ArgumentError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({self.support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        facts = ", ".join(f"{name}: {x if x.numel() == 1 else x.size()}" for name, x in shown.items())
        return f"{type(self).__name__}({facts})"
