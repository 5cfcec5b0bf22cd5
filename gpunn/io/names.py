"""Classes and functions in files: written as names, and looked up only where the program allows it.

A name in a file is never imported and never called by `load`. Names of gpunn's own layers and operations are known;
those of a program must be in its list of safe names, or the program says weights_only=False, and they are taken from
the modules that it has imported. What gpunn.nn and its like show has the name that it has there, whichever module
defines it.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gpunn.errors import ArgumentTypeError, FileFormatError
from gpunn.nn.module import Module

KINDS: Final = (type, types.FunctionType, types.BuiltinFunctionType)
_OWN: Final = ("gpunn.nn.", "gpunn.ops.", "gpunn.vision.models.")
_SHOWN: Final = ("gpunn.nn", "gpunn.nn.functional", "gpunn.vision.models")
_safe: dict[str, Any] = {}


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Let `load` rebuild modules of these classes, and give their attributes these functions."""
    _safe.update({_written(thing): thing for thing in _checked(safe_globals)})


def get_safe_globals() -> list[Any]:
    """The classes and functions that were added."""
    return list(_safe.values())


def clear_safe_globals() -> None:
    """Forget them all."""
    _safe.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: Sequence[Any]) -> Iterator[None]:
    """`add_safe_globals` for the time of a `with` block."""
    before = dict(_safe)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _safe.clear()
        _safe.update(before)


def _checked(things: Iterable[Any]) -> Iterator[Any]:
    for thing in things:
        if not isinstance(thing, KINDS):
            raise ArgumentTypeError(f"add_safe_globals: expected classes and functions, got {thing!r}")
        yield thing


def name_of(thing: Any) -> str:
    """module:qualname of a class or function; "" for one that has none by which it could be found again."""
    name = _written(thing)
    return name if _imported(name) is thing else ""


def _written(thing: Any) -> str:
    """The name of a class or function, in the module that shows it to users if there is one."""
    defined = _defined(thing)
    if defined.startswith(_OWN):
        for module in _SHOWN:
            name = f"{module}:{thing.__qualname__}"
            if _imported(name) is thing:
                return name
    return defined


def _defined(thing: Any) -> str:
    """Its name in the module that defines it."""
    return f"{getattr(thing, '__module__', None)}:{getattr(thing, '__qualname__', None)}"


def find(name: str, trusting: bool) -> Any:
    """The class or function `name`. Raises FileFormatError unless it is safe, or gpunn's, or the file is trusted."""
    if name in _safe:
        return _safe[name]
    found = _imported(name)
    if found is not None and (trusting or _is_own(name, found)):
        return found
    what = "which the program has not imported" if found is None else "which is not among the safe ones"
    shown = name.replace(":", ".")
    raise FileFormatError(
        f"load: the file names {shown}, {what}. If you trust the file, import that and use "
        f"gpunn.serialization.safe_globals([{shown.rpartition('.')[2]}]), or load(..., weights_only=False)"
    )


def _is_own(name: str, found: Any) -> bool:
    """Whether gpunn defines what has this name, rather than imports it from elsewhere."""
    own = _defined(found).startswith(_OWN) and name in (_written(found), _defined(found))
    return own and (not isinstance(found, type) or issubclass(found, Module))


def _imported(name: str) -> Any:
    """The class or function of this name in a module that has been imported; None if there is none.

    Modules inside a module are not entered: what they hold has a name of its own.
    """
    module, _, path = name.partition(":")
    first, *inner = path.split(".")
    found: Any = vars(sys.modules[module]).get(first) if module in sys.modules else None
    for part in inner:
        found = vars(found).get(part) if isinstance(found, type) else None
    return found if isinstance(found, KINDS) else None
