"""The steps, in the order that they run in: what tells most comes first, what may not work on a machine last."""

from __future__ import annotations

from tests.gpu import (
    bad_indices,
    environment,
    instructions,
    large,
    repeats,
    sanitizer,
    special_values,
    speed,
    suite,
    widths,
)
from tests.gpu.step import Step

_MODULES = (environment, instructions, suite, special_values, widths, bad_indices, large, repeats, speed, sanitizer)
STEPS: dict[str, Step] = {module.STEP.name: module.STEP for module in _MODULES}
