"""Seeds and states under the names that PyTorch has for GPUs. There is one generator, which all devices share."""

from __future__ import annotations

from collections.abc import Iterable

from gpunn import ops, random
from gpunn.backend import DeviceLike
from gpunn.cuda import devices
from gpunn.tensor import Tensor


def manual_seed(seed: int) -> None:
    """Seed the default generator, which all devices share."""
    random.manual_seed(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the default generator, which all devices share, by a number that the operating system draws."""
    random.default_generator.seed()


seed_all = seed


def initial_seed() -> int:
    """The seed of the default generator, which all devices share."""
    return random.default_generator.initial_seed()


def get_rng_state(device: DeviceLike = "cuda") -> Tensor:
    """The state of the default generator, which all devices share."""
    devices.number(device)
    return ops.get_rng_state()


def set_rng_state(new_state: Tensor, device: DeviceLike = "cuda") -> None:
    """Let the default generator, which all devices share, continue where `get_rng_state` was called."""
    devices.number(device)
    ops.set_rng_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The state of the default generator, once for each GPU."""
    return [ops.get_rng_state() for _ in range(devices.device_count())]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Let the default generator continue where `get_rng_state_all` was called."""
    for state in new_states:
        ops.set_rng_state(state)
