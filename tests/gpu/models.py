"""The models whose training steps are timed side by side, gpunn and PyTorch, and their batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.case import Place
from benchmarks.networks import gpt, lenet5, lstm, mlp, resnet20, resnet50


@dataclass(frozen=True)
class Model:
    """How to build one, and the numbers of its samples: `shape` of a batch of images or tokens, `classes`."""

    build: Callable[[Place], Any]
    shape: tuple[int, ...]
    classes: int
    is_text: bool = False

    def data(self, place: Place, dtype: Any) -> tuple[Any, Any]:
        """A batch and its labels: images, or tokens with a label each."""
        rng = np.random.default_rng(0)
        if self.is_text:
            tokens = place.tensor(rng.integers(0, self.classes, self.shape))
            return tokens, place.tensor(rng.integers(0, self.classes, self.shape).ravel())
        x = place.tensor(rng.standard_normal(self.shape, np.float32)).to(dtype)
        return x, place.tensor(rng.integers(0, self.classes, self.shape[0]))


MODELS = {
    "lenet5": Model(lenet5, (64, 1, 28, 28), 10),
    "mlp": Model(mlp, (64, 784), 10),
    "resnet20": Model(resnet20, (128, 3, 32, 32), 10),
    "resnet50": Model(resnet50, (64, 3, 224, 224), 1000),
    "lstm": Model(lstm, (20, 35), 10_000, is_text=True),
    "gpt": Model(gpt, (16, 256), 65, is_text=True),
}
