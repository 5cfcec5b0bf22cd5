"""The checks that take gradients: first and second order against torch.autograd, and in-place forms."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

import gpunn as gp
from tests.oracle import bridge, checks
from tests.oracle.bridge import Twins
from tests.oracle.compare import GRADIENT, difference, flat

Function = Callable[..., Any]


def leaves(sample: Any) -> Any:
    """`sample` with fresh leaves of the graph on copies of its tensors, with the same strides."""
    return bridge.mapped(sample, lambda x: _copy(x.detach()).requires_grad_(x.requires_grad))


def _copy(x: torch.Tensor) -> torch.Tensor:
    room = 1 + sum(s * (n - 1) for s, n in zip(x.stride(), x.shape, strict=True))
    overlaps = x.numel() > room
    return x.clone() if overlaps else torch.empty_strided(x.shape, x.stride(), dtype=x.dtype).copy_(x)


def gradient(theirs: Function, mine: Function, sample: Any, order: int) -> str | None:
    """Vector-Jacobian products along random cotangents; with order 2, the same of those products as well."""
    sample, twins = leaves(sample), Twins()
    expected, found = flat(bridge.call(theirs, sample)), flat(twins.call(mine, sample))
    if len(found) != len(expected):
        return f"{len(found)} results, expected {len(expected)}"
    inputs = [x for x, _ in twins.pairs.values() if x.requires_grad]
    if inputs and _with_history(found) != _with_history(expected):
        return f"results {_with_history(found)} require gradients, expected {_with_history(expected)}"
    random = torch.Generator().manual_seed(0)
    for level in range(1, order + 1):
        chosen = _with_history(expected)
        if not chosen or not inputs:
            return None
        deeper = level < order
        weights = [_weight(expected[k], random, deeper) for k in chosen]
        theirs_now = torch.autograd.grad(
            [expected[k] for k in chosen], inputs, weights, create_graph=deeper, allow_unused=True
        )
        ours_now = _grad([found[k] for k in chosen], twins.of(inputs), twins.of(weights), deeper)
        if wrong := _gradients_differ(ours_now, theirs_now, inputs, level):
            return f"order {level}: {wrong}"
        expected, found, inputs = list(theirs_now), list(ours_now), inputs + weights
    return None


def _with_history(results: list[Any]) -> list[int]:
    """Which of the results can be differentiated."""
    return [k for k, y in enumerate(results) if isinstance(y, (torch.Tensor, gp.Tensor)) and y.requires_grad]


def _weight(like: torch.Tensor, random: torch.Generator, deeper: bool) -> torch.Tensor:
    drawn = torch.randn(like.shape, generator=random, dtype=torch.float64)
    return drawn.to(like.dtype).requires_grad_(deeper)


def _grad(results: list[Any], inputs: list[Any], weights: list[Any], deeper: bool) -> Any:
    """gpunn's gradients; a result that gpunn finds constant, and torch does not, adds nothing."""
    alive = _with_history(results)
    if not alive:
        return [None] * len(inputs)
    outputs, cotangents = [results[k] for k in alive], [weights[k] for k in alive]
    return gp.autograd.grad(outputs, inputs, cotangents, create_graph=deeper, allow_unused=True)


def _gradients_differ(ours: Any, theirs: Any, inputs: list[torch.Tensor], order: int = 1) -> str | None:
    """No gradient is a gradient of zeros."""
    for i, (a, b, x) in enumerate(zip(ours, theirs, inputs, strict=True)):
        b = torch.zeros_like(x) if b is None else b
        a = Twins().of(torch.zeros_like(x)) if a is None else a
        if wrong := difference(a, b, tolerance=GRADIENT[order]):
            return f"gradient {i}: {wrong}"
    return None


def in_place(theirs: Function, mine: Function, sample: Any, by: checks.Judgement) -> str | None:
    """In place: torch's values in the same memory, a counted change, torch's gradients; or an error too."""
    if not checks.takes(theirs, sample):
        return None
    target, other, twins = leaves(sample), leaves(sample), Twins()
    arguments = twins.of([other.input, *other.args]), twins.of(other.kwargs)
    copy = _working_copy(target.input)
    version = copy._version
    try:
        expected = theirs(copy, *target.args, **target.kwargs)
    except checks.FAMILIES as error:
        return checks.must_raise(lambda: _apply(mine, arguments), error, twins)
    found = _apply(mine, arguments, counted=copy._version > version)
    if isinstance(found, str):
        return found
    wrong = checks.results_differ(found, expected, theirs, sample, by)
    if wrong or not expected.requires_grad or not by.values:
        return wrong
    inputs = [x for x in bridge.tensors_in(bridge.arguments(target)) if x.requires_grad]
    our_inputs = [x for x in bridge.tensors_in(arguments) if x.requires_grad]
    weight = torch.ones_like(expected).detach()
    theirs_now = torch.autograd.grad(expected, inputs, weight, allow_unused=True)
    return _gradients_differ(_grad([found], our_inputs, twins.of([weight]), False), theirs_now, inputs)


def _working_copy(x: Any) -> Any:
    """`x`, or a copy if it is a leaf that autograd protects from in-place changes."""
    return x.clone() if x.requires_grad else x


def _apply(mine: Function, arguments: tuple[list[Any], dict[str, Any]], counted: bool = True) -> Any:
    """The changed tensor, or what is wrong with it."""
    (first, *rest), settings = arguments
    tensor = _working_copy(first)
    version, address = tensor._version[0], tensor.data_ptr()
    if mine(tensor, *rest, **settings) is not tensor:
        return "the in-place form does not return its tensor"
    if tensor.numel() and tensor.data_ptr() != address:
        return "the result is not in the memory of its tensor"
    return "the change was not counted" if counted and tensor._version[0] == version else tensor


def assignment(sample: Any) -> str | None:
    """x[index] = v for the index of a __getitem__ sample: numbers, blocks, rows, other dtypes, and gradients."""
    block = sample.input.detach()[sample.args[0]]
    fresh = torch.arange(block.numel()).reshape(block.shape)
    row = fresh[:1] if block.dim() else fresh
    for v in (1, True, -2.5, fresh, fresh.to(block.dtype), row, fresh * 1.5):
        if isinstance(v, torch.Tensor) and v.is_floating_point():
            v.requires_grad_(sample.input.requires_grad)
        if wrong := _one_assignment(leaves(sample), sample.args[0], v):
            return f"value {bridge.describe(v)}: {wrong}"
    return None


def _one_assignment(sample: Any, index: Any, v: Any) -> str | None:
    x, twins = sample.input, Twins()
    copy, ours = x.clone(), twins.of(x).clone()
    our_index, our_v = twins.of(index), twins.of(v)
    try:
        copy[index] = v
    except checks.FAMILIES as error:
        return checks.must_raise(lambda: operator.setitem(ours, our_index, our_v), error, twins)
    ours[our_index] = our_v
    wrong = difference(ours, copy)
    inputs = [t for t in (x, v) if isinstance(t, torch.Tensor) and t.requires_grad]
    if wrong or not inputs:
        return wrong
    weight = torch.arange(copy.numel(), dtype=copy.dtype).reshape(copy.shape)
    theirs_now = torch.autograd.grad(copy, inputs, weight, allow_unused=True)
    return _gradients_differ(_grad([ours], twins.of(inputs), twins.of([weight]), False), theirs_now, inputs)
