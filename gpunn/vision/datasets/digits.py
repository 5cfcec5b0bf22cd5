"""The digits that scikit-learn brings along: 1,797 images of 8×8 pixels."""

from __future__ import annotations

import numpy as np

from gpunn.ops.creation import from_numpy
from gpunn.utils.data import TensorDataset
from gpunn.vision.libraries import library


class Digits(TensorDataset):
    """scikit-learn's handwritten digits as (image, label): float32 (1, 8, 8) in [0, 1], and int64 in [0, 10).

    Every fifth image of each class, in the order of the data, is held out: 1,442 for training, 355 for testing.
    Nothing is downloaded. Source: Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits", UCI.
    """

    classes = tuple(str(digit) for digit in range(10))

    def __init__(self, train: bool = True) -> None:
        images, labels = library("sklearn.datasets", "Digits", "scikit-learn", "demo").load_digits(return_X_y=True)
        rank = np.zeros(len(labels), np.int64)  # how many of the same class came before
        for digit in range(10):
            rank[labels == digit] = np.arange((labels == digit).sum())
        chosen = (rank % 5 != 4) if train else (rank % 5 == 4)
        pixels = (images[chosen] / 16).astype(np.float32).reshape(-1, 1, 8, 8)  # 0 to 16 in the file
        self.train = train
        self.data, self.targets = from_numpy(pixels), from_numpy(labels[chosen].astype(np.int64))
        super().__init__(self.data, self.targets)
