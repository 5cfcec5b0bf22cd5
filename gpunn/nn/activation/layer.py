"""What activations share that can work in place."""

from __future__ import annotations

from gpunn.nn.module import Module


class InPlace(Module):
    """A layer that can write its result into its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def described(self, text: str) -> str:
        """`text`, and whether the layer works in place."""
        return f"{text}, inplace=True" if self.inplace else text
