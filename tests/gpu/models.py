"""Models written once for gpunn and PyTorch, whose training steps are timed side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.case import Place
from benchmarks.models import lenet5, mlp


@dataclass(frozen=True)
class Model:
    """How to build one, and the numbers of its samples: `shape` of a batch of images or tokens, `classes`."""

    build: Callable[[Place], Any]
    shape: tuple[int, ...]
    classes: int
    is_text: bool = False

    def data(self, place: Place, dtype: Any) -> tuple[Any, Any]:
        """A batch and its labels: images, or tokens with a label each."""
        rng = np.random.default_rng(0)
        if self.is_text:
            tokens = place.tensor(rng.integers(0, self.classes, self.shape))
            return tokens, place.tensor(rng.integers(0, self.classes, self.shape).ravel())
        x = place.tensor(rng.standard_normal(self.shape, np.float32)).to(dtype)
        return x, place.tensor(rng.integers(0, self.classes, self.shape[0]))


def resnet20(place: Place) -> Any:
    """The ResNet-20 for CIFAR of He et al., 2015, with 1x1 convolutions where the shape changes."""
    return _resnet(place, 3, 16, (16, 32, 64), (3, 3, 3), 10, is_deep=False)


def resnet50(place: Place) -> Any:
    """ResNet-50 of He et al., 2015, with the stride in the 3x3 convolutions."""
    return _resnet(place, 7, 64, (64, 128, 256, 512), (3, 4, 6, 3), 1000, is_deep=True)


def _resnet(
    place: Place, first: int, width: int, widths: tuple[int, ...], depths: tuple[int, ...], classes: int, is_deep: bool
) -> Any:
    nn = place.lib.nn
    functional = nn.functional

    def convolution(c: int, k: int, size: int, stride: int = 1) -> list[Any]:
        return [nn.Conv2d(c, k, size, stride, size // 2, bias=False), nn.BatchNorm2d(k)]

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, c: int, k: int, stride: int) -> None:
            super().__init__()
            out = 4 * k if is_deep else k
            if is_deep:
                layers = [*convolution(c, k, 1), nn.ReLU(), *convolution(k, k, 3, stride), nn.ReLU()]
                self.body = nn.Sequential(*layers, *convolution(k, out, 1))
            else:
                self.body = nn.Sequential(*convolution(c, k, 3, stride), nn.ReLU(), *convolution(k, k, 3))
            changes = stride != 1 or c != out
            self.skip = nn.Sequential(*convolution(c, out, 1, stride)) if changes else nn.Identity()

        def forward(self, x: Any) -> Any:
            return functional.relu(self.body(x) + self.skip(x))

    layers = [*convolution(3, width, first, 2 if is_deep else 1), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 2, 1)] if is_deep else []
    c = width
    for stage, (k, depth) in enumerate(zip(widths, depths, strict=True)):
        for i in range(depth):
            layers.append(Block(c, k, 2 if stage and not i else 1))
            c = 4 * k if is_deep else k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)).to(place.device)


def lstm(place: Place) -> Any:
    """A language model: embedding, two layers of LSTM, a linear layer (Zaremba et al., 2014, medium)."""
    nn = place.lib.nn

    class Language(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table, self.layers = nn.Embedding(10_000, 650), nn.LSTM(650, 650, 2, batch_first=True)
            self.head = nn.Linear(650, 10_000)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.layers(self.table(tokens))[0]).flatten(0, 1)

    return Language().to(place.device)


def gpt(place: Place) -> Any:
    """A small GPT: six layers of 384, six heads, 256 tokens, 65 characters (nanoGPT's for Shakespeare)."""
    nn, functional = place.lib.nn, place.lib.nn.functional
    width, heads, length, words = 384, 6, 256, 65

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            parts = self.qkv(self.norm1(x)).reshape(n, t, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            y = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, width))
            return x + self.mlp(self.norm2(x))

    class Language(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(6)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

        def forward(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return Language().to(place.device)


MODELS = {
    "lenet5": Model(lenet5, (64, 1, 28, 28), 10),
    "mlp": Model(mlp, (64, 784), 10),
    "resnet20": Model(resnet20, (128, 3, 32, 32), 10),
    "resnet50": Model(resnet50, (64, 3, 224, 224), 1000),
    "lstm": Model(lstm, (20, 35), 10_000, is_text=True),
    "gpt": Model(gpt, (16, 256), 65, is_text=True),
}
