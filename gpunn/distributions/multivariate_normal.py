"""The normal distribution of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from gpunn.distributions import constraints
from gpunn.distributions.location_scale import LOG_2_PI, Symmetric
from gpunn.distributions.parameters import one_of
from gpunn.errors import ShapeError
from gpunn.ops.arithmetic.promotion import broadcast_two
from gpunn.ops.creation import eye
from gpunn.ops.linalg.cholesky import cholesky
from gpunn.ops.linalg.products import matmul
from gpunn.ops.linalg.triangular import solve_triangular
from gpunn.ops.sampling.elements import randn
from gpunn.tensor import Size, Tensor


class MultivariateNormal(Symmetric):
    """Normal vectors of mean `loc` (*, n) with a covariance matrix Σ = L Lᵀ (*, n, n).

    Exactly one of `covariance_matrix` Σ, `precision_matrix` Σ⁻¹ and `scale_tril` L is given; all else comes from L.
    """

    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    event_dims: ClassVar = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given: dict[str, Any] = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name, matrix = one_of("MultivariateNormal", given)
        if loc.dim() < 1:
            raise ShapeError("loc must be at least one-dimensional.")
        if matrix.dim() < 2:
            raise ShapeError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = broadcast_two("MultivariateNormal", loc.shape[:-1], matrix.shape[:-2])
        vars(self)[name] = matrix.expand(*batch, *matrix.shape[-2:])
        self.loc = loc.expand(*batch, *loc.shape[-1:])
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        if name == "scale_tril":
            self._lower = matrix
        else:
            self._lower = cholesky(matrix) if name == "covariance_matrix" else _of_precision(matrix)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> MultivariateNormal:
        """The same distributions in a larger batch."""
        new = super().expand(batch_shape)
        new._lower = self._lower.expand(*Size(batch_shape), *self._lower.shape[-2:])
        return new

    @cached_property
    def scale_tril(self) -> Tensor:
        """L"""
        return self._whole(self._lower)

    @cached_property
    def covariance_matrix(self) -> Tensor:
        """Σ = L Lᵀ"""
        return self._whole(matmul(self._lower, self._lower.mT))

    @cached_property
    def precision_matrix(self) -> Tensor:
        """Σ⁻¹"""
        n = self._event_shape[0]
        inverse = solve_triangular(self._lower, eye(n, dtype=self.loc.dtype, device=self.loc.device), upper=False)
        return self._whole(matmul(inverse.mT, inverse))

    @property
    def support(self) -> constraints.Constraint:
        """All vectors."""
        return constraints.real_vector

    @property
    def variance(self) -> Tensor:
        """The diagonal of Σ."""
        return self._lower.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """loc + L z, z standard normal."""
        z = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + matmul(self._lower, z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """-(|L⁻¹ (value - loc)|² + n log 2π) / 2 - log det L"""
        if self._validate_args:
            self._validate_sample(value)
        square = mahalanobis(self._lower, value - self.loc)
        return -0.5 * (self._event_shape[0] * LOG_2_PI + square) - half_log_det(self._lower)

    def entropy(self) -> Tensor:
        """n (1 + log 2π) / 2 + log det L"""
        entropy = 0.5 * self._event_shape[0] * (1 + LOG_2_PI) + half_log_det(self._lower)
        return entropy.expand(self._batch_shape)

    def _whole(self, matrix: Tensor) -> Tensor:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)


def mahalanobis(lower: Tensor, difference: Tensor) -> Tensor:
    """|L⁻¹ d|² of vectors d (*, n) and triangular matrices L (*, n, n), whose dimensions in front broadcast."""
    found = solve_triangular(lower, difference.unsqueeze(-1), upper=False)
    return found.pow(2).sum(dim=(-2, -1))


def half_log_det(lower: Tensor) -> Tensor:
    """log det L"""
    return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _of_precision(precision: Tensor) -> Tensor:
    """The lower L with L Lᵀ = P⁻¹. With J, which turns rows and columns round, P = U Uᵀ for U = J chol(J P J) J.

    U is an upper triangular matrix, and L = U⁻ᵀ.
    """
    transposed = cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    n = precision.shape[-1]
    return solve_triangular(transposed, eye(n, dtype=precision.dtype, device=precision.device), upper=False)
