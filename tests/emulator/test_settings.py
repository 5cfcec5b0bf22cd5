"""Settings of the emulator: what they refuse, and how random orders follow from the seed."""

import pytest

from gpunn.emulator.settings import Settings
from gpunn.errors import ArgumentError


def test_defaults():
    settings = Settings()
    assert (settings.check, settings.order, settings.seed, settings.time_limit) == (False, "random", 0, 60)


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="order: one of forward, reverse, random, not 'sideways'"):
        Settings(order="sideways")
    with pytest.raises(ArgumentError, match="time_limit: seconds, more than 0, not 0"):
        Settings(time_limit=0)
    for others in ({"orders": 0}, {"orders": 2, "check": True}, {"orders": 2, "order": "reverse"}):
        with pytest.raises(ArgumentError, match="orders: several of random order and without check, not"):
            Settings(**others)


def test_seeds_differ_from_launch_to_launch_and_are_the_same_again():
    first, second, other = Settings(seed=5), Settings(seed=5), Settings(seed=6)
    seeds = [first.next_seed() for _ in range(100)]
    assert len(set(seeds)) == 100
    assert seeds == [second.next_seed() for _ in range(100)]
    assert not set(seeds) & {other.next_seed() for _ in range(100)}
