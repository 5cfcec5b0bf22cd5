"""Rows of cells as text or Markdown, numbers as words, means."""

from __future__ import annotations

import math
from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """The rows below each other, the first one as the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * w for w in widths))
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
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits < 6 else f"{value:.1e}"
