"""What an operation is checked for on one sample of PyTorch's database. Checks say what is wrong, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import gpunn as gp
from tests.oracle import bridge
from tests.oracle.bridge import Twins
from tests.oracle.compare import LOOSE, difference, flat

Function = Callable[..., Any]
FAMILIES = (RuntimeError, ValueError, TypeError, IndexError)  # classes of user errors in torch
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by size


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
    """Values, dtypes, shapes, named fields and shared memory are torch's, and the inputs are left alone."""
    inputs = list(bridge.tensors_in(bridge.arguments(sample)))
    before = [x.detach().clone() for x in inputs]
    try:
        with torch.no_grad():
            expected = bridge.call(theirs, sample)
    except FAMILIES as refusal:
        return must_raise(lambda: Twins().call(mine, sample), refusal, inputs, before)
    if expected is NotImplemented:
        return None
    with gp.no_grad():
        found = Twins().call(mine, sample)
    return (
        results_differ(found, expected, theirs, sample, by)
        or _other_memory(found, expected, inputs)
        or _changed(before, inputs)
    )


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
    values, a, b = bridge.array_of(x), mine.array, theirs.numpy()
    for dim in range(x.dim()):
        if mine.ndim < x.dim():
            a, b = np.expand_dims(mine.array, dim), np.expand_dims(theirs.numpy(), dim)
        rest = [n for k, n in enumerate(a.shape) if k != dim]
        if rest != [n for k, n in enumerate(values.shape) if k != dim] or a.max() >= values.shape[dim]:
            continue
        ours, wanted = (np.take_along_axis(values, i, dim).astype(np.float64) for i in (a, b))
        once = np.all(np.diff(np.sort(a, dim), axis=dim) > 0)
        if once and np.array_equal(ours, wanted, equal_nan=True):
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


def _other_memory(found: Any, expected: Any, inputs: list[torch.Tensor]) -> str | None:
    """Where a result shows the memory of an input although torch's does not, or the other way round."""
    for i, (a, b) in enumerate(zip(flat(found), flat(expected), strict=True)):
        if not isinstance(b, torch.Tensor) or not b.numel():
            continue
        for x in inputs:
            storage = x.untyped_storage()
            begin, end = storage.data_ptr(), storage.data_ptr() + storage.nbytes()
            ours, theirs = begin <= a.data_ptr() < end, begin <= b.data_ptr() < end
            if ours != theirs:
                return f"result {i} {'shares' if ours else 'does not share'} the memory of an input"
            if theirs and (a.data_ptr() != b.data_ptr() or _steps(a) != _steps(b)):
                return f"result {i} is another view: strides {a.stride()}, expected {b.stride()}"
    return None


def _steps(x: Any) -> list[int]:
    return [s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1]


def _changed(before: list[torch.Tensor], after: list[torch.Tensor]) -> str | None:
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        if not torch.equal(_bits(old), _bits(new)):
            return f"input tensor {i} was changed"
    return None


def _bits(x: torch.Tensor) -> torch.Tensor:
    """The bits of `x` as integers, so that NaNs compare."""
    x = x.detach()
    return x.view(INTEGERS[x.element_size()]) if x.is_floating_point() else x


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


def must_raise(
    call: Callable[[], Any], error: BaseException, inputs: list[torch.Tensor], before: list[torch.Tensor]
) -> str | None:
    """`call` raises an error of a class like that of `error`, and leaves `inputs` as they were `before`."""
    wanted = type(error)
    try:
        call()
    except Exception as mine:
        unpromised = isinstance(mine, NotImplementedError) and wanted is not NotImplementedError
        too_much = isinstance(mine, (MemoryError, OverflowError)) and re.search("alloc|overflow", str(error), re.I)
        if unpromised or not (too_much or isinstance(mine, (*FAMILIES, wanted))):
            return f"raises {type(mine).__name__} ({mine}), expected {wanted.__name__}"
    else:
        return f"does not raise; torch raises {wanted.__name__}: {str(error).partition(chr(10))[0]}"
    wrong = _changed(before, inputs)
    return wrong and f"{wrong} by a call that failed"


def error(theirs: Function, mine: Function, sample: Any) -> str | None:
    """The call fails if torch's does, and changes neither the inputs nor the random numbers nor the modes."""
    twins, inputs = Twins(), list(bridge.tensors_in(bridge.arguments(sample)))
    before, modes = [x.detach().clone() for x in inputs], state()
    try:
        bridge.call(theirs, sample)
    except Exception as expected:
        wrong = must_raise(lambda: twins.call(mine, sample), expected, inputs, before)
        if wrong:
            return wrong
    if modes != state():
        return "a failed call changed the random state or a mode"
    touched = [ours for _, ours in twins.pairs.values() if ours._version[0] or ours.grad is not None]
    return "a failed call changed a version counter or a gradient" if touched else None


def state() -> tuple[Any, ...]:
    """What a failed call must leave as it was, besides its arguments."""
    rng = getattr(gp, "get_rng_state", None)
    return gp.is_grad_enabled(), gp.get_default_dtype(), rng and bytes(np.asarray(rng().array))
