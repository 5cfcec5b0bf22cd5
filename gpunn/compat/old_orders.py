"""x.add_(alpha, y) and x.addcmul_(value, y, z): the order of PyTorch before 1.5, which it still takes; and programs
with optimizers of their own from then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from gpunn import ops
from gpunn.tensor import Tensor

# The factor that may come first, and the number of tensors behind it.
FACTORS: Final = {"add": ("alpha", 1), "sub": ("alpha", 1), "addcmul": ("value", 2), "addcdiv": ("value", 2)}


def in_either_order(call: Callable[..., Any], factor: str, tensors: int) -> Callable[..., Any]:
    """`call`, whose `factor` may also stand in front of the last `tensors` arguments."""

    @functools.wraps(call)
    def either(input: Any, *args: Any, **options: Any) -> Any:
        if len(args) == tensors + 1 and not isinstance(args[0], Tensor):
            return call(input, *args[1:], **{factor: args[0]}, **options)
        return call(input, *args, **options)

    return either


def take() -> None:
    """Let the methods of tensors take either order, in this process."""
    for name, (factor, tensors) in FACTORS.items():
        for method in (name, f"{name}_"):
            setattr(Tensor, method, in_either_order(getattr(Tensor, method), factor, tensors))


FUNCTIONS: Final = {name: in_either_order(getattr(ops, name), *FACTORS[name]) for name in FACTORS}
