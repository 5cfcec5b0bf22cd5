"""What an operation is checked for on one sample of PyTorch's database. Checks say what is wrong, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import gpunn as gp
from gpunn import backend
from gpunn.errors import UnsupportedError
from tests.oracle import bridge
from tests.oracle.bridge import Twins
from tests.oracle.compare import LOOSE, difference, flat

Function = Callable[..., Any]
FAMILIES = (RuntimeError, ValueError, TypeError, IndexError)  # classes of user errors in torch


class Judgement(NamedTuple):
    """How results are compared. `ties`: indices may differ as long as they point at equal values.

    `loose`: float64 with the tolerance of torch.testing.
    """

    elementwise: bool = False
    values: bool = True
    ties: bool = False
    loose: bool = False


STRICT = Judgement()


def value(theirs: Function, mine: Function, sample: Any, by: Judgement = STRICT) -> str | None:
    """Values, dtypes, shapes, named fields and shared memory are torch's, and so are the inputs afterwards."""
    twins = Twins()
    twins.of(bridge.arguments(sample))
    try:
        with torch.no_grad():
            expected = bridge.call(theirs, sample)
    except FAMILIES as refusal:
        return must_raise(lambda: twins.call(mine, sample), refusal, twins)
    if expected is NotImplemented:
        return None
    with gp.no_grad():
        found = twins.call(mine, sample)
    wrong = results_differ(found, expected, theirs, sample, by)
    return wrong or _other_memory(found, expected, twins) or _changed(twins)


def results_differ(found: Any, expected: Any, theirs: Function, sample: Any, by: Judgement = STRICT) -> str | None:
    """How one or several results differ from torch's."""
    fields = getattr(type(expected), "__match_args__", ())
    if isinstance(expected, tuple) and fields and getattr(found, "_fields", None) != tuple(fields):
        return f"{type(found).__name__}, expected a named tuple of {fields}"
    ours, wanted = flat(found), flat(expected)
    if len(ours) != len(wanted):
        return f"{len(ours)} results, expected {len(wanted)}"
    for i, (a, b) in enumerate(zip(ours, wanted, strict=True)):

        def exact(i: int = i) -> Any:
            return in_float64(theirs, sample, i)

        limit = LOOSE if by.loose and getattr(b, "dtype", None) is torch.float64 else None
        wrong = difference(a, b, exact, elementwise=by.elementwise, tolerance=limit, values=by.values)
        if wrong and not (by.ties and same_selection(sample.input, a, b)):
            return wrong if len(ours) == 1 else f"result {i}: {wrong}"
    return None


def same_selection(x: torch.Tensor, mine: Any, theirs: torch.Tensor) -> bool:
    """Whether the indices `mine` and `theirs` along some dimension select equal values of `x`, none twice."""
    if theirs.is_floating_point() or tuple(mine.shape) != tuple(theirs.shape):
        return False
    values, ours, wanted = bridge.array_of(x), backend.asnumpy(mine.array), theirs.numpy()
    for dim in range(x.dim()):
        drop = mine.ndim < x.dim()
        a, b = (np.expand_dims(i, dim) if drop else i for i in (ours, wanted))
        rest = [n for k, n in enumerate(a.shape) if k != dim]
        if rest != [n for k, n in enumerate(values.shape) if k != dim] or a.max() >= values.shape[dim]:
            continue
        chosen = [np.take_along_axis(values, i, dim).astype(np.float64) for i in (a, b)]
        once = np.all(np.diff(np.sort(a, dim), axis=dim) > 0)
        if once and np.array_equal(*chosen, equal_nan=True):
            return True
    return False


def in_float64(theirs: Function, sample: Any, i: int) -> Any:
    """Result `i` with everything computed in float64; None if that cannot be had."""
    floating = any(x.is_floating_point() for x in bridge.tensors_in(bridge.arguments(sample)))

    def wide(x: Any) -> Any:
        if isinstance(x, torch.dtype):
            return torch.float64 if x.is_floating_point else x
        return x.double() if x.is_floating_point() or not floating else x

    try:
        with torch.no_grad():
            found = flat(bridge.call(theirs, sample.transform(wide)))[i]
    except FAMILIES:
        return None
    return found.numpy() if found.dtype is torch.float64 else None


def _other_memory(found: Any, expected: Any, twins: Twins) -> str | None:
    """Where a result shows the memory of an input although torch's does not, or the other way round."""
    for i, (a, b) in enumerate(zip(flat(found), flat(expected), strict=True)):
        if not isinstance(b, torch.Tensor) or not b.numel():
            continue
        for theirs, ours in twins.pairs.values():
            shared, wanted = _place(a, ours), _place(b, theirs)
            if (shared is None) != (wanted is None):
                return f"result {i} {'does not share' if shared is None else 'shares'} the memory of an input"
            if shared != wanted:
                return f"result {i} is another view: offset and strides {shared}, expected {wanted}"
    return None


def _place(view: Any, of: Any) -> tuple[Any, ...] | None:
    """The offset in bytes and the strides of `view` if it lies in the memory that `of` spans; else None."""
    span = 1 + sum(s * (n - 1) for s, n in zip(of.stride(), of.shape, strict=True))
    offset = view.data_ptr() - of.data_ptr()
    if not of.numel() or not 0 <= offset < span * of.element_size():
        return None
    return offset, *(s for s, n in zip(view.stride(), view.shape, strict=True) if n > 1)


def _changed(twins: Twins) -> str | None:
    """Which argument is not what torch made of it, which is nearly always nothing (running averages change)."""
    for i, (theirs, ours) in enumerate(twins.pairs.values()):
        same = backend.asnumpy(ours.array).tobytes() == bridge.array_of(theirs).tobytes()
        if not same and (wrong := difference(ours, theirs)):
            return f"tensor {i} of the arguments was changed: {wrong}"
    return None


def method(theirs: Function, mine: Function, sample: Any, by: Judgement = STRICT) -> str | None:
    """The method, or the Python operator, where torch takes the sample in that form."""
    if not takes(theirs, sample):
        return None
    try:
        with torch.no_grad():
            expected = bridge.call(theirs, sample)
    except TypeError:
        return None
    return results_differ(Twins().call(mine, sample), expected, theirs, sample, by)


def takes(function: Function, sample: Any) -> bool:
    """Whether a method or an operator can be called on `sample`."""
    is_operator = getattr(function, "__module__", None) == "_operator"
    return isinstance(sample.input, torch.Tensor) and not (is_operator and sample.kwargs)


def must_raise(call: Callable[[], Any], error: BaseException, twins: Twins) -> str | None:
    """`call` raises an error of a class like that of `error`, and leaves the tensors of `twins` alone."""
    wanted = type(error)
    try:
        call()
        backend.synchronize()  # an index out of bounds is told when the host waits
    except Exception as mine:
        unpromised = type(mine) in (UnsupportedError, NotImplementedError) and wanted is not NotImplementedError
        too_much = isinstance(mine, (MemoryError, OverflowError)) and re.search("alloc|overflow", str(error), re.I)
        if unpromised or not (too_much or isinstance(mine, (*FAMILIES, wanted))):
            return f"raises {type(mine).__name__} ({mine}), expected {wanted.__name__}"
    else:
        return f"does not raise; torch raises {wanted.__name__}: {str(error).partition(chr(10))[0]}"
    wrong = _changed(twins)
    return wrong and f"{wrong} by a call that failed"


def error(theirs: Function, mine: Function, sample: Any) -> str | None:
    """The call fails if torch's does, and changes neither the inputs nor the random numbers nor the modes.

    Where a GPU tells late that numbers were wrong, random numbers have been drawn by then.
    """
    twins, modes, is_late = Twins(), state(), False

    def call() -> None:
        nonlocal is_late
        twins.call(mine, sample)
        is_late = True

    try:
        bridge.call(theirs, sample)
    except Exception as expected:
        wrong = must_raise(call, expected, twins)
        if wrong:
            return wrong
    if modes != state() and not is_late:
        return "a failed call changed the random state or a mode"
    touched = [ours for _, ours in twins.pairs.values() if ours._version[0] or ours.grad is not None]
    return "a failed call changed a version counter or a gradient" if touched else None


def state() -> tuple[Any, ...]:
    """What a failed call must leave as it was, besides its arguments."""
    rng = getattr(gp, "get_rng_state", None)
    return gp.is_grad_enabled(), gp.get_default_dtype(), rng and backend.asnumpy(rng().array).tobytes()
