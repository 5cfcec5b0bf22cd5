"""Fixtures for large models, whose millions of random numbers would take longer than the tests."""

import numpy as np
import pytest

from gpunn.nn import init

RANDOM = ("uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_")


@pytest.fixture
def not_started(monkeypatch):
    """Parameters stay as memory was: for counting them."""
    for name in RANDOM:
        monkeypatch.setattr(init, name, lambda tensor, *args, **options: tensor)


@pytest.fixture
def cheaply_started(monkeypatch):
    """Parameters are the same few thousand normal numbers over and over, divided by √fan_in.

    Those of more than ten million numbers stay as memory was: replace them.
    """
    pattern = np.random.default_rng(0).standard_normal(8191).astype(np.float32)

    def fill(tensor, *args, **options):
        if tensor.numel() > 10_000_000:
            return tensor
        inputs = max(1, tensor.numel() // max(1, tensor.shape[0]))
        values, flat = pattern * np.float32(inputs**-0.5), tensor.array.reshape(-1)
        whole = flat.size - flat.size % values.size
        flat[:whole].reshape(-1, values.size)[...] = values
        flat[whole:] = values[: flat.size - whole]
        return tensor

    for name in RANDOM:
        monkeypatch.setattr(init, name, fill)
