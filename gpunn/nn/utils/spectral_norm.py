"""Spectral normalisation: a weight divided by its largest singular value."""

from __future__ import annotations

from typing import Any, TypeVar

from gpunn import engine
from gpunn.errors import ArgumentError, GraphError
from gpunn.nn import functional as F
from gpunn.nn.conv.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.nn.utils.weight_norm import hooks_of, taken_out
from gpunn.tensor import Tensor

M = TypeVar("M", bound=Module)


def matrix_of(weight: Tensor, dim: int) -> Tensor:
    """The weight with `dim` in front and all others in one, (h, w)."""
    weight = weight.movedim(dim, 0)
    return weight.reshape(weight.shape[0], -1)


def usual_dim(module: Module) -> int:
    """The dimension of output channels: 1 for transposed convolutions, else 0."""
    return int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))


class SpectralNorm:
    """The hook that computes the weight before each forward; in training it makes u and v better first."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, improve: bool) -> Tensor:
        """W / (uᵀ W v)"""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = matrix_of(weight, self.dim)
        if improve:
            with engine.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
        u, v = u.clone(), v.clone()  # the next forward changes them, and backward of this one may come later
        return weight / u.dot(matrix.mv(v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, improve=module.training))


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """`module`, whose parameter `name` is from now on W / σ, where σ = uᵀ W v estimates its largest singular value.

    W is the parameter `name`_orig as a matrix, `dim` in front (1 for transposed convolutions, else 0). The buffers
    `name`_u and `name`_v begin at random; each forward in training makes `n_power_iterations` steps of
    v = Wᵀu / max(‖Wᵀu‖, eps), u = Wv / max(‖Wv‖, eps). No gradient goes through u and v. Miyato et al. 2018, alg. 1.
    """
    if name in hooks_of(module, SpectralNorm):
        raise GraphError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    dim = usual_dim(module) if dim is None else dim
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ArgumentError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with engine.no_grad():
        u, v = (F.normalize(weight.new_empty(n).normal_(), dim=0, eps=eps) for n in matrix_of(weight, dim).shape)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)  # there from the beginning, but not as a parameter
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """`module` with the normalised weight as its parameter."""
    hook = taken_out(module, SpectralNorm, "spectral_norm", name)
    with engine.no_grad():
        weight = hook.compute_weight(module, improve=False)
    for part in ("", "_u", "_v", "_orig"):
        delattr(module, name + part)
    module.register_parameter(name, Parameter(weight.detach()))
    return module
