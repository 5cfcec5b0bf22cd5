"""Checks of the options of optimisers, with PyTorch's words."""

from __future__ import annotations

from typing import Any

from gpunn.errors import ArgumentError
from gpunn.tensor import Tensor


def check_not_negative(optimizer: str, group: dict[str, Any], *names: str) -> None:
    """Raise ArgumentError for a negative option, with PyTorch's words: "Invalid learning rate: -1"."""
    words = {"lr": "learning rate", "eps": "epsilon value"}
    for name in names:
        value = group[name]
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ArgumentError(f"{optimizer}: Tensor {name} must be 1-element")
        number = value.item() if isinstance(value, Tensor) else value
        if not number >= 0.0:
            raise ArgumentError(f"{optimizer}: Invalid {words.get(name, name + ' value')}: {value}")


def options_of(group: dict[str, Any]) -> dict[str, Any]:
    """The options of a parameter group, numbers in place of tensors."""
    options = {k: v.item() if isinstance(v, Tensor) else v for k, v in group.items() if k != "params"}
    if "betas" in options:
        options["betas"] = tuple([b.item() if isinstance(b, Tensor) else b for b in options["betas"]])
    return options


def check_betas(optimizer: str, group: dict[str, Any]) -> None:
    """Raise ArgumentError for betas outside [0, 1)."""
    for i, beta in enumerate(group["betas"]):
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ArgumentError(f"{optimizer}: Tensor betas[{i}] must be 1-element")
        number = beta.item() if isinstance(beta, Tensor) else beta
        if not 0.0 <= number < 1.0:
            raise ArgumentError(f"{optimizer}: Invalid beta parameter at index {i}: {beta}")
