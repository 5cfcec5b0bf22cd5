"""What comes before the operations that choose their own dtype inside `autocast`, as gpunn/ops/precision.py says.

It is put before each public operation of the tables: one look at the state, when nothing is autocast.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from gpunn import backend, dtypes
from gpunn.dtypes import dtype
from gpunn.engine import Variable, autocast
from gpunn.ops import precision
from gpunn.ops.precision import Given, Policy
from gpunn.ops.shape.conversion import cast

state_now: Final = autocast.current.get
FLOATING: Final = (dtypes.float16, dtypes.bfloat16, dtypes.float32)


def guard(function: Callable[..., Any], policies: Mapping[str, Policy]) -> Callable[..., Any]:
    """`function`, which inside `autocast` first casts its floating tensors as the policy for their device says."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        state = state_now()
        if not state.enabled:
            return function(*args, **kwargs) if kwargs else function(*args)
        kind = _device_type((*args, *kwargs.values()))
        policy = policies.get(kind) if kind in state.enabled else None
        if policy is None or not policy.applies(given := signature.bind(*args, **kwargs).arguments):
            return function(*args, **kwargs)
        return _called(function, policy, kind, given, args, kwargs)

    guarded.policies = policies  # type: ignore[attr-defined]
    return guarded


def _called(
    function: Callable[..., Any], policy: Policy, kind: str, given: Given, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """function(*args, **kwargs) in the dtype of `policy`; what it calls itself does not choose again."""
    state = state_now()
    tensors = [x for x in _tensors((args, kwargs)) if _is_eligible(x, kind)]
    to = policy.choose(tensors, state.lower[kind], given)
    known = {id(x): _as(x, to, state, kind) for x in tensors}
    token = autocast.current.set(state._replace(enabled=tuple([k for k in state.enabled if k != kind])))
    try:
        return function(*_exchanged(args, known), **_exchanged(kwargs, known))
    finally:
        autocast.current.reset(token)


def _device_type(values: Any) -> str:
    """The type of device that an operation runs on: "cuda" if one of its tensors is there; "" without tensors."""
    kinds = {backend.device_of(x.array).type for x in _tensors(values)}
    return "cuda" if "cuda" in kinds else "cpu" if kinds else ""


def _tensors(value: Any) -> list[Any]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Variable):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [x for part in value for x in _tensors(part)] if isinstance(value, (tuple, list)) else []


def _exchanged(value: Any, known: dict[int, Any]) -> Any:
    """`value` with the tensors in `known` in place of those with these ids."""
    if isinstance(value, Variable):
        return known.get(id(value), value)
    if isinstance(value, dict):
        return {key: _exchanged(part, known) for key, part in value.items()}
    if not isinstance(value, (tuple, list)):
        return value
    parts = [_exchanged(part, known) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _is_eligible(x: Any, kind: str) -> bool:
    """Whether autocast on devices of this kind may cast `x`: it is floating, and not float64."""
    return dtypes.of(x.array) in FLOATING and backend.device_of(x.array).type == kind


def _as(x: Any, to: dtype, state: autocast.State, kind: str) -> Any:
    """`x` in the dtype `to`: a parameter that goes to the lower precision is cast once in a region."""
    if dtypes.of(x.array) is to:
        return x
    is_parameter = x._requires_grad and x._base is None and x.is_leaf and dtypes.of(x.array) is dtypes.float32
    if not (is_parameter and state.is_caching and to is state.lower[kind]):
        return cast(x, to)
    found = autocast.kept(x, to)
    if found is None:
        found = cast(x, to)
        autocast.keep(x, to, found)
    return found


def install() -> None:
    """Put the guarded functions in the places of those of the tables, in all modules of gpunn.ops."""
    policies: dict[Callable[..., Any], dict[str, Policy]] = {}
    for kind, rows in precision.TABLES.items():
        for policy, table in rows:
            for place, names in table.items():
                for name in names.split():
                    function = getattr(import_module(f"gpunn.ops.{place}"), name)
                    policies.setdefault(function, {})[kind] = policy
    guarded = {function: guard(function, of) for function, of in policies.items()}
    for path, module in list(sys.modules.items()):
        if path.startswith("gpunn.ops"):
            for name, value in list(vars(module).items()):
                if inspect.isfunction(value) and value in guarded:
                    setattr(module, name, guarded[value])
