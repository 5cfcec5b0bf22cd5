"""The models that captured steps are tested with, at sizes far from real, and how they are trained."""

import itertools
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def MLP() -> nn.Module:  # noqa: N802 - made as the classes are
    """20 features, with batch norm and dropout."""
    return nn.Sequential(
        nn.Linear(20, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, 16),
        nn.GELU(),
        nn.Linear(16, 10),
    )


def LeNet5() -> nn.Module:  # noqa: N802
    """LeNet-5 for images of 14 x 14."""
    first, second = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
    features = nn.Sequential(first, nn.Tanh(), nn.AvgPool2d(2), second, nn.Tanh(), nn.MaxPool2d(2))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(16, 24), nn.Tanh(), nn.Dropout(0.2), nn.Linear(24, 10))


class LSTM(nn.Module):
    """A language model: two layers of 8 units, dropout between them."""

    def __init__(self, words: int = 12, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.layers = nn.LSTM(width, width, num_layers=2, dropout=0.1, batch_first=True)
        self.head = nn.Linear(width, words)

    def forward(self, x: Any) -> Any:
        y, _ = self.layers(self.embedding(x))
        return self.head(y).flatten(0, 1)


class SmallGPT(nn.Module):
    """One block of a GPT: causal attention of 4 heads and an MLP, both behind layer norms, with dropout."""

    def __init__(self, words: int = 12, width: int = 16, length: int = 6, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.words, self.places = nn.Embedding(words, width), nn.Parameter(gp.randn(length, width) * 0.02)
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1))
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, tokens: Any) -> Any:
        x = self.words(tokens) + self.places
        n, length, width = x.shape
        parts = self.inputs(self.before_attention(x)).reshape(n, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.1 if self.training else 0.0, is_causal=True)
        x = x + self.output(y.transpose(1, 2).reshape(n, length, width))
        return self.head(x + self.mlp(self.before_mlp(x))).flatten(0, 1)


class Block(nn.Module):
    """Two convolutions and a shortcut, which is one of 1 x 1 where shapes change."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.second, self.last = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        shortcut = (nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)) if before != after else ()
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm(self.first(x)))
        return F.relu(self.last(self.second(y)) + self.shortcut(x))


def ResNet20(width: int = 2) -> nn.Module:  # noqa: N802
    """The ResNet-20 for CIFAR, 2 to 8 channels in place of 16 to 64."""
    widths = [width] * 4 + [2 * width] * 3 + [4 * width] * 3
    blocks = [Block(a, b, 1 if a == b else 2) for a, b in itertools.pairwise(widths)]
    stem = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))


def images(*shape):
    return lambda rng: rng.standard_normal(shape).astype("f4")


def labels(most, *shape):
    return lambda rng: rng.integers(0, most, shape)


MODELS = {
    "MLP": (MLP, images(16, 20), labels(10, 16)),
    "LeNet-5": (LeNet5, images(4, 1, 14, 14), labels(10, 4)),
    "LSTM LM": (LSTM, labels(12, 3, 5), labels(12, 15)),
    "small GPT": (SmallGPT, labels(12, 2, 6), labels(12, 12)),
    "CIFAR ResNet-20": (ResNet20, images(2, 3, 8, 8), labels(10, 2)),
}


OPTIMIZERS = [lambda p: gp.optim.SGD(p, lr=0.05, momentum=0.9), lambda p: gp.optim.AdamW(p, lr=1e-2)]


def training(model, make_optimizer):
    """A model, its optimizer, and a step: forward, backward, clipping, optimizer."""
    gp.manual_seed(0)
    net = model().to("cuda")
    optimizer = make_optimizer(net.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        gp.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    gp.manual_seed(1)
    return net, optimizer, step


def batches(x, y, number):
    rng = np.random.default_rng(2)
    return [(gp.tensor(x(rng), device="cuda"), gp.tensor(y(rng), device="cuda")) for _ in range(number)]
