"""torch.jit for programs that mark functions to be compiled: here they run as they are, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")


class ScriptModule:
    """What `script` makes of a module in PyTorch. Nothing here is an instance."""


class ScriptFunction:
    """What `script` makes of a function in PyTorch. Nothing here is an instance."""


def script(obj: T, optimize: Any = None, example_inputs: Any = None) -> T:
    """`obj` itself: a function, a class or a module, which runs as Python."""
    return obj


def trace(
    func: T,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    example_kwarg_inputs: Any = None,
) -> T:
    """`func` itself, which is not called for it."""
    return func


def unmarked(fn: T) -> T:
    """`fn` itself."""
    return fn


def ignore(drop: Any = False) -> Any:
    """A decorator, used with or without arguments, that changes nothing."""
    return drop if callable(drop) else unmarked


def is_scripting() -> bool:
    """False: functions run as Python."""
    return False


def annotate(the_type: Any, the_value: T) -> T:
    """The value, whatever its type."""
    return the_value


_AS_THEY_ARE: Final[dict[str, Callable[..., Any]]] = {
    **dict.fromkeys(("export", "unused", "freeze", "optimize_for_inference", "script_method"), unmarked),
    **dict.fromkeys(("is_scripting", "is_tracing"), is_scripting),
}
JIT: Final[dict[str, Any]] = {
    "ScriptModule": ScriptModule,
    "ScriptFunction": ScriptFunction,
    "Final": Final,
    "annotate": annotate,
    "ignore": ignore,
    "script": script,
    "trace": trace,
    **_AS_THEY_ARE,
}
