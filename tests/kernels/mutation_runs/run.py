"""What a run is."""

from collections.abc import Callable
from typing import Any

# A small computation on the device; its results, bit by bit, judge a mutant.
Run = Callable[[], Any]
