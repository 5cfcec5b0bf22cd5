"""What a graph was recorded for: a call with other tensors, numbers or surroundings needs a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from gpunn import backend, dtypes
from gpunn.engine import autocast, modes
from gpunn.kernels.settings import settings
from gpunn.tensor import Tensor


class Same:
    """An argument that cannot be compared: a key holds for this very object."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def surroundings() -> tuple[Hashable, ...]:
    """What holds around a call and decides what its operations do: grad mode, default types, autocasting, TF32."""
    casting = autocast.current.get()
    return (
        modes.recording.get(),
        modes.inference.get(),
        dtypes.get_default_dtype(),
        str(backend.get_default_device()),
        casting.enabled,
        tuple(casting.lower.items()) if casting.enabled else (),
        backend.is_tf32_in_products(),
        settings.tf32_in_convolutions,
        settings.library_products,
    )


def key_of(value: Any, tensors: list[Tensor]) -> Hashable:
    """What must be equal in two calls for one graph to serve both; the tensors in `value` are added to `tensors`.

    Lists, tuples and dicts are looked into. A tensor counts by shape, strides, dtype and device; one that requires a
    gradient, and any object that cannot be hashed, by identity.
    """
    if isinstance(value, Tensor):
        tensors.append(value)
        array = value.array
        if value.requires_grad or not backend.is_cuda(array):
            return Same(value), Same(array)
        return "tensor", array.shape, array.strides, array.dtype, array.device.id
    if isinstance(value, list | tuple):
        return type(value), tuple([key_of(item, tensors) for item in value])
    if isinstance(value, dict):
        return dict, tuple([(Same(k) if isinstance(k, Tensor) else k, key_of(v, tensors)) for k, v in value.items()])
    try:
        hash(value)
    except TypeError:
        return Same(value)
    return type(value), value


def replaced(value: Any, change: Callable[[Any], Any], kinds: type | tuple[type, ...] = Tensor) -> Any:
    """`value` with `change(tensor)` in place of each tensor in it, also inside lists, tuples and dicts.

    `kinds`: the types of what is changed, in place of Tensor.
    """
    if isinstance(value, kinds):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[replaced(item, change, kinds) for item in value])
    if type(value) in (list, tuple):
        return type(value)([replaced(item, change, kinds) for item in value])
    if type(value) is dict:
        return {name: replaced(item, change, kinds) for name, item in value.items()}
    return value
