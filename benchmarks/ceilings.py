"""What a machine can do at best, measured: copies, products of matrices, the smallest call. And what bounds a case."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .case import Case, Place
from .measure import Timing

LAUNCH = 0.8  # of the time of a case on a GPU: if the host takes that much, launching bounds it
SMALL = 3.0  # calls of the smallest operation: what takes less on a CPU is bounded by calls


@dataclass
class Ceilings:
    """Bytes a second of a copy (read and written), flops a second of products by type, seconds of the smallest call."""

    copy: float
    call: float
    products: dict[str, float] = field(default_factory=dict)

    def rate(self, case: Case) -> float:
        """The ceiling of arithmetic for `case`; 0 if none of its kind was measured."""
        kind = "tf32" if case.tf32 and case.dtype == "float32" and "tf32" in self.products else case.dtype
        return self.products.get(kind, 0.0)


def ceilings(place: Place, dtypes: list[str], scale: float = 1.0) -> Ceilings:
    """Measure `place`, the best of several runs each. `scale` makes the work smaller, for tests."""
    is_gpu = place.device == "cuda"
    x = place.random(int((1 << 24) * scale))  # 64 MB
    if is_gpu:
        x = x.repeat(16)
    y, one = x.clone(), place.random(1)
    copy = _best(place, lambda: y.copy_(x))
    call = _best(place, lambda: one + one, 100)
    found = Ceilings(2 * 4 * x.numel() / copy, call)
    n = max(1, int((8192 if is_gpu else 1024) * scale))
    a = place.random(n, n)
    for name in dtypes:
        b = a.to(getattr(place.lib, name))
        found.products[name] = 2 * n**3 / _best(place, lambda b=b: b @ b)  # type: ignore[misc]
    if is_gpu and "float32" in dtypes:
        switch = place.lib.backends.cuda.matmul
        before, switch.allow_tf32 = switch.allow_tf32, True
        found.products["tf32"] = 2 * n**3 / _best(place, lambda: a @ a)
        switch.allow_tf32 = before
    return found


def _best(place: Place, call: Callable[[], Any], count: int = 1) -> float:
    """Seconds of one call, the least of seven."""
    call()
    least = float("inf")
    for _ in range(7):
        place.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            call()
        place.synchronize()
        least = min(least, (time.perf_counter() - start) / count)
    return max(least, 1e-9)


def share(case: Case, timing: Timing, top: Ceilings) -> tuple[float, str] | None:
    """The part of the roofline that a case reaches, and what bounds it: "memory" or "compute"; None without counts.

    The roofline is the larger of bytes / copy and flops / products (Williams et al., 2009).
    """
    memory = case.bytes / top.copy
    compute = case.flops / top.rate(case) if top.rate(case) else 0.0
    if memory == compute == 0:
        return None
    return max(memory, compute) / timing.median, "memory" if memory >= compute else "compute"


def bound(case: Case, timing: Timing, top: Ceilings, is_gpu: bool) -> str:
    """What bounds a case: "launch" if the host's calls do, else as the roofline says; "" without counts."""
    if case.calls:
        return "launch"
    if (is_gpu and timing.enqueue >= LAUNCH * timing.median) or timing.median < SMALL * top.call:
        return "launch"
    reached = share(case, timing, top)
    return "" if reached is None else reached[1]
