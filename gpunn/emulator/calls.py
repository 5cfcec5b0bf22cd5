"""Calls of NumPy's ufuncs and functions on emulated arrays, with CuPy's manners.

CuPy never warns about overflow or division by zero, refuses NumPy arrays, answers with 0-d arrays in place of
scalars and takes fewer arguments than NumPy. catalogue.py says what applies to which name.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial, wraps
from typing import Any

import numpy as np

from gpunn.emulator import catalogue, recording
from gpunn.emulator.manners import Call, with_manners
from gpunn.emulator.storage import (
    BFLOAT16,
    Storage,
    adopt,
    emulated,
    synchronisations,
    unwrap,
    wrap,
)

_SCALARS = frozenset({bool, int, float, complex})
_NOWHERE = 99
_SUPPORTED = frozenset("?bhilqBHILQefdFD")


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raise ValueError for a dtype that CuPy's arrays cannot have (object, string, datetime, long double)."""
    if dtype.char not in _SUPPORTED and dtype != BFLOAT16:
        raise ValueError(f"Unsupported dtype {dtype}")


def operand(value: Any) -> Any:
    """What NumPy computes with for the ufunc argument `value`: a host array, or a scalar as it is."""
    kind = type(value)
    if kind is Storage.array_type:
        return value._host
    if kind in _SCALARS or isinstance(value, np.generic):
        return value
    raise TypeError(f"Unsupported type {kind}")


def call_ufunc(ufunc: np.ufunc, *args: Any, **kwargs: Any) -> Any:
    """The result of `ufunc`: a new C-contiguous array, or `out` (also positional), or a tuple of them."""
    if kwargs:
        return _call_with_keywords(ufunc, args, kwargs)
    if len(args) > ufunc.nin:
        outs = args[ufunc.nin :]
        return _call_with_keywords(ufunc, args[: ufunc.nin], {"out": outs if len(outs) > 1 else outs[0]})
    array_type = Storage.array_type
    hosts = [arg._host if type(arg) is array_type else operand(arg) for arg in args]
    with np.errstate(all="ignore"):
        result = ufunc(*hosts, order="C")
    fresh = _fresh(result)
    if (graph := recording.current()) is not None:
        graph.uses(args)
        numbers = recording.numbers_in(hosts)
        recording.note_result(ufunc.__name__, lambda: ufunc(*hosts, order="C"), _hosts_of(fresh), numbers)
    return fresh


def _call_with_keywords(ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    refused = kwargs.keys() - catalogue.UFUNC_KEYWORDS
    if refused:
        raise TypeError(f"Wrong arguments { {name: kwargs[name] for name in refused} }")
    if len(args) > ufunc.nin:
        raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
    out = kwargs.pop("out", None)
    outs = out if isinstance(out, tuple) else (out,)
    for given in outs:
        if given is not None and type(given) is not Storage.array_type:
            raise TypeError("Output arguments type must be cupy.ndarray")
    if kwargs.get("dtype", 0) is None:
        del kwargs["dtype"]
    hosts = [operand(arg) for arg in args]
    with np.errstate(all="ignore"):
        numbers = recording.numbers_in(hosts)
        if out is None:
            fresh = _fresh(ufunc(*hosts, order="C", **kwargs))
            again = partial(ufunc, *hosts, order="C", **kwargs)
            recording.note_result(ufunc.__name__, again, _hosts_of(fresh), numbers)
            return fresh
        host_outs = tuple(None if given is None else given._host for given in outs)
        result = ufunc(*hosts, out=host_outs, order="C", **kwargs)
        if recording.current() is not None:
            if any(given is None for given in outs):
                recording.refuse(f"{ufunc.__name__} with some of its results given: not played")
            again = partial(ufunc, *hosts, out=host_outs, order="C", **kwargs)
            recording.note(ufunc.__name__, again, numbers)
    if ufunc.nout == 1:
        return outs[0]
    return tuple(_fresh(r) if given is None else given for r, given in zip(result, outs, strict=True))


def _hosts_of(results: Any) -> Any:
    """The host arrays of emulated ones, None for anything else and for views, which need no filling."""
    if type(results) is tuple or type(results) is list:
        return tuple([_hosts_of(part) for part in results])
    return results._host if type(results) is Storage.array_type and results.base is None else None


def _fresh(result: Any) -> Any:
    """New memory as an emulated array, a scalar as a 0-d one; tuples element by element."""
    if type(result) is tuple:
        return tuple(_fresh(part) for part in result)
    host = result if type(result) is np.ndarray else np.asarray(result)
    return adopt(host, host)


def wrap_results(result: Any, sources: Collection[Any], name: str = "") -> Any:
    """What a NumPy function answered, in emulated arrays; views lie in the memory of one of `sources`."""
    if isinstance(result, np.ndarray):
        return wrap(result, emulated(sources), name in catalogue.KEEPS_ORDER)
    if isinstance(result, np.generic) or name in catalogue.ARRAY_ANSWERS:
        host = np.asarray(result)
        return adopt(host, host)
    if isinstance(result, tuple):
        parts = [wrap_results(part, sources, name) for part in result]
        return type(result)(*parts) if name in catalogue.NAMED_TUPLES else tuple(parts)
    if isinstance(result, list):
        return [wrap_results(part, sources, name) for part in result]
    return result


def check_signature(name: str) -> Call:
    """A function that raises TypeError for arguments that NumPy takes and CuPy does not."""
    positional, _, only_keywords = catalogue.SIGNATURES[name].partition("*")
    names = positional.split()
    most = len(names)
    keywords = frozenset(names + only_keywords.split()) - {"_"}

    def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(args) > most:
            raise TypeError(f"cupy.{name} and numpy.{name} agree on {most} positional arguments, got {len(args)}")
        for keyword in kwargs:
            if keyword not in keywords:
                raise TypeError(f"cupy.{name}() got an unexpected keyword argument '{keyword}'")

    return check


def check_arrays(name: str) -> Call:
    """A function that raises TypeError unless the operand of `name` is, or consists of, emulated arrays."""
    every = name in catalogue.JOINING
    operands = catalogue.OPERANDS.get(name, 0)

    def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for arg in args[:operands]:
            if isinstance(arg, list | tuple):
                raise TypeError(f"Unsupported type {type(arg)}")
        if args and type(args[0]) is Storage.array_type and not every:
            return
        first = args[0] if args else next(iter(kwargs.values()), None)
        if isinstance(first, str):  # einsum's subscripts
            first = args[1:]
        parts = first if isinstance(first, list | tuple) else (first,)
        if every and not all(type(part) is Storage.array_type for part in parts):
            unwrap(parts)
            raise TypeError("Only cupy arrays can be concatenated")
        if not emulated(parts):
            unwrap(parts)
            raise TypeError(f"cupy.{name} takes cupy.ndarray, got {type(first).__name__}")

    return check


def function(name: str, host_function: Call) -> Call:
    """NumPy's `host_function` as CuPy's function `name` ("sum", "linalg.qr"); the array's method, too."""
    compute = with_manners(name, host_function)
    checks = [check_signature(name)] if name in catalogue.SIGNATURES else []
    if name not in catalogue.ARRAY_FREE:
        checks.append(check_arrays(name))
    synchronising = name in catalogue.SYNCHRONISING
    integers = catalogue.INTEGERS.get(name, _NOWHERE)

    @wraps(host_function, assigned=("__name__", "__doc__"), updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        for check in checks:
            check(args, kwargs)
        if synchronising:
            synchronisations.add()
        array_type = Storage.array_type
        hosts = [arg._host if type(arg) is array_type else unwrap(arg) for arg in args]
        if integers < len(hosts):
            hosts[integers] = args[integers]
        named = kwargs and {k: v if k in catalogue.INTEGER_KEYWORDS else unwrap(v) for k, v in kwargs.items()}
        with np.errstate(all="ignore"):
            result = compute(*hosts, **named)
        if recording.current() is not None:
            return _recorded(name, compute, result, args, kwargs, hosts, named or {})
        if isinstance(result, np.generic):
            host = np.asarray(result)
            return adopt(host, host)
        return wrap_results(result, (*args, *kwargs.values()) if kwargs else args, name)

    return call


def _recorded(name: str, compute: Call, result: Any, args: Any, kwargs: Any, hosts: Any, named: Any) -> Any:
    """What a function answers while a stream is capturing, which notes how to compute it again."""
    if name in catalogue.LIBRARIES:
        recording.refuse(f"cupy.{name}: calling cuBLAS or cuSOLVER API during stream capture is unsupported")
    if name in catalogue.SORTING:  # cupy#9126; #9497 asks thrust not to wait, which thrust need not heed
        recording.refuse(f"cupy.{name}: sorting waits for the device")
    if name in catalogue.JOINING and _needs_a_table(hosts[0]):
        recording.refuse(f"cupy.{name}: the current stream is capturing, so H2D transfers are disallowed")
    given = (*args, *kwargs.values())
    wrapped = wrap_results(result, given, name)
    is_given = type(wrapped) is Storage.array_type and any(wrapped is arg for arg in given)
    if type(wrapped) is Storage.array_type and wrapped.base is not None:
        return wrapped
    results = None if is_given else _hosts_of(wrapped)
    numbers = recording.numbers_in((*hosts, *named.values()))
    recording.note_result(name, lambda: compute(*hosts, **named), results, numbers)
    return wrapped


def _needs_a_table(arrays: Any) -> bool:
    """Whether CuPy joins `arrays` in one launch, with a table of their addresses from the host (14.2: _concatenate)."""
    is_small = sum(a.nbytes for a in arrays) < 2 * 1024**2 * len(arrays)
    return len(arrays) > 8 and is_small and len({a.dtype for a in arrays}) == 1
