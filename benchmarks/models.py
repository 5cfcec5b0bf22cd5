"""Whole models: forward, backward, and the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Case, Place
from .networks import NETWORKS, Network

BATCHES = {"lenet5": 64, "mlp": 64, "resnet20": 32, "resnet18": 8, "vgg16": 1, "resnet50": 4, "lstm": 20, "gpt": 2}
LARGE = {"resnet20": 128, "resnet18": 128, "vgg16": 64, "resnet50": 64, "gpt": 16}  # for a GPU
QUICK = ("lenet5", "mlp")


def cases() -> Iterator[Case]:
    """Each network with a batch that a CPU can do, and with one that a GPU needs; steps of SGD with momentum."""
    for sizes, is_large in ((BATCHES, False), (LARGE, True)):
        for name, batch in sizes.items():
            for phase in PHASES:
                yield case(name, phase, batch, is_large)


def case(name: str, phase: str, batch: int, is_large: bool = False) -> Case:
    """One phase of a network: "forward", "backward" or "step"."""

    def at(size: int) -> Case:
        return case(name, phase, size)

    network = NETWORKS[name]
    make, times = PHASES[phase]
    return Case(
        f"{name}/{phase}/batch{batch}",
        make(network, batch),
        moved=times * network.work.moved(batch) + (network.work.updated() if phase == "step" else 0),
        flops=times * network.work.flops * batch,
        images=batch,
        quick=name in QUICK and not is_large,
        batch=batch,
        sweep=at,
        large=is_large,
        random=network.random,
        tf32=not network.is_text and name != "mlp",
        is_model=True,
        is_step=phase == "step",
        planar=len(network.shape) == 3,
    )


def _forward(network: Network, batch: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = network.build(place)
        x, _ = network.data(place, batch)

        def run() -> Any:
            with place.precision():
                return model(x)

        return run

    return make


def _loss(place: Place, model: Any, x: Any, labels: Any) -> Any:
    with place.precision():
        return place.lib.nn.functional.cross_entropy(model(x), labels)


def _backward(network: Network, batch: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = network.build(place)
        x, labels = network.data(place, batch)

        def prepare() -> Any:
            model.zero_grad()
            return _loss(place, model, x, labels)

        def run(loss: Any) -> Any:
            loss.backward()
            return [p.grad for p in model.parameters()]

        return prepare, run

    return make


def _step(network: Network, batch: int) -> Callable[[Place], Any]:
    def make(place: Place) -> Any:
        model = network.build(place)
        x, labels = network.data(place, batch)
        optimizer = place.sgd(model.parameters())

        def step(x: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            loss = _loss(place, model, x, labels)
            loss.backward()
            optimizer.step()
            return loss

        return place.recorded(step, x, labels)

    return make


PHASES: dict[str, tuple[Callable[[Network, int], Callable[[Place], Any]], int]] = {
    "forward": (_forward, 1),
    "backward": (_backward, 2),
    "step": (_step, 3),
}
