"""A small LeNet learns the handwritten digits that scikit-learn brings along. This is what `make demo` runs.

1,442 images of 8×8 pixels train it, 355 that it never saw test it. About a minute on two cores.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from training import Trace, evaluate, fit, half_cosine

import gpunn as gp
from gpunn import nn
from gpunn.utils.data import DataLoader
from gpunn.vision.datasets import Digits


def small_lenet() -> nn.Module:
    """LeNet-5 for 8×8 images: two convolutions with pooling, then three linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),  # (N, 16, 8, 8)
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4)
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 2, 2)
        nn.Flatten(),
        nn.Linear(128, 120),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def train(seed: int, epochs: int, device: str) -> tuple[nn.Module, Trace]:
    """A network trained from the random numbers of `seed`, and how it went."""
    gp.manual_seed(seed)
    model = small_lenet().to(device)
    held_out = Digits(train=False)
    batches = DataLoader(Digits(train=True), batch_size=32, shuffle=True)
    optimizer = gp.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    trace = fit(model, batches, (held_out.data, held_out.targets), optimizer, epochs, device, half_cosine(3e-3, epochs))
    return model, trace


def main() -> None:
    """Train, print the accuracy on the held-out images, save the picture of the trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one training for each")
    parser.add_argument("--device", default="cuda" if gp.cuda.is_available() else "cpu")
    parser.add_argument("--plot", type=Path, default=Path("digits.png"), help="where the trace of the last one goes")
    args = parser.parse_args()
    accuracies: list[float] = []
    for seed in args.seeds:
        model, trace = train(seed, args.epochs, args.device)
        held_out = Digits(train=False)
        accuracies.append(evaluate(model, held_out.data, held_out.targets, args.device))
        print(f"seed {seed}: {accuracies[-1]:.2%} of {len(held_out)} held-out images right, "
              f"{sum(trace.seconds):.0f} s of training on {args.device}")  # fmt: skip
    if len(accuracies) > 1:
        low, high = min(accuracies), max(accuracies)
        print(f"median {statistics.median(accuracies):.2%}, range {low:.2%} to {high:.2%}")
    trace.plot(args.plot, "digits")
    print(f"loss and accuracy: {args.plot}")


if __name__ == "__main__":
    main()
