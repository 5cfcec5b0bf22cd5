"""Modules whose parameters have no first values yet."""

from __future__ import annotations

import inspect
from typing import TypeVar

from gpunn.errors import GraphError
from gpunn.nn.init import skipped
from gpunn.nn.module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: object, **kwargs: object) -> M:
    """`module_cls(*args, **kwargs)`, in whose constructor the functions of nn.init do nothing and draw nothing.

    For modules that get their values from elsewhere. `module_cls` must take `device`, as PyTorch's must; it is "cpu"
    unless given. Raises GraphError otherwise, or if it is no Module.
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise GraphError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise GraphError("Module must support a 'device' arg to skip initialization")
    kwargs.setdefault("device", "cpu")
    token = skipped.set(True)
    try:
        return module_cls(*args, **kwargs)
    finally:
        skipped.reset(token)
