"""Weight and spectral normalisation as parametrizations."""

from __future__ import annotations

from typing import Any, TypeVar

from gpunn import engine
from gpunn.errors import ArgumentError
from gpunn.nn import functional as F
from gpunn.nn.module import Module
from gpunn.nn.utils.parametrize import register_parametrization
from gpunn.nn.utils.spectral_norm import matrix_of, usual_dim
from gpunn.nn.utils.weight_norm import norm_except
from gpunn.ops.shape.dims import one_dim
from gpunn.tensor import Tensor

M = TypeVar("M", bound=Module)


class _WeightNorm(Module):
    """g v / ‖v‖"""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """`module`, whose parameter `name` is from now on g v / ‖v‖, computed each time it is looked at.

    g is `parametrizations.<name>.original0`, v `original1`; state dicts with `<name>_g` and `<name>_v` are read, too.
    The norm is over all dimensions but `dim`; with None or -1 over all. Salimans & Kingma 2016, eq. 2.
    """

    def read_old_names(module: Module, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        if all(f"{prefix}{name}_{part}" in state_dict for part in "gv"):
            for i, part in enumerate("gv"):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(f"{prefix}{name}_{part}")

    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(read_old_names)
    return module


class _SpectralNorm(Module):
    """W / (uᵀ W v); a vector is divided by its norm."""

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        self.dim = one_dim("spectral_norm", dim, weight.ndim)
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.eps = eps
        if weight.ndim < 2:
            return
        self.n_power_iterations = n_power_iterations
        with engine.no_grad():
            matrix = matrix_of(weight, self.dim)
            u, v = (F.normalize(weight.new_empty(n).normal_(), dim=0, eps=eps) for n in matrix.shape)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._improve(matrix, 15)

    @engine.no_grad()
    def _improve(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim < 2:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = matrix_of(weight, self.dim)
        if self.training:
            self._improve(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next forward changes them
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """`module`, whose parameter `name` is from now on W / σ, where σ = uᵀ W v estimates its largest singular value.

    W, the parameter `parametrizations.<name>.original`, is seen as a matrix with `dim` in front (1 for transposed
    convolutions, else 0). In training each look at it first makes `n_power_iterations` steps of
    u = Wv / max(‖Wv‖, eps), v = Wᵀu / max(‖Wᵀu‖, eps). Miyato et al. 2018, algorithm 1.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = usual_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
