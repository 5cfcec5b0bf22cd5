"""Steps of optimisers, and clipping, for the parameters of ResNet-18: 62 tensors, 11.7 million elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place

_WIDTHS = (64, 128, 256, 512)
SIZES = [9408, 64, 64]
for _before, _width in zip((64, *_WIDTHS), _WIDTHS, strict=False):
    SIZES += [9 * _before * _width, _width, _width, *[9 * _width * _width, _width, _width] * 3]
    SIZES += [] if _before == _width else [_before * _width, _width, _width]
SIZES += [512 * 1000, 1000]


def cases() -> Iterator[Case]:
    """SGD with momentum, Adam, AdamW, RMSprop and the norm of all gradients."""
    bytes_of = 4 * sum(SIZES)
    yield Case("SGD/step/resnet18", _step("SGD", lr=1e-4, momentum=0.9), moved=5 * bytes_of)
    yield Case("Adam/step/resnet18", _step("Adam", lr=1e-4), moved=7 * bytes_of)
    yield Case("AdamW/step/resnet18", _step("AdamW", lr=1e-4), moved=7 * bytes_of)
    yield Case("RMSprop/step/resnet18", _step("RMSprop", lr=1e-4), moved=5 * bytes_of)
    yield Case("clip_grad_norm_/resnet18", _clip, moved=3 * bytes_of)


def _parameters(place: Place) -> list[Any]:
    found = [place.random(size, requires_grad=True) for size in SIZES]
    for p in found:
        p.grad = place.random(p.numel())
    return found


def _step(kind: str, **options: Any) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        parameters = _parameters(place)
        optimizer = getattr(place.lib.optim, kind)(parameters, **options)

        def step() -> Any:
            optimizer.step()
            return parameters

        return step

    return make


def _clip(place: Place) -> Any:
    parameters = _parameters(place)
    return lambda: place.lib.nn.utils.clip_grad_norm_(parameters, 0.1)
