"""GradScaler: the loss times a scale, so that gradients in float16 do not vanish, and its way from step to step."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from gpunn import backend, capture, dtypes, engine
from gpunn.errors import ArgumentError
from gpunn.ops import gradients
from gpunn.ops.creation import full
from gpunn.optim import Optimizer
from gpunn.tensor import Tensor


class ScalerError(ArgumentError, AssertionError):
    """A wrong argument, or calls in a wrong order. PyTorch raises AssertionError or RuntimeError for them."""


class OptState(Enum):
    """How far an optimizer is in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Scales losses, and steps optimizers with gradients that are scaled back, unless one of these is not finite.

        scaler = GradScaler()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    The scale is multiplied by `backoff_factor` after an iteration with infinite or NaN gradients, whose steps are left
    out, and by `growth_factor` after `growth_interval` iterations without one. Scale and count lie on the device of
    the first loss and are updated there; gradients are scaled back and looked through in one launch for each dtype.
    `step` waits for the answer, as PyTorch's does, but not in a captured step, where the GPU decides.
    Micikevicius et al. 2018.

    Raises ScalerError for factors on the wrong side of 1. Disabled, it passes losses on and steps as without. "cuda"
    without a GPU disables it, with a warning.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda" and backend.cuda_problem() is not None:
            warnings.warn("GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if self._enabled:
            if growth_factor <= 1.0:
                raise ScalerError(f"GradScaler: The growth factor must be > 1.0, got {growth_factor}.")
            if backoff_factor >= 1.0:
                raise ScalerError(f"GradScaler: The backoff factor must be < 1.0, got {backoff_factor}.")
            self._init_scale, self._init_growth_tracker = init_scale, 0
            self._scale: Tensor | None = None  # float32, made on the device of the first loss
            self._growth_tracker: Tensor | None = None  # int32
            self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
            self._growth_interval = growth_interval
            self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh)

    def scale(self, outputs: Any) -> Any:
        """`outputs` times the scale: a tensor, or tuples, lists and other iterables of tensors."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._start(outputs)
            return outputs * self._scale_on(outputs.device)
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ArgumentError(f"scale: outputs must be a Tensor or an iterable of Tensors, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of `optimizer` by the scale, in place, and note whether all are finite.

        `step` does it unless it has been done before, as is needed to look at gradients or to clip them.
        """
        if not self._enabled:
            return
        scale, _ = self._started("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise ScalerError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise ScalerError("unscale_() is being called after step().")
        with engine.no_grad():
            inverse = scale.double().reciprocal().float()
        state["found_inf_per_device"] = _unscaled(optimizer, inverse)
        state["stage"] = OptState.UNSCALED

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(*args, **kwargs) with unscaled gradients, or nothing if one of these is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise ScalerError("step: Closure use is not currently supported if GradScaler is enabled.")
        self._started("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise ScalerError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        found = state["found_inf_per_device"]
        if not found:
            raise ScalerError("step: No inf checks were recorded for this optimizer; no parameter has a gradient.")
        if capture.current() is not None:
            result = optimizer.step_unless([*found.values()], *args, **kwargs)
        else:
            result = None if any([flag.item() for flag in found.values()]) else optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale by what the steps since the last update found, or to `new_scale`. Ends an iteration."""
        if not self._enabled:
            return
        scale, tracker = self._started("update")
        if new_scale is not None:
            self._set(scale, new_scale)
        else:
            states = self._per_optimizer_states.values()
            flags = [flag.to(scale.device) for state in states for flag in state["found_inf_per_device"].values()]
            if not flags:
                raise ScalerError("No inf checks were recorded prior to update.")
            with engine.no_grad():
                found = flags[0]
                for flag in flags[1:]:
                    found = found + flag
            factors = self._growth_factor, self._backoff_factor
            gradients.update_scale_(scale, tracker, found, *factors, self._growth_interval)
        self._per_optimizer_states = defaultdict(_fresh)

    def _set(self, scale: Tensor, new: float | Tensor) -> None:
        if isinstance(new, Tensor):
            if new.device.type != self._device or new.numel() != 1 or new.requires_grad:
                raise ScalerError(
                    f"update: new_scale should be a float or a 1-element float32 tensor on {self._device} with "
                    f"requires_grad=False, got one of shape {tuple(new.shape)} on {new.device}"
                )
            scale.copy_(new.reshape(()))
        else:
            scale.fill_(float(new))

    def _start(self, like: Tensor) -> None:
        self._scale = full((), self._init_scale, dtype=dtypes.float32, device=like.device)
        self._growth_tracker = full((), self._init_growth_tracker, dtype=dtypes.int32, device=like.device)

    def _started(self, name: str) -> tuple[Tensor, Tensor]:
        """Scale and count, which `scale` makes."""
        if self._scale is None or self._growth_tracker is None:
            raise ScalerError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or "
                "outputs) earlier in the iteration."
            )
        return self._scale, self._growth_tracker

    def _scale_on(self, device: backend.device) -> Tensor:
        return self._started("scale")[0].to(device)

    def get_scale(self) -> float:
        """The scale, 1 if disabled. Waits for the device."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after infinite gradients."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after infinite gradients."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many iterations with finite gradients the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many iterations with finite gradients the scale grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale, factors, interval and count, as numbers; {} if disabled. Call it after `update`."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. Nothing happens if disabled."""
        if not self._enabled:
            return
        if not state_dict:
            raise ScalerError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        values = [state_dict[name] for name in ("scale", "growth_factor", "backoff_factor", "growth_interval")]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        self._init_scale, self._growth_factor, self._backoff_factor, self._growth_interval = values
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._enabled:
            if self._per_optimizer_states:
                raise ScalerError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state["_init_scale"], state["_init_growth_tracker"] = self.get_scale(), self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _unscaled(optimizer: Optimizer, inverse: Tensor) -> dict[backend.device, Tensor]:
    """Multiply the gradients by `inverse`; for each device 1 if one of them was not finite, else 0."""
    by_device: dict[backend.device, list[Tensor]] = defaultdict(list)
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is None:
                continue
            if p.grad.dtype is dtypes.float16:
                raise ScalerError(
                    "Attempting to unscale FP16 gradients: parameters should be float32, their products in float16 "
                    "are the business of autocast; model.float()"
                )
            by_device[p.grad.device].append(p.grad)
    flags = {device: full((), 0.0, dtype=dtypes.float32, device=device) for device in by_device}
    for device, grads in by_device.items():
        gradients.unscale_(grads, flags[device], inverse.to(device))
    return flags
