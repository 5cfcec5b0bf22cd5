"""What judges the mutants of the kernels of images, and of resizing and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

import gpunn as gp
from tests.kernels import test_image as image
from tests.kernels import test_resize as resize
from tests.kernels.mutation_runs.run import Run

F = gp.nn.functional


def _images(*names: str) -> list[Run]:
    return [image.RUNS[name] for name in names]


def _border() -> Any:
    """Places on the border itself, and beyond."""
    x = gp.tensor(np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3) ** 2, device="cuda")
    grid = gp.tensor(np.array([-1, -1, 1, 1, 0.1, -1, 1.5, 0], np.float32).reshape(1, 1, 4, 2), device="cuda")
    y = F.grid_sample(x, grid.requires_grad_(), "bilinear", "border", True)
    y.backward(gp.ones_like(y))
    return y.detach(), grid.grad


def _normalised() -> Any:
    x = gp.tensor(np.random.default_rng(0).integers(0, 256, (2, 3, 13, 11)).astype(np.uint8), device="cuda")
    return gp.vision.transforms.functional.normalize(x, [0.5, 0.4, 0.3], [0.25, 0.5, 1.0])


def _resize(*words: str) -> list[Run]:
    return [run for name, run in resize.RUNS.items() if name.startswith(words)]


RUNS: dict[str, list[Run]] = {
    "bytes.cuh": [*_images("bilinear", "contrast"), *_resize("bilinear")],
    "image/colour.cu": _images("contrast", "saturation", "hue", "normalize"),
    "image/exact.cuh": _images("contrast", "hue", "saturation", "blur"),
    "image/filter.cu": [*_images("blur"), _normalised],
    "image/geometry.cu": _images("crop", "bilinear", "erase", "nearest"),
    "resize/axes.cuh": _resize("pad", "reflect", "replicate", "circular"),
    "resize/grid.cuh": [_border, *_resize("grid")],
    "resize/pad.cu": _resize("pad", "reflect", "replicate", "circular"),
    "resize/unpad.cu": _resize("pad", "reflect", "replicate", "circular"),
    "resize/resample.cu": _resize("nearest", "bilinear", "bicubic", "trilinear"),
    "resize/sample.cu": _resize("grid"),
}
