"""LeNet-5 learns MNIST: 60,000 handwritten digits train it, 10,000 test it.

    python examples/train_mnist.py --data DIR

DIR holds the four IDX files, gzipped or not; with --download they are fetched into it and checked.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from training import fit, half_cosine

import gpunn as gp
from gpunn.utils.data import DataLoader, TensorDataset
from gpunn.vision.datasets import MNIST
from gpunn.vision.models import LeNet5


def load(folder: Path, train: bool, download: bool) -> tuple[gp.Tensor, gp.Tensor]:
    """Images as float32 (N, 1, 28, 28) with mean 0 and deviation 1 over the training set, and labels (N,)."""
    part = MNIST(folder, train=train, download=download)
    images = (part.data.float() / 255 - 0.1307) / 0.3081
    return images.unsqueeze(1), part.targets


def main() -> None:
    """Train and print the accuracy after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the IDX files")
    parser.add_argument("--download", action="store_true", help="fetch the files that are missing")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if gp.cuda.is_available() else "cpu")
    parser.add_argument("--plot", type=Path, help="where the picture of the trace goes")
    parser.add_argument("--save", type=Path, help="where the trained weights go")
    args = parser.parse_args()
    gp.manual_seed(args.seed)
    batches = DataLoader(TensorDataset(*load(args.data, True, args.download)), args.batch, shuffle=True)
    model = LeNet5().to(args.device)
    optimizer = gp.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    rates = half_cosine(0.02, args.epochs)
    trace = fit(model, batches, load(args.data, False, args.download), optimizer, args.epochs, args.device, rates)
    for epoch, (accuracy, seconds) in enumerate(zip(trace.test_accuracy, trace.seconds, strict=True)):
        print(f"epoch {epoch + 1:2}: test accuracy {accuracy:.2%}, {seconds:.1f} s")
    print(f"median {statistics.median(trace.seconds):.1f} s an epoch on {args.device}")
    if args.plot:
        trace.plot(args.plot, "MNIST")
    if args.save:
        gp.save(model.state_dict(), args.save)


if __name__ == "__main__":
    main()
