"""Arguments of the promised names: which there are, their order, kinds and defaults.

Of what PyTorch writes in Python, its signature is the judge; of what it writes in C++, the schemas of the operation,
one for each of its overloads: all arguments by position, and all by name, must arrive where they belong.
"""

from __future__ import annotations

import inspect
import typing
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch

import gpunn as gp
from tests.oracle import bridge, promised
from tests.oracle.scores import Tally
from tests.oracle.signature_reasons import DEFAULTS, METHODS, OVERLOADS, PLACES, PYTHON

Parameter = inspect.Parameter
NOTHING = Parameter.empty
CODES = {4: gp.int64}  # the numbers by which schemas name dtypes
PLACING = ("layout", "pin_memory")


def plain(value: Any) -> Any:
    """A default as both libraries can be compared: sequences by their elements, functions and types by their names."""
    if isinstance(value, (list, tuple)):
        items = [plain(v) for v in value]
        return items[0] if items and all(v == items[0] for v in items) else items or None
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return str(value).removeprefix("torch.")
    if isinstance(value, (gp.dtype, gp.layout, gp.memory_format)):
        return repr(value).removeprefix("gpunn.")
    return value.__name__ if inspect.isfunction(value) or inspect.isbuiltin(value) else value


def signature_of(thing: Any) -> inspect.Signature | None:
    """What Python knows of the arguments; None where that is nothing, or only (*args, **kwargs)."""
    made_in_python = isinstance(thing, type) and inspect.isfunction(thing.__init__)
    if made_in_python and (written := typing.get_overloads(thing.__init__)):
        first = inspect.signature(written[0])
        return first.replace(parameters=list(first.parameters.values())[1:])
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    kinds = [p.kind for p in found.parameters.values()]
    return None if kinds == [Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD] else found


def written_in_python(name: str) -> inspect.Signature | None:
    """The signature of torch's `name`, or that of the stand-in that torch.overrides has for it."""
    thing = bridge.lookup(torch, name)
    if not callable(thing):
        return None
    stand_in = STAND_INS.get(thing) if inspect.isfunction(thing) else None
    return signature_of(thing) or (stand_in and signature_of(stand_in))


STAND_INS: dict[Any, Any] = torch.overrides.get_testing_overrides()
CALLED = [p for p in promised.promises() if callable(bridge.lookup(torch, p.name))]
IN_PYTHON = [p for p in CALLED if written_in_python(p.name) is not None]


@pytest.mark.parametrize("promise", IN_PYTHON, ids=[p.name for p in IN_PYTHON])
def test_python(promise: promised.Promise, tally: Tally) -> None:
    """Names, order, kinds and defaults are PyTorch's; ours may have more at the end, by name only."""
    expected, found = written_in_python(promise.name), signature_of(bridge.lookup(gp, promise.name))
    with tally.about(promise.family, promise.name, "signature"):
        if promise.name in PYTHON:
            assert different(expected, found), f"the reason for {promise.name} is no longer needed"
            tally.skipped += 1
            return
        tally.add(different(expected, found))


def different(expected: inspect.Signature | None, found: inspect.Signature | None) -> str | None:
    assert expected is not None
    if found is None:
        return f"no signature, expected {expected}"
    theirs = [p for p in expected.parameters.values() if p.name != "out"]
    ours = list(found.parameters.values())
    for i, p in enumerate(theirs):
        by_name = p.kind is Parameter.KEYWORD_ONLY
        mine = found.parameters.get(p.name) if by_name else ours[i] if i < len(ours) else None
        if p.kind is Parameter.POSITIONAL_ONLY and mine is not None and mine.kind <= Parameter.POSITIONAL_OR_KEYWORD:
            continue
        if mine is None or (mine.name, mine.kind) != (p.name, p.kind):
            return f"argument {i} is {mine}, expected {p}: {found}, expected {expected}"
        if plain(mine.default) != plain(p.default):
            return f"default of {p.name} is {mine.default}, expected {p.default}"
    extra = [
        p for p in ours[len(theirs) :] if p.name not in expected.parameters and p.kind is not Parameter.KEYWORD_ONLY
    ]
    return f"more arguments: {extra}" if extra else None


def of_classes() -> Iterator[tuple[str, str]]:
    """The public methods of the promised classes that PyTorch has written in Python, each once."""
    done = set()
    for promise in CALLED:
        theirs, ours = bridge.lookup(torch, promise.name), bridge.lookup(gp, promise.name)
        if isinstance(theirs, type) and isinstance(ours, type) and not issubclass(theirs, torch.Tensor):
            for name in dir(theirs):
                method = getattr(theirs, name)
                if inspect.isfunction(method) and not name.startswith("_") and method not in done:
                    done.add(method)
                    yield promise.name, name


@pytest.mark.parametrize(("owner", "name"), list(of_classes()))
def test_methods_of_classes(owner: str, name: str, tally: Tally) -> None:
    theirs = getattr(bridge.lookup(torch, owner), name)
    expected, key = signature_of(theirs), theirs.__qualname__.rpartition(".")[0].rpartition(".")[2] + f".{name}"
    reason = METHODS.get(key) or METHODS.get(f"*.{name}")
    if expected is None:
        return
    with tally.about("Methods", f"{owner}.{name}", "signature"):
        method = getattr(bridge.lookup(gp, owner), name, None)
        wrong = "missing" if method is None else different(expected, signature_of(method))
        if reason is None:
            tally.add(wrong)
        else:
            assert wrong, f"the reason for {key} is no longer needed"
            tally.skipped += 1


class Overload(NamedTuple):
    """One way to call an operation of C++: the names of its arguments, by position and by name only."""

    text: str
    positional: list[str]
    named: list[str]
    defaults: dict[str, Any]


def schemas() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for schema in torch._C._jit_get_all_schemas():
        space, _, name = schema.name.partition("::")
        if space == "aten" and is_callable_from_python(schema):
            found[name].append(schema)
    return found


def is_callable_from_python(schema: Any) -> bool:
    """Not TorchScript's operations on numbers and lists, not `out=`, named dimensions and complex numbers."""
    kinds = [str(a.type) for a in schema.arguments]
    has_tensor = any("Tensor" in k for k in [*kinds, *(str(r.type) for r in schema.returns)])
    scripted = any(a.name in ("a", "b", "t") and "Tensor" not in str(a.type) for a in schema.arguments)
    scripted |= kinds[:1] == ["List[Tensor]"] and {a.name for a in schema.arguments} & {"a", "reverse"} != set()
    other = any(word in k for k in kinds for word in ("complex", "Stream", "List[t]"))
    named_dim = any(a.name in ("names", "dim") and "str" in str(a.type) for a in schema.arguments)
    return has_tensor and not (scripted or other or named_dim or any(a.is_out for a in schema.arguments))


SCHEMAS = schemas()


def overloads(name: str, method: bool) -> Iterator[Overload]:
    """Of torch's `name`, without the `self` of a method."""
    base = name.removeprefix("Tensor.").replace("nn.functional.", "").replace("linalg.", "linalg_")
    for schema in SCHEMAS.get(base, []):
        arguments = [a for a in schema.arguments if not (method and a.name == "self")]
        if method and len(arguments) == len(schema.arguments):
            continue
        names = {a.name: "input" if a.name == "self" else a.name for a in arguments}
        yield Overload(
            str(schema),
            [names[a.name] for a in arguments if not a.kwarg_only],
            [a.name for a in arguments if a.kwarg_only],
            {names[a.name]: a.default_value for a in arguments if a.has_default_value()},
        )


def in_cpp() -> Iterator[str]:
    """The promised functions of C++, the methods of the same names, and their forms in place."""
    for promise in CALLED:
        names = [promise.name] if promise not in IN_PYTHON else []
        if "." not in promise.name:
            names += [f"Tensor.{promise.name}", f"Tensor.{promise.name}_"]
        for name in names:
            if callable(bridge.lookup(torch, name)) and next(overloads(name, name.startswith("Tensor.")), None):
                yield name


@pytest.mark.parametrize("name", list(dict.fromkeys(in_cpp())))
def test_cpp(name: str, tally: Tally) -> None:
    """Each overload can be called by position and by name, and leaves out what PyTorch lets one leave out."""
    ours, method = bridge.lookup(gp, name), name.startswith("Tensor.")
    with tally.about("Signature", name, "signature"):
        for overload in overloads(name, method):
            if any(text in overload.text for text in OVERLOADS):
                tally.skipped += 1
                continue
            tally.add(wrong_with(name, ours, overload, ["self"] if method else []), overload.text)


def wrong_with(name: str, ours: Callable[..., Any], overload: Overload, lead: list[str]) -> str | None:
    found = signature_of(ours)
    if found is None:
        return "no signature"
    named = {n: n for n in overload.named}
    try:
        by_position = found.bind(*lead, *overload.positional, **named).arguments
        found.bind(*lead, **named, **{n: n for n in overload.positional})
    except TypeError as error:
        return f"{error}: {found}"
    several = any(p.kind is Parameter.VAR_POSITIONAL for p in found.parameters.values())
    shared = {
        n
        for n in overload.positional
        if n in found.parameters and found.parameters[n].kind is not Parameter.KEYWORD_ONLY
    }
    misplaced = [f"{v} in the place of {k}" for k, v in by_position.items() if v in shared and v != k]
    if (
        misplaced
        and not several
        and name.removeprefix("Tensor.") not in PLACES
        and len(shared) == len(overload.positional)
    ):
        return f"{', '.join(misplaced)}: {found}"
    for n, default in overload.defaults.items():
        if n in found.parameters and not same_default(name, n, found.parameters[n].default, default):
            return f"default of {n} is {found.parameters[n].default}, expected {default}"
    return None


def same_default(name: str, argument: str, mine: Any, theirs: Any) -> bool:
    if argument in (*PLACING, "memory_format") or (name.removeprefix("Tensor.").rstrip("_"), argument) in DEFAULTS:
        return mine is not NOTHING
    theirs = CODES.get(theirs, theirs) if argument == "dtype" else theirs
    return bool(plain(mine) == plain(theirs))


def test_every_reason_is_about_something() -> None:
    texts = [str(s) for several in SCHEMAS.values() for s in several]
    assert [part for part in OVERLOADS if not any(part in text for text in texts)] == []
    known = {n.removeprefix("Tensor.") for n in in_cpp()}
    assert {n for n, _ in DEFAULTS} | set(PLACES) <= known
    assert set(PYTHON) <= {p.name for p in IN_PYTHON}
    assert all(
        len(reason) > 10 for table in (PYTHON, METHODS, OVERLOADS, PLACES, DEFAULTS) for reason in table.values()
    )
