"""Rows of cells as text or Markdown, numbers as words, means."""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDTH = 100  # columns of text
GAPS = ("  ", " ")  # between columns: the widest that fits


def columns(rows: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """The rows below each other, the first one as the head; all columns but the first are flush right.

    The first column takes what the others leave of `width`: what is longer has a line of its own, and the rest of its
    row follows below. A row of one cell is a line of its own too.
    """
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[i]) for row in full) for i in range(len(full[0]))]
    gap = next((gap for gap in GAPS if sum(widths) + len(gap) * (len(widths) - 1) <= width), GAPS[-1])
    left = width - sum(widths[1:]) - len(gap) * (len(widths) - 1)
    widths[0] = max([len(row[0]) for row in full if len(row[0]) <= left], default=0)
    lines = []
    for first, *others in rows:
        if not others or len(first) > widths[0]:
            lines.append(first)
            first = ""
        cells = [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=bool(others))]
        if cells:
            lines.append(gap.join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a table of Markdown, the first one as the head."""
    head, *rest = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *rest])


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product of n numbers above 0."""
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def number(value: float) -> str:
    """Three digits: "1234", "12.3", "0.0123"."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.3g}")))))
    return f"{value:.{digits}f}" if digits < 6 else f"{value:.1e}"


def duration(seconds: float, *others: float) -> str:
    """Seconds as "12.3 us", "4.56 ms" or "7.89 s"; others, in the same unit, in brackets: "4.56 ms [4.50, 4.71]"."""
    unit, scale = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e3)) if seconds * s >= 0.9995), ("us", 1e6))
    brackets = f" [{', '.join(number(x * scale) for x in others)}]" if others else ""
    return f"{number(seconds * scale)} {unit}{brackets}"


def short(value: float) -> str:
    """Three digits and a letter: "12.3k", "4.56M"."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * scale:
            return f"{number(value / scale)}{letter}"
    return number(value)
