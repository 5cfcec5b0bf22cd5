"""The state of the default generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpunn import random

if TYPE_CHECKING:
    from gpunn.tensor import Tensor


def get_rng_state() -> Tensor:
    """The state of the default generator as a uint8 tensor."""
    state: Tensor = random.default_generator.get_state()
    return state


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator continue where `get_rng_state` was called."""
    random.default_generator.set_state(new_state)
