"""The networks of benchmarks/networks.py, as deep as there and as they are connected there, but an eighth as wide.

So 8 channels stand for 64, and 32 words of 9 tokens for 10,000 of 35; images are 32 x 32, or 64 x 64 for VGG-16.
"""

from typing import Any

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F

VGG16 = ((8, 2), (16, 2), (32, 3), (64, 3), (64, 3))  # channels, how many convolutions before a pooling


def convolution(before: int, after: int, size: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)]


class Block(nn.Module):
    """Two convolutions of 3 x 3, or if `is_deep` one between two of 1 x 1 that widen to four times `k` channels."""

    def __init__(self, c: int, k: int, stride: int, is_deep: bool) -> None:
        super().__init__()
        out = 4 * k if is_deep else k
        if is_deep:
            layers = [*convolution(c, k, 1), nn.ReLU(), *convolution(k, k, 3, stride), nn.ReLU(inplace=True)]
            layers += convolution(k, out, 1)
        else:
            layers = [*convolution(c, k, 3, stride), nn.ReLU(inplace=True), *convolution(k, k, 3)]
        self.body = nn.Sequential(*layers)
        changes = stride != 1 or c != out
        self.skip = nn.Sequential(*convolution(c, out, 1, stride)) if changes else nn.Identity()

    def forward(self, x: Any) -> Any:
        return F.relu(self.body(x) + self.skip(x))


def resnet(depths: tuple[int, ...], is_deep: bool, is_large: bool) -> nn.Module:
    """Of four stages; `is_large`: a stem of 7 x 7 with stride and a max pooling, else one of 3 x 3."""
    stem = [*convolution(3, 8, 7 if is_large else 3, 2 if is_large else 1), nn.ReLU(inplace=True)]
    layers, c = stem + ([nn.MaxPool2d(3, 2, 1)] if is_large else []), 8
    for stage, (k, depth) in enumerate(zip((8, 16, 32, 64), depths, strict=True)):
        for i in range(depth):
            layers.append(Block(c, k, 2 if stage and not i else 1, is_deep))
            c = 4 * k if is_deep else k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))


def ResNet18() -> nn.Module:  # noqa: N802 - made as classes are
    return resnet((2, 2, 2, 2), is_deep=False, is_large=False)


def ResNet50() -> nn.Module:  # noqa: N802
    return resnet((3, 4, 6, 3), is_deep=True, is_large=True)


def VGGNet16() -> nn.Module:  # noqa: N802
    layers: list[nn.Module] = []
    c = 3
    for k, depth in VGG16:
        for _ in range(depth):
            layers += [nn.Conv2d(c, k, 3, padding=1), nn.ReLU(inplace=True)]
            c = k
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(c * 4, 128), nn.ReLU(inplace=True), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(128, 128), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(128, 10))


class LanguageLSTM(nn.Module):
    """Embedding, two layers of LSTM with dropout between them, a linear layer."""

    def __init__(self, words: int = 32, width: int = 80) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width)
        self.layers, self.head = nn.LSTM(width, width, 2, batch_first=True, dropout=0.2), nn.Linear(width, words)

    def forward(self, tokens: Any) -> Any:
        return self.head(self.layers(self.table(tokens))[0]).flatten(0, 1)


class GPTBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1))

    def forward(self, x: Any) -> Any:
        n, t, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, width))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Six layers of 48, six heads, 32 tokens, 65 characters."""

    def __init__(self, words: int = 65, width: int = 48, length: int = 32) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[GPTBlock(width, 6) for _ in range(6)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x))).flatten(0, 1)


def images(n: int, side: int) -> Any:
    return lambda rng: (rng.standard_normal((n, 3, side, side)).astype("f4"), rng.integers(0, 10, n))


def texts(n: int, length: int, words: int) -> Any:
    return lambda rng: (rng.integers(0, words, (n, length)), rng.integers(0, words, n * length))


NETWORKS = {  # how to build one, and how to draw a batch
    "CIFAR ResNet-18": (ResNet18, images(2, 32)),
    "VGG-16": (VGGNet16, images(2, 64)),
    "ResNet-50": (ResNet50, images(2, 64)),
    "LSTM LM": (LanguageLSTM, texts(3, 9, 32)),
    "small GPT": (GPT, texts(2, 32, 65)),
}


def adamw(parameters: Any) -> gp.optim.Optimizer:
    return gp.optim.AdamW(parameters, lr=2e-3)


def sgd(parameters: Any) -> gp.optim.Optimizer:
    return gp.optim.SGD(parameters, lr=0.02, momentum=0.9, weight_decay=1e-4)
