"""Calls of modules with other parameters and buffers than their own."""

from __future__ import annotations

import warnings
from typing import Any

from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError
from gpunn.nn.data_parallel import DataParallel
from gpunn.nn.module import Module
from gpunn.tensor import Tensor

_MISSING: Any = object()


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`gpunn.func.functional_call` under its older name, of one dict."""
    warnings.warn(
        "gpunn.nn.utils.stateless.functional_call is deprecated. Please use gpunn.func.functional_call instead.",
        FutureWarning,
        stacklevel=2,
    )
    return called_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def called_with(
    module: Module,
    named: dict[str, Tensor],
    args: Any,
    kwargs: dict[str, Any] | None,
    tie_weights: bool,
    strict: bool,
) -> Any:
    """`module(*args, **kwargs)` with the tensors `named` in their places; what has changed there goes into `named`."""
    if isinstance(module, DataParallel):
        raise GraphError("The stateless API can't be used with nn.DataParallel module")
    whole = _untied(module, named) if tie_weights else named
    if strict:
        _check_names(module, whole)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    before: dict[str, Any] = {}
    try:
        for name, value in whole.items():
            before[name] = _swapped(module, name, value)
        return module(*arguments, **(kwargs or {}))
    finally:
        after = {name: _swapped(module, name, value) for name, value in before.items()}
        named.update({name: value for name, value in after.items() if name in named and value is not _MISSING})


def _swapped(module: Module, path: str, value: Any) -> Any:
    """Put `value` in the place of the parameter, buffer or attribute at `path`; what was there."""
    prefix, _, name = path.rpartition(".")
    owner = module.get_submodule(prefix)
    if value is not _MISSING and value is not None and not isinstance(value, Tensor):
        raise ArgumentTypeError(f"{path}: {value!r} is not an instance of gpunn.Tensor")
    for table in (owner._parameters, owner._buffers):
        if name in table:
            before = table[name]
            if value is _MISSING:
                del table[name]
            else:
                table[name] = value
            return before
    if isinstance(getattr(type(owner), name, None), property):
        raise ArgumentError(
            f"functional_call: {path} is computed by a parametrization; give its originals, such as "
            f"{prefix + '.' * bool(prefix)}parametrizations.{name}.original"
        )
    before = getattr(owner, name, _MISSING)
    if before is not _MISSING and before is not None and not isinstance(before, Tensor):
        raise ArgumentTypeError(f"{path}: {before!r} is not an instance of gpunn.Tensor")
    if value is not _MISSING:
        object.__setattr__(owner, name, value)
    elif before is not _MISSING:
        object.__delattr__(owner, name)
    return before


def _all_named(module: Module) -> dict[str, Tensor]:
    """The parameters and buffers by all of their names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _untied(module: Module, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """`named`, and each of its tensors also for the other names of the parameter in whose place it comes."""
    together: dict[int, list[str]] = {}
    for name, own in _all_named(module).items():
        together.setdefault(id(own), []).append(name)
    whole = dict(named)
    for names in together.values():
        given = [name for name in names if name in named]
        if len({id(named[name]) for name in given}) > 1:
            raise ArgumentError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for name in names if given else ():
            whole[name] = named[given[0]]
    return whole


def _check_names(module: Module, named: dict[str, Tensor]) -> None:
    """Raise GraphError unless `named` has all names of `module`, and no others."""
    own = _all_named(module)
    lists = {"Unexpected": [n for n in named if n not in own], "Missing": [n for n in own if n not in named]}
    problems = [f"{what} key(s): {', '.join(map(repr, names))}." for what, names in lists.items() if names]
    if problems:
        text = "\n\t".join(problems)
        raise GraphError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t{text}")
