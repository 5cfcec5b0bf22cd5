"""What the training examples share: the loop with its progress bar, the test, and the picture of the trace."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


class Trace:
    """Loss and accuracy of every epoch."""

    def __init__(self) -> None:
        self.train_loss: list[float] = []
        self.train_accuracy: list[float] = []
        self.test_accuracy: list[float] = []
        self.seconds: list[float] = []

    def plot(self, path: Path, title: str) -> None:
        """Save the curves as a PNG."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        epochs = range(1, len(self.train_loss) + 1)
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
        left.plot(epochs, self.train_loss, label="training")
        left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title=f"{title}: loss")
        right.plot(epochs, self.train_accuracy, label="training")
        right.plot(epochs, self.test_accuracy, label="test")
        right.set(xlabel="epoch", ylabel="accuracy", title=f"{title}: accuracy", ylim=(None, 1.0))
        right.legend(loc="lower right")
        figure.savefig(path, dpi=120)
        pyplot.close(figure)


def fit(
    model: nn.Module,
    batches: Any,
    test: tuple[gp.Tensor, gp.Tensor],
    optimizer: Any,
    epochs: int,
    device: str,
    learning_rates: list[float] | None = None,
) -> Trace:
    """Train for `epochs` passes over `batches`; after each, measure the accuracy on `test`."""
    trace = Trace()
    for epoch in range(epochs):
        if learning_rates is not None:
            for group in optimizer.param_groups:
                group["lr"] = learning_rates[epoch]
        start = time.perf_counter()
        loss, accuracy = train_epoch(model, batches, optimizer, device, f"epoch {epoch + 1:2}/{epochs}")
        trace.seconds.append(time.perf_counter() - start)
        trace.train_loss.append(loss)
        trace.train_accuracy.append(accuracy)
        trace.test_accuracy.append(evaluate(model, *test, device))
    return trace


def train_epoch(model: nn.Module, batches: Any, optimizer: Any, device: str, title: str) -> tuple[float, float]:
    """One pass over `batches`; returns the mean loss and the accuracy while training."""
    model.train()
    total_loss, right, seen = 0.0, 0, 0
    start = time.perf_counter()
    with tqdm(batches, desc=title, unit="batch") as bar:
        for images, labels in bar:
            x, t = images.to(device), labels.to(device)
            optimizer.zero_grad()
            scores = model(x)
            loss = F.cross_entropy(scores, t)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(t)
            right += int((scores.argmax(1) == t).sum().item())
            seen += len(t)
            bar.set_postfix(
                loss=f"{total_loss / seen:.4f}",
                accuracy=f"{right / seen:.2%}",
                images=f"{seen / (time.perf_counter() - start):,.0f}/s",
                refresh=False,
            )
    return total_loss / seen, right / seen


@gp.no_grad()
def evaluate(model: nn.Module, images: gp.Tensor, labels: gp.Tensor, device: str, batch: int = 1000) -> float:
    """The share of `images` whose label `model` gets right."""
    model.eval()
    right = 0
    for start in range(0, len(labels), batch):
        scores = model(images[start : start + batch].to(device))
        right += int((scores.argmax(1) == labels[start : start + batch].to(device)).sum().item())
    return right / len(labels)


def half_cosine(highest: float, epochs: int) -> list[float]:
    """A learning rate for each epoch, from `highest` down towards 0 along half a cosine. Loshchilov & Hutter 2017."""
    return [highest * 0.5 * (1 + math.cos(math.pi * epoch / epochs)) for epoch in range(epochs)]
