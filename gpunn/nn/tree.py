"""The tree that modules form: the modules, parameters and buffers inside a module, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gpunn.errors import ArgumentError
from gpunn.nn.parameter import Parameter
from gpunn.tensor import Tensor

if TYPE_CHECKING:
    from gpunn.nn.module import Module


class ModuleTree:
    """What Module knows of the modules, parameters and buffers inside it. Only Module derives from this."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(name, module) of this module and all inside it, each module once unless `remove_duplicate` is off."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self  # type: ignore[misc]
        for name, module in self._modules.items():
            if module is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(seen, inner, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all inside it, each once unless `remove_duplicate` is off."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly inside this one, each once."""
        seen: set[Any] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, table: str, prefix: str, recurse: bool, unique: bool) -> Iterator[tuple[str, Any]]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=unique) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name, member in getattr(module, table).items():
                if member is None or id(member) in seen:
                    continue
                if unique:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of all parameters, a shared one only once unless `remove_duplicate` is off."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, a shared one only once; with `recurse` off, only those of this module itself."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(name, buffer) of all buffers, a shared one only once unless `remove_duplicate` is off."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, a shared one only once; with `recurse` off, only those of this module itself."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module at the path `target`, such as "features.0"; the empty path is this module."""
        found: Any = self
        for name in target.split(".") if target else ():
            outer = type(found).__name__
            if not hasattr(found, name):
                raise AttributeError(f"{outer} has no attribute `{name}`")
            found = getattr(found, name)
            if not isinstance(found, ModuleTree):
                raise AttributeError(f"`{name}` of {outer} is not an nn.Module")
        module: Module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at the path `target`, such as "features.0"; with `strict` there must be one already.

        Raises ArgumentError for an empty path or what is no Module, AttributeError if the path does not exist.
        """
        if target == "":
            raise ArgumentError("set_submodule: Cannot set the submodule without a target name!")
        if not isinstance(module, ModuleTree):
            raise ArgumentError(f"set_submodule: `module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if strict and not hasattr(owner, name):
            raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
        if hasattr(owner, name) and not isinstance(getattr(owner, name), ModuleTree):
            raise AttributeError(f"`{name}` of {type(owner).__name__} is not an nn.Module")
        setattr(owner, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path `target`, such as "features.0.weight"."""
        found: Parameter = self._member(target, "_parameters", "an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the path `target`, such as "norm.running_mean"."""
        found: Tensor = self._member(target, "_buffers", "a buffer")
        return found

    def _member(self, target: str, table: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
        found = getattr(owner, table).get(name)
        if found is None:
            raise AttributeError(f"`{name}` of {type(owner).__name__} is not {kind}")
        return found
