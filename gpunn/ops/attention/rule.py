"""What decides how much a query attends to a key, besides the two: scale, causality, dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gpunn import random
from gpunn.backend import Array

NOWHERE: Final = random.Place(0, 0)


@dataclass(frozen=True)
class Rule:
    """Scores are multiplied by `scale`; if `causal`, query i sees keys 0 … i only.

    A weight is kept with probability `keep`, and then divided by it. Weight i, in the order of the matrices of all
    heads, has number i of a draw of float32 from `draw`.
    """

    scale: float
    causal: bool
    keep: float = 1.0
    draw: random.Place = NOWHERE

    @property
    def drops(self) -> bool:
        """Whether weights are dropped at all."""
        return self.keep < 1.0

    @property
    def gain(self) -> float:
        """What kept weights are multiplied by."""
        return 1.0 / self.keep if self.keep > 0.0 else 0.0

    def factors(self, xp: Any, first: int, count: int, dtype: Any) -> Array:
        """What weights `first` to `first + count` are multiplied by: 0 or `gain`."""
        place = random.Place(self.draw.seed, self.draw.offset + first // 4)
        numbers = random.uniform(xp, place, (first % 4 + count,), np.float32)[first % 4 :]
        return (numbers < np.float32(self.keep)) * np.dtype(dtype).type(self.gain)
