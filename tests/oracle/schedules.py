"""Schedulers in many configurations, built for either library, and optimizers to set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Build = Callable[..., Any]


class Decay:
    """A callable object, whose attributes a state dict keeps."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: float) -> float:
        return self.base**epoch


def metric(t: int) -> float:
    """A validation loss with noise that stops falling for a while, and is NaN once."""
    return math.nan if t == 11 else max(1.0 / (1 + 0.1 * t), 0.31) + 0.02 * math.sin(7 * t)


def params(lib: Any) -> list[Any]:
    return [lib.zeros(2, requires_grad=True) for _ in range(2)]


def groups(lib: Any, second: Any = 0.02) -> list[dict[str, Any]]:
    first, other = params(lib)
    return [{"params": [first]}, {"params": [other], "lr": second}]


def tensor_rates(lib: Any) -> Any:
    rates = [lib.tensor(x, dtype=lib.float64) for x in (0.1, 0.02)]
    return lib.optim.SGD(groups(lib, rates[1]), lr=rates[0], momentum=0.5)


SETTERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda lib: lib.optim.SGD(groups(lib), lr=0.1, momentum=0.5),
    "Adam": lambda lib: lib.optim.Adam(groups(lib, 3e-3), lr=7e-4),
    "rates in tensors": tensor_rates,
}


def made(name: str, **settings: Any) -> tuple[str, Build]:
    """A scheduler with these settings; those that are per group are written as tuples of two."""

    def build(lib: Any, optimizer: Any, **more: Any) -> Any:
        return getattr(lib.optim.lr_scheduler, name)(optimizer, **{**fresh(settings), **more})

    return f"{name}({', '.join(f'{k}={v}' for k, v in settings.items())})", build


def fresh(settings: dict[str, Any]) -> dict[str, Any]:
    """Callable objects are copied, so that no two schedulers share one."""
    return {k: [Decay(f.base) if isinstance(f, Decay) else f for f in v] if isinstance(v, list) else v
            for k, v in settings.items()}  # fmt: skip


def several(text: str, name: str, parts: list[Any], **settings: Any) -> tuple[str, Build]:
    def build(lib: Any, optimizer: Any) -> Any:
        inner = [part(lib, optimizer) for _, part in parts]
        kind = getattr(lib.optim.lr_scheduler, name)
        return kind(optimizer, inner, **settings) if name == "SequentialLR" else kind(inner, **settings)

    return text, build


def half_after_ten(epoch: int) -> float:
    return 1.0 if epoch < 10 else 0.5


def wave(epoch: int) -> float:
    return math.cos(epoch)


STEP, FALL = made("StepLR", step_size=9, gamma=0.7), made("ExponentialLR", gamma=0.97)
WARM, COSINE = made("LinearLR", total_iters=10), made("CosineAnnealingLR", T_max=30)
HELD = made("ConstantLR", factor=0.2, total_iters=12)
RESTARTS = made("CosineAnnealingWarmRestarts", T_0=8, T_mult=2)
INNER = several("inner", "SequentialLR", [WARM, FALL], milestones=[10])
BOTH = several("both", "ChainedScheduler", [HELD, FALL])
UP_DOWN = {"base_lr": 0.01, "max_lr": 0.3}
ONE = {"max_lr": 0.4, "total_steps": 110}

_CONFIGS: dict[str, list[tuple[str, Build]]] = {
    "LambdaLR": [
        made("LambdaLR", lr_lambda=half_after_ten),
        made("LambdaLR", lr_lambda=[half_after_ten, Decay(0.97)]),
        made("LambdaLR", lr_lambda=(wave, half_after_ten)),
    ],
    "MultiplicativeLR": [
        made("MultiplicativeLR", lr_lambda=half_after_ten),
        made("MultiplicativeLR", lr_lambda=[Decay(0.999), half_after_ten]),
    ],
    "StepLR": [STEP, made("StepLR", step_size=1, gamma=1.01), made("StepLR", step_size=1000)],
    "MultiStepLR": [
        made("MultiStepLR", milestones=[3, 20, 21, 80]),
        made("MultiStepLR", milestones=[40, 5, 5, 5], gamma=0.3),
        made("MultiStepLR", milestones=[], gamma=0.3),
    ],
    "ConstantLR": [
        made("ConstantLR"),
        HELD,
        made("ConstantLR", factor=1.0),
        made("ConstantLR", factor=0.5, total_iters=0),
    ],
    "LinearLR": [
        made("LinearLR"),
        made("LinearLR", start_factor=0.05, end_factor=0.7, total_iters=40),
        made("LinearLR", start_factor=1.0, end_factor=0.01, total_iters=100),
        made("LinearLR", start_factor=1e-3, total_iters=1),
    ],
    "ExponentialLR": [FALL, made("ExponentialLR", gamma=1.02), made("ExponentialLR", gamma=0.5)],
    "PolynomialLR": [
        made("PolynomialLR"),
        made("PolynomialLR", total_iters=50, power=0.9),
        made("PolynomialLR", total_iters=100, power=2.0),
    ],
    "CosineAnnealingLR": [
        made("CosineAnnealingLR", T_max=100),
        made("CosineAnnealingLR", T_max=13, eta_min=1e-3),
        made("CosineAnnealingLR", T_max=1),
        made("CosineAnnealingLR", T_max=40, eta_min=0.2),
    ],
    "CosineAnnealingWarmRestarts": [
        made("CosineAnnealingWarmRestarts", T_0=20),
        RESTARTS,
        made("CosineAnnealingWarmRestarts", T_0=3, T_mult=3, eta_min=1e-4),
        made("CosineAnnealingWarmRestarts", T_0=1, eta_min=1),
    ],
    "CyclicLR": [
        made("CyclicLR", **UP_DOWN, step_size_up=10),
        made("CyclicLR", **UP_DOWN, step_size_up=7, step_size_down=3, mode="triangular2"),
        made(
            "CyclicLR", **UP_DOWN, step_size_up=20, mode="exp_range", gamma=0.98, base_momentum=0.7, max_momentum=0.95
        ),
        made("CyclicLR", base_lr=[0.01, 0.02], max_lr=[0.1, 0.5], step_size_up=5, cycle_momentum=False),
        made("CyclicLR", **UP_DOWN, step_size_up=5, scale_fn=half_after_ten),
        made("CyclicLR", **UP_DOWN, step_size_up=5, scale_fn=half_after_ten, scale_mode="iterations", mode="other"),
        made("CyclicLR", **UP_DOWN, step_size_up=4, base_momentum=[0.1, 0.2], max_momentum=[0.5, 0.6]),
        made("CyclicLR", **UP_DOWN, step_size_up=5, scale_fn=Decay(0.9)),
    ],
    "OneCycleLR": [
        made("OneCycleLR", **ONE),
        made("OneCycleLR", **ONE, anneal_strategy="linear", pct_start=0.7),
        made("OneCycleLR", **ONE, three_phase=True, div_factor=10.0, final_div_factor=100.0),
        made("OneCycleLR", max_lr=[0.1, 0.4], epochs=11, steps_per_epoch=10, cycle_momentum=False),
        made("OneCycleLR", **ONE, pct_start=0.0, base_momentum=[0.5, 0.6], max_momentum=0.7),
        made("OneCycleLR", **ONE, pct_start=1.0, three_phase=True, anneal_strategy="linear"),
        made("OneCycleLR", max_lr=0.1, total_steps=100),
    ],
    "ReduceLROnPlateau": [
        made("ReduceLROnPlateau"),
        made("ReduceLROnPlateau", patience=0, factor=0.5),
        made("ReduceLROnPlateau", patience=3, cooldown=4, threshold=1e-2, threshold_mode="abs"),
        made("ReduceLROnPlateau", mode="max", patience=2, factor=0.9, min_lr=[1e-3, 1e-2]),
        made("ReduceLROnPlateau", mode="max", patience=1, threshold_mode="abs", min_lr=2e-3, eps=1e-3),
        made("ReduceLROnPlateau", patience=2, factor=0.8, min_lr=(1e-4, 1e-5), threshold=0.05),
    ],
    "SequentialLR": [
        several("warm-up, then exponential", "SequentialLR", [WARM, FALL], milestones=[10]),
        several("held, cosine, steps", "SequentialLR", [HELD, COSINE, STEP], milestones=[12, 50]),
        several("the first has no turn", "SequentialLR", [WARM, STEP], milestones=[0]),
        several("one", "SequentialLR", [COSINE], milestones=[]),
        several("restarts late", "SequentialLR", [WARM, RESTARTS], milestones=[6]),
        several("nested", "SequentialLR", [INNER, COSINE], milestones=[30]),
        several("chained first", "SequentialLR", [BOTH, COSINE], milestones=[30]),
    ],
    "ChainedScheduler": [
        several("held and falling", "ChainedScheduler", [HELD, FALL]),
        several("three", "ChainedScheduler", [WARM, STEP, COSINE]),
        several("one", "ChainedScheduler", [RESTARTS]),
        several("nested", "ChainedScheduler", [BOTH, INNER]),
    ],
}


def swa(**settings: Any) -> tuple[str, Build]:
    def build(lib: Any, optimizer: Any, **more: Any) -> Any:
        return lib.optim.swa_utils.SWALR(optimizer, **settings, **more)

    return f"SWALR({settings})", build


CONFIGS = {f"optim.lr_scheduler.{name}": configs for name, configs in _CONFIGS.items()}
CONFIGS["optim.swa_utils.SWALR"] = [
    swa(swa_lr=0.05),
    swa(swa_lr=[0.3, 0.001], anneal_epochs=20, anneal_strategy="linear"),
    swa(swa_lr=0.05, anneal_epochs=0),
    swa(swa_lr=0.05, anneal_epochs=1),
]

BROKEN: dict[str, list[tuple[str, Build]]] = {
    "LambdaLR": [made("LambdaLR", lr_lambda=[math.cos]), made("LambdaLR", lr_lambda=3)],
    "MultiplicativeLR": [made("MultiplicativeLR", lr_lambda=[math.cos] * 3), made("MultiplicativeLR", lr_lambda=3)],
    "StepLR": [made("StepLR", step_size=3, last_epoch=2)],
    "ConstantLR": [made("ConstantLR", factor=1.1), made("ConstantLR", factor=-0.1)],
    "LinearLR": [
        made("LinearLR", start_factor=0),
        made("LinearLR", start_factor=1.5),
        made("LinearLR", end_factor=-0.1),
        made("LinearLR", end_factor=1.1),
    ],
    "CosineAnnealingLR": [made("CosineAnnealingLR", T_max=3, last_epoch=2)],
    "CosineAnnealingWarmRestarts": [
        made("CosineAnnealingWarmRestarts", T_0=0),
        made("CosineAnnealingWarmRestarts", T_0=2.5),
        made("CosineAnnealingWarmRestarts", T_0=2, T_mult=0),
        made("CosineAnnealingWarmRestarts", T_0=2, eta_min="0"),
    ],
    "CyclicLR": [
        made("CyclicLR", **UP_DOWN, mode="other"),
        made("CyclicLR", base_lr=[0.1], max_lr=0.2),
        made("CyclicLR", base_lr=0.1, max_lr=[0.2] * 3),
    ],
    "OneCycleLR": [
        made("OneCycleLR", max_lr=0.1),
        made("OneCycleLR", max_lr=0.1, epochs=3),
        made("OneCycleLR", max_lr=0.1, total_steps=0),
        made("OneCycleLR", max_lr=0.1, total_steps=1.5),
        made("OneCycleLR", max_lr=0.1, epochs=0, steps_per_epoch=3),
        made("OneCycleLR", max_lr=0.1, epochs=3, steps_per_epoch=-1),
        made("OneCycleLR", **ONE, pct_start=1.1),
        made("OneCycleLR", **ONE, pct_start=1),
        made("OneCycleLR", **ONE, anneal_strategy="other"),
        made("OneCycleLR", max_lr=[0.1], total_steps=10),
    ],
    "ReduceLROnPlateau": [
        made("ReduceLROnPlateau", factor=1.0),
        made("ReduceLROnPlateau", mode="other"),
        made("ReduceLROnPlateau", threshold_mode="other"),
        made("ReduceLROnPlateau", min_lr=[0.1]),
    ],
    "SequentialLR": [
        several("none", "SequentialLR", [], milestones=[]),
        several("too few milestones", "SequentialLR", [STEP, FALL], milestones=[]),
        several("plateau", "SequentialLR", [made("ReduceLROnPlateau"), FALL], milestones=[3]),
        several("no scheduler", "SequentialLR", [("", lambda lib, optimizer: 3)], milestones=[]),
    ],
    "ChainedScheduler": [
        several("none", "ChainedScheduler", []),
        several("plateau", "ChainedScheduler", [FALL, made("ReduceLROnPlateau")]),
    ],
}
BROKEN = {f"optim.lr_scheduler.{name}": builds for name, builds in BROKEN.items()}
BROKEN["optim.swa_utils.SWALR"] = [
    swa(swa_lr=[0.1]),
    swa(swa_lr=0.1, anneal_strategy="other"),
    swa(swa_lr=0.1, anneal_epochs=-1),
    swa(swa_lr=0.1, anneal_epochs=1.5),
]
