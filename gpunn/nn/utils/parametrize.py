"""Parametrizations: a parameter of a module that is computed from others, each time it is looked at.

`module.weight` becomes a property of a class made for this module: it calls `module.parametrizations.weight`, which
holds the tensors that are learned, as `original` or as `original0`, `original1`, …
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self, TypeVar

from gpunn import engine
from gpunn.errors import ArgumentError, GraphError
from gpunn.nn.container.modules import ModuleDict, ModuleList
from gpunn.nn.module import Module
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Tensor

M = TypeVar("M", bound=Module)

_cache: ContextVar[dict[tuple[int, str], Tensor] | None] = ContextVar("parametrized", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once, at its first use."""
    if _cache.get() is not None:
        yield
        return
    before = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(before)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other to what they start from.

    What that is says `right_inverse` of the first: a tensor of the dtype and device of the old one, which goes into
    `original`, or several, which become `original0`, `original1`, … and new parameters.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with engine.no_grad():
            new = self._inverted(original, strict=False)
        self.is_tensor = isinstance(new, Tensor)
        shape, dtype = original.shape, original.dtype
        if isinstance(new, Tensor):
            if (new.dtype, new.device) != (original.dtype, original.device):
                raise ArgumentError(
                    "When `right_inverse` outputs one tensor, it may not change dtype and device: "
                    f"{original.dtype} on {original.device} became {new.dtype} on {new.device}"
                )
            first = Parameter(new, original.requires_grad) if isinstance(original, Parameter) else new
            _register(self, "original", first)
            self.ntensors = 1
        else:
            self._register_several(new, original)
        if not unsafe:
            _check_alike(f"parametrization {type(modules[0]).__name__}", self(), shape, dtype)
        if self.is_tensor:  # the parameter itself, so that an optimizer that has it goes on with it
            original.data = self.original.data
            self.original = original

    def _register_several(self, new: Any, original: Tensor) -> None:
        if not isinstance(new, Sequence) or not all(isinstance(t, Tensor) for t in new):
            raise ArgumentError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.ntensors = len(new)
        for i, t in enumerate(new):
            t = Parameter(t.data, original.requires_grad) if isinstance(original, Parameter) else t
            _register(self, f"original{i}", t)

    def _inverted(self, value: Any, strict: bool) -> Any:
        """What the parametrizations make `value` of. Without a `right_inverse` it is itself, or an error (`strict`)."""
        for module in reversed(list(self)):
            inverse = getattr(module, "right_inverse", None)
            if inverse is None and strict:
                raise GraphError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            try:
                value = value if inverse is None else inverse(value)
            except NotImplementedError:
                if strict:
                    raise
        return value

    def originals(self) -> list[Tensor]:
        """The tensors that the first parametrization gets."""
        return [getattr(self, name) for name in self._names()]

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    @engine.no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Let the parametrized tensor have `value`, as far as the right inverses of the parametrizations can."""
        found = self._inverted(value, strict=True)
        new = [found] if isinstance(found, Tensor) else list(found)
        if len(new) != self.ntensors:
            raise ArgumentError(f"'right_inverse' must return {self.ntensors} tensors. Got {len(new)}.")
        for name, old, t in zip(self._names(), self.originals(), new, strict=True):
            if not isinstance(t, Tensor) or t.dtype != old.dtype:
                what = t.dtype if isinstance(t, Tensor) else type(t).__name__
                raise ArgumentError(f"'right_inverse' returned {what} for `{name}`, which has dtype {old.dtype}")
        for old, t in zip(self.originals(), new, strict=True):
            old.data = t.data

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *others = self
        x = first(*self.originals())
        for module in others:
            x = module(x)
        return x


def _register(module: Module, name: str, t: Tensor) -> None:
    if isinstance(t, Parameter):
        module.register_parameter(name, t)
    else:
        module.register_buffer(name, t)


def _check_alike(what: str, t: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not isinstance(t, Tensor):
        raise ArgumentError(f"A parametrization must return a tensor. Got {type(t).__name__}.")
    if (t.shape, t.dtype) != (shape, dtype):
        raise ArgumentError(
            "Registering a parametrization may not change the shape and dtype of the tensor, unless `unsafe` flag is "
            f"enabled: {what} makes {tuple(t.shape)} {t.dtype} of {tuple(shape)} {dtype}"
        )


class _Parametrized:
    """What a module with parametrizations can besides: its class derives from this and from the class before."""

    def __getstate__(self) -> Any:
        raise GraphError(
            f"{type(self).__name__}: a parametrized module cannot be pickled; save its state_dict(), or remove the "
            "parametrizations first"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        kind = type(self)
        twin = kind.__new__(kind)
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(vars(self), memo))
        vars(twin).pop("_compiled", None)  # it would call this one
        twin.__class__ = type(kind.__name__, kind.__bases__, {**vars(kind)})  # its properties come and go alone
        return twin


def _property_of(name: str) -> property:
    """The attribute `name` of a parametrized module."""

    def get(self: Any) -> Tensor:
        compute = self.parametrizations[name]
        cache = _cache.get()
        if cache is None:
            return compute()
        key = id(self), name
        if key not in cache:
            cache[key] = compute()
        return cache[key]

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def register_parametrization(module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> M:
    """`module`, whose parameter or buffer `tensor_name` is from now on `parametrization(original)`.

    A second one is applied to what the first returns. `right_inverse` of the parametrization, if it has one, says
    which original gives the present value; it is also what an assignment `module.weight = value` calls. Unless
    `unsafe`, the shape and the dtype must stay. Original tensors that are new must be given to the optimizer.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        found = module.parametrizations[tensor_name]
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        found.append(parametrization)
        found.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    found = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        kind = type(module)
        module.__class__ = type(f"Parametrized{kind.__name__}", (_Parametrized, kind), {})
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property_of(tensor_name))
    module.parametrizations[tensor_name] = found
    return module


def _check_next(module: Module, name: str, parametrization: Module) -> None:
    """Raise ArgumentError if `parametrization`, or its right inverse, changes shape or dtype of the tensor."""
    before = getattr(module, name)
    after = parametrization(before)
    kind = type(parametrization).__name__
    _check_alike(kind, after, before.shape, before.dtype)
    inverse = getattr(parametrization, "right_inverse", None)
    if inverse is not None:
        try:
            back = inverse(after)
        except NotImplementedError:
            return
        _check_alike(f"{kind}.right_inverse", back, before.shape, before.dtype)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether `module` has a parametrization, of `tensor_name` if given. Modules inside it do not count."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """`module` with `tensor_name` as a parameter or buffer again.

    It has the parametrized value, or that of the original tensor, of which there must be one.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    found = module.parametrizations[tensor_name]
    if not found.is_tensor and not leave_parametrized:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    value = getattr(module, tensor_name)
    if found.is_tensor:
        result = found.original
        if leave_parametrized:
            result.data = value.data
    else:
        result = Parameter(value.data) if value.requires_grad else value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[1]
    _register(module, tensor_name, result)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of `module` without its parametrizations."""
    return type(module).__bases__[1] if is_parametrized(module) else type(module)
