"""Whole models: forward, backward, and the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, Place

BATCH = 64


def cases() -> Iterator[Case]:
    """LeNet-5 on 28×28 images and an MLP 784-512-256-10, batch 64, SGD with momentum."""
    for name, build, shape in (("lenet5", lenet5, (BATCH, 1, 28, 28)), ("mlp", mlp, (BATCH, 784))):
        for phase, make in (("forward", _forward), ("backward", _backward), ("step", _step)):
            yield Case(f"{name}/{phase}/batch{BATCH}", make(build, shape), images=BATCH, quick=True)


def lenet5(place: Place) -> Any:
    """LeNet-5 with ReLU and max pooling, written so that it is the same in every library."""
    nn = place.lib.nn
    layers = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(84, 10)).to(place.device)


def mlp(place: Place) -> Any:
    """A perceptron with two hidden layers."""
    nn = place.lib.nn
    layers = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)]
    return nn.Sequential(*layers).to(place.device)


def _data(place: Place, shape: tuple[int, ...]) -> tuple[Any, Any]:
    return place.random(*shape), place.tensor(np.arange(shape[0], dtype=np.int64) % 10)


def _forward(build: Callable[[Place], Any], shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = build(place)
        x, _ = _data(place, shape)
        return lambda: model(x)

    return make


def _backward(build: Callable[[Place], Any], shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = build(place)
        x, labels = _data(place, shape)
        cross_entropy = place.lib.nn.functional.cross_entropy

        def prepare() -> Any:
            model.zero_grad()
            return cross_entropy(model(x), labels)

        return prepare, lambda loss: loss.backward()

    return make


def _step(build: Callable[[Place], Any], shape: tuple[int, ...]) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = build(place)
        x, labels = _data(place, shape)
        cross_entropy = place.lib.nn.functional.cross_entropy
        optimizer = place.lib.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

        def step() -> None:
            optimizer.zero_grad()
            cross_entropy(model(x), labels).backward()
            optimizer.step()

        return step

    return make
