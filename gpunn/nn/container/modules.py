"""Containers of modules: Sequential, ModuleList, ModuleDict."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from typing import Any, Self

from gpunn.errors import ArgumentError, ArgumentTypeError, IndexRangeError
from gpunn.nn.container.fusion import FUSING, can_fuse, fused
from gpunn.nn.container.pairs import pairs
from gpunn.nn.module import Module, no_module


class _Numbered(Module):
    """A list of modules, registered as "0", "1", …"""

    _modules: dict[str, Module]  # type: ignore[assignment]
    _cut: Callable[[slice], Any]  # a container of the same kind with a part of the modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def _key(self, index: Any) -> str:
        """The name under which module number `index` is registered."""
        i, n = operator.index(index), len(self)
        if not -n <= i < n:
            raise IndexRangeError(f"index {i} is out of range: {type(self).__name__} has {n} modules")
        return list(self._modules)[i]

    def __getitem__(self, index: int | slice) -> Any:
        """Module number `index`, or for a slice a container of the same kind that shares its modules."""
        return self._cut(index) if isinstance(index, slice) else self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        gone = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        self._renumber([module for name, module in self._modules.items() if name not in gone])

    def _renumber(self, modules: Iterable[Module]) -> None:
        self._modules = {str(i): module for i, module in enumerate(modules)}

    def _insert(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise ArgumentTypeError(no_module(module))
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def pop(self, key: int | slice) -> Any:
        """Take out and return module number `key`."""
        found = self[key]
        del self[key]
        return found

    def append(self, module: Module) -> Self:
        """Add `module` at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add all `modules` at the end; returns self."""
        if not isinstance(modules, Iterable):
            name = type(self).__name__
            raise ArgumentTypeError(
                f"{name}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        added = list(modules)
        for module in added:
            if module is not None and not isinstance(module, Module):
                raise ArgumentTypeError(no_module(module))
        for module in added:
            self.append(module)
        return self


class Sequential(_Numbered):
    """Modules called one after the other, each with the result of the one before.

    Sequential(first, second, …), or Sequential(OrderedDict(name=module, …)) to give them names.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        is_named = len(args) == 1 and isinstance(args[0], OrderedDict)
        for name, module in args[0].items() if is_named else {str(i): m for i, m in enumerate(args)}.items():
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """What the first module takes → what the last one gives."""
        first = None  # a layer that the one behind it may be fused with
        for module in self._modules.values():
            if first is not None:
                if can_fuse(first, module):
                    input, first = fused(first, input), None
                    continue
                input, first = first(input), None
            if type(module) in FUSING:
                first = module
            else:
                input = module(input)
        return input if first is None else first(input)

    def _cut(self, part: slice) -> Any:
        return type(self)(OrderedDict(list(self._modules.items())[part]))

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before module number `index`; returns self."""
        n = len(self)
        if not -n <= index <= n:
            raise IndexRangeError(f"Index out of range: {index}, for {n} modules")
        self._insert(index, module)
        return self

    def __add__(self, other: Any) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Any) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(list(self) * self._factor(other)))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (self._factor(other) - 1))

    def _factor(self, other: Any) -> int:
        if not isinstance(other, int):
            raise ArgumentTypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ArgumentError(f"Non-positive multiplication factor {other} for {type(self)}")
        return other


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ArgumentError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


class ModuleList(_Numbered):
    """A list whose modules are registered. It has no forward: the model says what it does with them."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _cut(self, part: slice) -> Any:
        return type(self)(list(self)[part])

    def insert(self, index: int, module: Module) -> None:
        """Put `module` before module number `index`."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Equal neighbours in one line: "(0-2): 3 x ReLU()"."""
        runs: list[list[Any]] = []  # [first, last, repr]
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in runs
        ]
        body = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
        return f"{self._get_name()}({body}\n)" if lines else f"{self._get_name()}()"


class ModuleDict(Module):
    """A dictionary whose modules are registered, in the order in which they were put in."""

    _modules: dict[str, Module]  # type: ignore[assignment]

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take out all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take out and return the module `key`."""
        return self._modules.pop(key)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """(name, module) pairs."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Put in the modules of a mapping, or of a sequence of (name, module) pairs."""
        for key, module in pairs(type(self).__name__, modules):
            self[key] = module
