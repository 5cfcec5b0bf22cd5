"""MNIST: 70,000 handwritten digits of 28×28 pixels."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from gpunn.errors import FileFormatError, GpunnError
from gpunn.ops.creation import from_numpy
from gpunn.utils.data import Dataset
from gpunn.vision.datasets.download import download as fetch
from gpunn.vision.datasets.idx import read_idx

_MAX_BYTES = 1 << 27  # unpacked; the training images have 47 million


class MissingFilesError(GpunnError, RuntimeError, FileNotFoundError):
    """A dataset that is not where it was looked for."""


class MNIST(Dataset[Any]):
    """LeCun's MNIST as (image, label), image a uint8 NumPy array (28, 28) unless `transform` makes something else.

    The IDX files, gzipped or not, are looked for in `root` and in `root/MNIST/raw`; `download=True` fetches those
    that are missing into the latter and checks them. `data` is uint8 (N, 28, 28), `targets` int64 (N,): 60,000 images
    for training, 10,000 for testing.
    """

    classes: ClassVar = ("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
                         "8 - eight", "9 - nine")  # fmt: skip
    mirrors: ClassVar = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
                         "https://storage.googleapis.com/cvdf-datasets/mnist/")  # fmt: skip
    sha256: ClassVar = {  # of the unpacked files
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ) -> None:
        self.root, self.train = Path(root), train
        self.transform, self.target_transform = transform, target_transform
        part = "train" if train else "t10k"
        images = read_idx(self._find(f"{part}-images-idx3-ubyte", download), _MAX_BYTES)
        labels = read_idx(self._find(f"{part}-labels-idx1-ubyte", download), _MAX_BYTES)
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1 or images.dtype != "u1" or labels.dtype != "u1":
            raise FileFormatError(
                f"MNIST: expected uint8 images (N, 28, 28) and uint8 labels (N,), "
                f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}"
            )
        if (labels > 9).any():
            raise FileFormatError(f"MNIST: expected labels from 0 to 9, got {labels.max()}")
        self.data, self.targets = from_numpy(images), from_numpy(labels.astype("int64"))

    def _find(self, name: str, download: bool) -> Path:
        raw = self.root / "MNIST" / "raw"
        places = [folder / f"{name}{ending}" for folder in (self.root, raw) for ending in ("", ".gz")]
        for place in places:
            if place.is_file():
                return place
        if not download:
            raise MissingFilesError(f"MNIST: {name} is neither in {self.root} nor in {raw}; pass download=True")
        urls = [f"{mirror}{name}.gz" for mirror in self.mirrors]
        fetch(urls, places[-1], functools.partial(_check, sha256=self.sha256[name]), limit=1 << 25)
        return places[-1]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self.data[index].numpy()
        label: Any = int(self.targets[index].item())
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __len__(self) -> int:
        return int(self.data.shape[0])


def _check(path: Path, sha256: str) -> None:
    """Raise unless the gzipped IDX file `path` unpacks to the content with this checksum."""
    array = read_idx(path, _MAX_BYTES)
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    found = hashlib.sha256(header + array.tobytes()).hexdigest()
    if found != sha256:
        raise FileFormatError(f"SHA-256 {found} of the unpacked file, expected {sha256}")
