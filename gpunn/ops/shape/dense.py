"""Where and how new tensors lie: `layout` and `pin_memory`, which creation functions take as PyTorch's do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

from gpunn.dtypes import public_name
from gpunn.errors import ArgumentTypeError, UnsupportedError

R = TypeVar("R")


class layout:  # noqa: N801 - PyTorch's name
    """How the elements of a tensor are kept: all of them, at regular distances (`strided`); there is no other."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return public_name(self.name)

    def __reduce__(self) -> str:
        return self.name


strided: Final = layout("strided")


def dense(function: Callable[..., R]) -> Callable[..., R]:
    """`function`, which makes a tensor, with the keywords `layout` and `pin_memory` as well.

    Neither changes anything: all tensors are strided, and copies to a GPU go through page-locked memory by themselves.
    """

    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> R:
        if kwargs:
            kept = kwargs.pop("layout", strided)
            pinned = kwargs.pop("pin_memory", False)
            if kept is not strided and kept is not None:
                raise _wrong_layout(function.__name__, kept)
            if pinned is not None and not isinstance(pinned, bool):
                raise ArgumentTypeError(
                    f"{function.__name__}: argument 'pin_memory' must be bool, not {type(pinned).__name__}"
                )
        return function(*args, **kwargs)

    made.__signature__ = _with_both(inspect.signature(function))  # type: ignore[attr-defined]
    return made


def _wrong_layout(op: str, kept: Any) -> Exception:
    if isinstance(kept, layout):
        return UnsupportedError(f"{op}: layout {kept!r} is not supported; expected gpunn.strided")
    return ArgumentTypeError(f"{op}: argument 'layout' must be gpunn.strided, not {type(kept).__name__}")


def _with_both(plain: inspect.Signature) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    both = [
        inspect.Parameter(name, kind, default=default) for name, default in (("layout", strided), ("pin_memory", False))
    ]
    return plain.replace(parameters=[*plain.parameters.values(), *both])
