"""The judge itself: each check finds the fault that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.opinfo.core import SampleInput

import gpunn as gp
from tests.oracle import checks, compare, derivatives, promised, test_hostile
from tests.oracle.bridge import Twins

STRICT = checks.Judgement(elementwise=True)


def sample(grad: bool = False, dtype: torch.dtype = torch.float64) -> Any:
    x = torch.linspace(0.1, 2, 6).reshape(2, 3).to(dtype)
    return SampleInput(x.requires_grad_(grad))


def written(x: Any) -> Any:
    """exp that leaves a trace in its argument."""
    result = gp.exp(x)
    x.data.fill_(0.0)
    return result


VALUES: list[tuple[Callable[..., Any], Callable[..., Any], str]] = [
    (torch.exp, gp.expm1, "expected"),
    (torch.exp, lambda x: gp.exp(x) * (1 + 1e-11), "expected"),
    (torch.exp, lambda x: gp.exp(x).float(), "dtype"),
    (torch.exp, lambda x: gp.exp(x)[None], "shape"),
    (torch.exp, lambda x: gp.exp(x).tolist(), "6 results, expected 1"),
    (torch.exp, lambda x: (gp.exp(x), gp.exp(x)), "2 results"),
    (torch.exp, written, "was changed"),
    (torch.t, lambda x: gp.t(x).clone(), "does not share"),
    (torch.clone, lambda x: x.detach(), "shares the memory"),
    (lambda x: x[:, :2], lambda x: x[:, 1:] * 0 + x[:, :2], "does not share"),
    (lambda x: x.sort(), lambda x: tuple(gp.sort(x)), "named tuple"),
    (lambda x: x.size(0), lambda x: 2.0, "expected 2"),
]


@pytest.mark.parametrize(("theirs", "faulty", "words"), VALUES, ids=[f"{i}-{v[2]}" for i, v in enumerate(VALUES)])
def test_a_wrong_value_is_found(theirs: Any, faulty: Any, words: str) -> None:
    assert words in (checks.value(theirs, faulty, sample(), STRICT) or "passed")


def test_a_right_value_passes() -> None:
    assert checks.value(torch.exp, gp.exp, sample(), STRICT) is None


@pytest.mark.parametrize(("ulps", "passes"), [(0, True), (1, True), (9, False)])
def test_rounding_is_counted_in_float32(ulps: int, passes: bool) -> None:
    def rounded(x: Any) -> Any:
        y = gp.exp(x)
        return y * (1 + ulps * 2.0**-23)

    found = checks.value(torch.exp, rounded, sample(dtype=torch.float32), STRICT)
    assert (found is None) == passes, found


def test_a_wrong_gradient_is_found() -> None:
    def detached(x: Any) -> Any:
        return x * x.detach()

    assert derivatives.gradient(torch.square, gp.square, sample(True), 2) is None
    assert "order 1: gradient 0" in (derivatives.gradient(torch.square, detached, sample(True), 1) or "")
    assert "require gradients" in (
        derivatives.gradient(torch.square, lambda x: (x * x).detach(), sample(True), 1) or ""
    )


def test_a_wrong_second_derivative_is_found() -> None:
    class Cube(gp.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (x,) = ctx.saved_tensors
            return grad * 3 * x.detach() * x

    def theirs(x: Any) -> Any:
        return x * x * x

    assert derivatives.gradient(theirs, Cube.apply, sample(True), 1) is None
    assert "order 2" in (derivatives.gradient(theirs, Cube.apply, sample(True), 2) or "")


def test_a_wrong_in_place_form_is_found() -> None:
    def uncounted(x: Any) -> Any:
        x.data.mul_(2)
        return x

    def doubled(x: Any) -> Any:
        return x.mul_(2)

    def check(faulty: Any) -> str:
        return derivatives.in_place(doubled, faulty, sample(), STRICT) or "passed"

    assert check(doubled) == "passed"
    assert "does not return" in check(lambda x: x * 2)
    assert "not counted" in check(uncounted)
    assert "expected" in check(lambda x: x.mul_(3))


def refused(x: Any) -> Any:
    raise ValueError("no")


def test_a_missing_or_unclean_error_is_found() -> None:
    def written_then_refused(x: Any) -> Any:
        x.data.fill_(0.0)
        raise ValueError("no")

    def drawn_then_refused(x: Any) -> Any:
        gp.rand(3)
        raise ValueError("no")

    def check(faulty: Any) -> str:
        return checks.error(refused, faulty, sample()) or "passed"

    assert check(refused) == "passed"
    assert "does not raise" in check(gp.exp)
    assert "AttributeError" in check(lambda x: x.nothing)
    assert "was changed" in check(written_then_refused)
    assert "random state" in check(drawn_then_refused)


def test_a_call_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(x: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(test_hostile, "SECONDS", 0.05)
    assert "no error after" in (test_hostile.judge(hangs, sample(), ValueError("no")) or "")


def test_ties_are_told_from_faults() -> None:
    x = torch.tensor([[3, 1, 3, 2], [0, 0, 5, 5]])
    theirs = torch.tensor([[0, 2], [2, 3]])

    def same(indices: list[list[int]]) -> bool:
        return checks.same_selection(x, gp.tensor(indices), theirs)

    assert same([[2, 0], [3, 2]])
    assert not same([[2, 2], [3, 2]])
    assert not same([[2, 3], [3, 2]])


def test_strides_survive_the_bridge() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)[::2]
    ours = Twins().of({"x": [x]})["x"][0]
    assert ours.stride() == x.stride()
    assert compare.difference(ours, x) is None
    half = x.to(torch.bfloat16)
    assert np.array_equal(Twins().of(half).float().tolist(), half.float().tolist())


def test_exceptions_are_narrow() -> None:
    excuse = promised.Excuse(("topk", "sort"), ("value",), "ties", "(8000,) or stable", "a reason of some length")
    assert excuse.covers("topk", "value", "float32: (8000,) float32")
    assert not excuse.covers("topk", "gradient", "float32: (8000,) float32")
    assert not excuse.covers("mode", "value", "float32: (8000,) float32")
    assert not excuse.covers("sort", "value", "float32: (5,) float32")
