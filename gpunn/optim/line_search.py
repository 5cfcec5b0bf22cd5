"""A line search for a step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

DECREASE: Final = 1e-4  # of the loss, as a part of what the slope at the start promises
CURVATURE: Final = 0.9  # the slope that may be left, as a part of that at the start


class Point(NamedTuple):
    """The loss at a step length, its gradient, and the slope along the direction."""

    t: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, size: float, most: int, tolerance: float
) -> tuple[Point, int]:
    """A point with less loss and a flatter slope than `start`, and how often `evaluate` was called for it.

    Nocedal & Wright 2006, algorithms 3.5 and 3.6, with PyTorch's choice of trial points.

    Args:
        t: the first step length to try.
        size: the largest element of the direction.
        most: so many trials after the first, at most.
        tolerance: an interval that moves no parameter farther is not searched any more.
    """
    before, now, trials = start, evaluate(t), 0
    while trials < most:
        if _is_too_high(now, start) or (trials > 1 and now.loss >= before.loss):
            break
        if _is_flat(now, start):
            return now, trials + 1
        if now.slope >= 0:
            break
        longer = minimum_of_cubic(before, now, now.t + 0.01 * (now.t - before.t), 10 * now.t)
        before, now, trials = now, evaluate(longer), trials + 1
    else:
        before = start
    low, high = (before, now) if before.loss <= now.loss else (now, before)
    is_stuck = False
    while trials < most and abs(high.t - low.t) * size >= tolerance:
        t, is_stuck = _trial(low, high, is_stuck)
        new, trials = evaluate(t), trials + 1
        if _is_too_high(new, start) or new.loss >= low.loss:
            high = new
            if high.loss < low.loss:
                low, high = high, low
            continue
        if _is_flat(new, start):
            return new, trials + 1
        if new.slope * (high.t - low.t) >= 0:
            high = low
        low = new
    return low, trials + 1


def _is_too_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + DECREASE * point.t * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -CURVATURE * start.slope


def _trial(a: Point, b: Point, is_stuck: bool) -> tuple[float, bool]:
    """The next length to try between two points, and whether it lies close to one of them.

    If it did so before, or lies at one of them, it is moved away by a tenth of the interval.
    """
    least, greatest = sorted((a.t, b.t))
    first, second = (a, b) if a.t <= b.t else (b, a)
    t, margin = minimum_of_cubic(first, second, least, greatest), 0.1 * (greatest - least)
    if min(greatest - t, t - least) >= margin:
        return t, False
    if not is_stuck and least < t < greatest:
        return t, True
    return (greatest - margin if greatest - t < t - least else least + margin), False


def minimum_of_cubic(a: Point, b: Point, least: float, greatest: float) -> float:
    """Where the cubic through losses and slopes of two points has its minimum, within limits; else their middle."""
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (least + greatest) / 2
    first, second = (a, b) if a.t <= b.t else (b, a)
    d2 = square**0.5
    below = second.slope - first.slope + 2 * d2
    if below == 0:
        return (least + greatest) / 2
    at = second.t - (second.t - first.t) * ((second.slope + d2 - d1) / below)
    return min(max(at, least), greatest)
