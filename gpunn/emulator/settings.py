"""How the emulator runs kernels: with or without checks, in which order, for how long at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gpunn.errors import ArgumentError

ORDERS: Final = ("forward", "reverse", "random")


@dataclass
class Settings:
    """What `emulator.enable()` sets. `launches` counts launches since then: each has a random order of its own, and
    `orders` of them where that is more than one.
    """

    check: bool = False
    order: str = "random"
    seed: int = 0
    time_limit: float = 60.0  # seconds a launch
    orders: int = 1
    launches: int = 0

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ArgumentError(f"order: one of {', '.join(ORDERS)}, not {self.order!r}")
        if self.orders < 1 or (self.orders > 1 and (self.check or self.order != "random")):
            raise ArgumentError(f"orders: several of random order and without check, not {self.orders}")
        if not self.time_limit > 0:
            raise ArgumentError(f"time_limit: seconds, more than 0, not {self.time_limit}")

    def next_seed(self) -> int:
        """The seed of the next launch."""
        self.launches += 1
        return (self.seed * 0x9E3779B1 + self.launches) & 0xFFFF_FFFF_FFFF


class Current:
    """Holds the settings in force, for all threads."""

    settings = Settings()
