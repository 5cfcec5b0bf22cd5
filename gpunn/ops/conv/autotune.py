"""Which tile is the fastest for a convolution, measured once and kept in a file.

A candidate wins only if its result agrees with that of the kernels of full precision. Measurements are keyed by all
that they depend on: GPU, driver, the text of the kernels, shape, dtype and layout.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from gpunn import backend
from gpunn.backend import Array, array_module
from gpunn.caches import cache_folder
from gpunn.kernels.settings import settings
from gpunn.kernels.source import kernel_file, source
from gpunn.ops.conv import tiles
from gpunn.ops.conv.tiles import Tile

CANDIDATES: Final = 12  # at most, the first by the model
ROUNDS: Final = 5  # of measurements; the candidates take turns, the median counts
TOLERANCE: Final = {"float32": 2e-3, "float16": 2e-3, "bfloat16": 1.6e-2}  # of the largest element of the result
FILE: Final = "convolutions.json"

Clock = Callable[[Callable[[], Any]], float]  # the seconds that a call takes on the device


class Autotuner:
    """Measures tiles and remembers the winners in the file `path`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self._winners: dict[str, list[int]] | None = None
        self._undecided: dict[str, Tile] = {}  # where none agreed, say for NaN in the images: not measured again

    def find(self, key: Mapping[str, Any]) -> Tile | None:
        """The tile for `key`, if it was measured and is still built."""
        text = _text(key)
        numbers = self._known().get(text)
        won = (tile for tile in tiles.choices() if list(tile.constants.values()) == numbers)
        return next(won, self._undecided.get(text))

    def measure(
        self,
        key: Mapping[str, Any],
        candidates: Sequence[Tile],
        run: Callable[[Tile], Array],
        reference: Callable[[], Array],
    ) -> Tile:
        """The candidate whose `run` takes the least time, of those that agree with `reference()`; kept in the file."""
        wanted = reference()
        able = [tile for tile in candidates[:CANDIDATES] if agrees(run(tile), wanted)]
        if not able:
            return self._undecided.setdefault(_text(key), candidates[0])
        seconds: dict[Tile, list[float]] = {tile: [] for tile in able}
        for _ in range(ROUNDS):
            for tile in able:
                seconds[tile].append(self.clock(lambda tile=tile: run(tile)))  # type: ignore[misc]
        winner = min(able, key=lambda tile: float(np.median(seconds[tile])))
        self._keep(_text(key), list(winner.constants.values()))
        return winner

    def _known(self) -> dict[str, list[int]]:
        if self._winners is None:
            self._winners = _read(self.path)
        return self._winners

    def _keep(self, key: str, numbers: list[int]) -> None:
        """Add a winner to the file, together with what other processes have added."""
        self._winners = _read(self.path) | self._known() | {key: numbers}
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8") as file:
                json.dump(self._winners, file, indent=1, sort_keys=True)
            os.replace(file.name, self.path)
        except OSError:  # a full disk; the winner is known to this process
            return


def _read(path: Path) -> dict[str, list[int]]:
    """The winners in the file; none if it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, list) and all(isinstance(n, int) for n in v)}


def agrees(found: Array, wanted: Array) -> bool:
    """Whether two results are the same up to what the dtype of `found` and TF32 allow."""
    xp = array_module(found)
    if found.shape != wanted.shape:
        return False
    if not found.size:
        return True
    a, b = found.astype(np.float32), wanted.astype(np.float32)
    limit = TOLERANCE[found.dtype.name] * xp.abs(b).max()
    return bool((xp.abs(a - b) <= limit).all())


def event_clock(run: Callable[[], Any]) -> float:
    """The seconds of one call on the current stream, by events; a call before it warms up."""
    cuda = backend.cuda_module().cuda
    run()
    start, end = cuda.Event(), cuda.Event()
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(cuda.get_elapsed_time(start, end)) / 1000


@cache
def _device(cupy: Any, number: int) -> tuple[str, int, int]:
    properties = cupy.cuda.runtime.getDeviceProperties(number)
    version = int(cupy.cuda.runtime.driverGetVersion())
    return properties["name"].decode(), int(properties["multiProcessorCount"]), version


@cache
def _sources() -> str:
    """A digest of the text of the kernels, headers included."""
    files = [kernel_file(stem) for stem in (tiles.FILE, tiles.POINTWISE)]
    text = "".join([source(file, next(file.configurations())) for file in files])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def key_of(x: Array, name: str, *facts: Any) -> dict[str, Any]:
    """The key for the kernel's use `name` with images `x` and all `facts` that matter."""
    device = _device(backend.cuda_module(), int(x.device.id))
    return {
        "device": device,
        "kernels": _sources(),
        "use": name,
        "dtype": x.dtype.name,
        "shape": x.shape,
        "facts": facts,
    }


def _text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


@cache
def autotuner() -> Autotuner:
    """The one that all convolutions share."""
    return Autotuner(cache_folder("tuning") / FILE, event_clock)


def tile_for(
    key: Callable[[], Mapping[str, Any]],
    candidates: Sequence[Tile],
    run: Callable[[Tile], Array],
    reference: Callable[[], Array],
) -> Tile:
    """The tile that the mode of tuning gives: the first candidate, the one measured before, or one measured now.

    While a CUDA graph is captured nothing is measured.
    """
    if settings.tuning == "off":
        return candidates[0]
    tuner, asked = autotuner(), key()
    known = tuner.find(asked)
    if known is not None and known in candidates:
        return known
    if settings.tuning == "read" or backend.cuda_module().cuda.get_current_stream().is_capturing():
        return candidates[0]
    return tuner.measure(asked, candidates, run, reference)
