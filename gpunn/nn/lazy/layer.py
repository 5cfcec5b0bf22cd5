"""Layers that learn the number of their inputs from the first input, and then are the usual layers.

```
net = nn.Sequential(nn.LazyConv2d(6, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
net(x)          # from here on Conv2d(1, 6, …) and Linear(3456, 10)
```

Until then their parameters are UninitializedParameters, which optimizers accept, and are not part of state dicts. A
state dict of the usual layer can be loaded and gives them their shapes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar

from gpunn.backend import DeviceLike
from gpunn.dtypes import dtype as dtype_of
from gpunn.nn.linear import Linear
from gpunn.nn.module import Module
from gpunn.nn.parameter import UninitializedParameter
from gpunn.ops import ones, zeros
from gpunn.tensor import Tensor

NOT_YET = (0,)  # the shape of what is not initialized


class Lazy(Module):
    """What lazy layers share; `cls_to_become` is the usual layer, whose attribute `counted` is the number wanted."""

    cls_to_become: ClassVar[Any]
    counted: ClassVar[str]

    def _start(self, device: DeviceLike, dtype: dtype_of | None) -> None:
        """Forget the parameters' shapes, which were made for 0 inputs."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(True, device, dtype)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of parameters, once `counted` is known."""
        raise NotImplementedError

    def _count(self, input: Tensor) -> int:
        """What `input` says of `counted`."""
        return int(input.shape[1])

    def has_uninitialized_params(self) -> bool:
        """Whether there are parameters or buffers without a shape."""
        return any(True for _ in self._missing())

    def _missing(self) -> Iterator[tuple[str, Any]]:
        for name, parameter in self._parameters.items():
            if isinstance(parameter, UninitializedParameter):
                yield name, parameter
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.array.shape == NOT_YET:
                yield name, buffer

    def _materialize(self, name: str, shape: tuple[int, ...]) -> None:
        parameter, old = self._parameters.get(name), self._buffers.get(name)
        if isinstance(parameter, UninitializedParameter):
            parameter.materialize(shape)
        elif old is not None:
            fill = ones if name == "running_var" else zeros
            self._buffers[name] = fill(shape, device=old.device, dtype=old.dtype)

    def initialize_parameters(self, input: Tensor) -> None:
        """Give the parameters their shapes, as `input` needs them, and their first values."""
        if not self.has_uninitialized_params():
            return
        setattr(self, self.counted, self._count(input))
        self._check()
        for name, shape in self._shapes().items():
            if any(name == missing for missing, _ in self._missing()):
                self._materialize(name, shape)
        self.cls_to_become.reset_parameters(self)

    def _check(self) -> None:
        """Raise if the number of inputs does not fit the settings."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew, if they have a shape."""
        if getattr(self, self.counted) and not self.has_uninitialized_params():
            self.cls_to_become.reset_parameters(self)

    def forward(self, input: Tensor, *rest: Any, **options: Any) -> Any:
        """Become the usual layer, and go on as it does."""
        self.initialize_parameters(input)
        if not getattr(self, self.counted):  # the state dict came first
            setattr(self, self.counted, self._count(input))
        self.__class__ = self.cls_to_become
        return self.forward(input, *rest, **options)

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        missing = {name for name, _ in self._missing()}
        for name, tensor in super()._own_state():
            if name not in missing:
                yield name, tensor

    def _state_keys(self, path: str) -> list[str]:
        own = [name for name, _ in self._missing()]
        return super()._state_keys(path) + [f"{path}.{name}" if path else name for name in own]

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        _, missing_keys, _, problems = rest
        for name, _ in self._missing():
            value = state_dict.get(prefix + name)
            if value is None:
                missing_keys.append(prefix + name)
            elif not isinstance(value, Tensor):
                problems.append(f'expected gpunn.Tensor for "{prefix + name}" but received {type(value)}')
            else:
                local_metadata["plan"] += [
                    functools.partial(self._materialize, name, tuple(value.shape)),
                    functools.partial(self._load, name, value, local_metadata["assign"]),
                ]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class LazyLinear(Lazy, Linear):
    """`Linear` with as many in_features as the first input has."""

    cls_to_become = Linear
    counted = "in_features"

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: dtype_of | None = None
    ) -> None:
        Linear.__init__(self, 0, out_features, bias, device, dtype)
        self._start(device, dtype)

    def _count(self, input: Tensor) -> int:
        return int(input.shape[-1])

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.out_features, self.in_features), "bias": (self.out_features,)}
