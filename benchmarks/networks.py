"""The networks that are timed, written once for gpunn and PyTorch, and the arithmetic of one sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import work
from .case import Place
from .work import Work

# side of the first filters, channels after them, channels and blocks of each stage, classes, are blocks deep
RESNET20 = (3, 16, (16, 32, 64), (3, 3, 3), 10, False)
RESNET18 = (3, 64, (64, 128, 256, 512), (2, 2, 2, 2), 10, False)
RESNET50 = (7, 64, (64, 128, 256, 512), (3, 4, 6, 3), 1000, True)
VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, how many convolutions before a pooling


@dataclass(frozen=True)
class Network:
    """How to build one, and the numbers of its samples: `shape` of one image or text, `classes`; its `work` forward."""

    build: Callable[[Place], Any]
    shape: tuple[int, ...]
    classes: int
    work: Work
    is_text: bool = False
    random: bool = False  # has dropout

    def data(self, place: Place, batch: int) -> tuple[Any, Any]:
        """A batch and its labels: images, or tokens with a label each."""
        rng = np.random.default_rng(0)
        if self.is_text:
            tokens = place.tensor(rng.integers(0, self.classes, (batch, *self.shape)))
            return tokens, place.tensor(rng.integers(0, self.classes, (batch, *self.shape)).ravel())
        return place.random(batch, *self.shape), place.tensor(rng.integers(0, self.classes, batch))


def lenet5(place: Place) -> Any:
    """LeNet-5 with ReLU and max pooling (LeCun et al., 1998)."""
    nn = place.lib.nn
    layers = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()]
    return place.model(nn.Sequential(*layers, nn.Linear(84, 10)))


def mlp(place: Place) -> Any:
    """A perceptron with two hidden layers."""
    nn = place.lib.nn
    layers = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)]
    return place.model(nn.Sequential(*layers))


def resnet20(place: Place) -> Any:
    """The ResNet-20 for CIFAR of He et al., 2015, with 1x1 convolutions where the shape changes."""
    return _resnet(place, *RESNET20)


def resnet18(place: Place) -> Any:
    """ResNet-18 for CIFAR: a first convolution of 3x3 without stride, no pooling before the blocks."""
    return _resnet(place, *RESNET18)


def resnet50(place: Place) -> Any:
    """ResNet-50 of He et al., 2015, with the stride in the 3x3 convolutions."""
    return _resnet(place, *RESNET50)


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

    is_large = first == 7
    layers = [*convolution(3, width, first, 2 if is_large else 1), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 2, 1)] if is_large else []
    c = width
    for stage, (k, depth) in enumerate(zip(widths, depths, strict=True)):
        for i in range(depth):
            layers.append(Block(c, k, 2 if stage and not i else 1))
            c = 4 * k if is_deep else k
    return place.model(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)))


def vgg16(place: Place) -> Any:
    """VGG-16 of Simonyan & Zisserman, 2015, with dropout."""
    nn = place.lib.nn
    layers: list[Any] = []
    c = 3
    for k, depth in VGG16:
        for _ in range(depth):
            layers += [nn.Conv2d(c, k, 3, padding=1), nn.ReLU()]
            c = k
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return place.model(nn.Sequential(*layers, nn.Dropout(), nn.Linear(4096, 1000)))


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

    return place.model(Language())


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

    return place.model(Language())


NETWORKS = {
    "lenet5": Network(lenet5, (1, 28, 28), 10, work.lenet5()),
    "mlp": Network(mlp, (784,), 10, work.perceptron(784, 512, 256, 10)),
    "resnet20": Network(resnet20, (3, 32, 32), 10, work.resnet(32, *RESNET20)),
    "resnet18": Network(resnet18, (3, 32, 32), 10, work.resnet(32, *RESNET18)),
    "vgg16": Network(vgg16, (3, 224, 224), 1000, work.vgg16(VGG16), random=True),
    "resnet50": Network(resnet50, (3, 224, 224), 1000, work.resnet(224, *RESNET50)),
    "lstm": Network(lstm, (35,), 10_000, work.lstm(35, 650, 2, 10_000), is_text=True),
    "gpt": Network(gpt, (256,), 65, work.gpt(256, 384, 6, 65), is_text=True),
}
