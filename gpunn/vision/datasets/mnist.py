"""MNIST: 70,000 handwritten digits of 28×28 pixels; and FashionMNIST, as many pictures of clothes."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any, ClassVar

from gpunn.errors import FileFormatError
from gpunn.ops.creation import from_numpy
from gpunn.vision.datasets.download import download as fetch
from gpunn.vision.datasets.idx import read_idx
from gpunn.vision.datasets.vision import MissingFilesError, Root, Transform, VisionDataset
from gpunn.vision.libraries import pillow

_MAX_BYTES = 1 << 27  # unpacked; the training images have 47 million


class MNIST(VisionDataset):
    """LeCun's MNIST as (image, label), image one of Pillow of mode L unless `transform` makes something else.

    The IDX files, gzipped or not, are looked for in `root` and in `root/MNIST/raw`; `download=True` fetches those
    that are missing into the latter and checks them. `data` is uint8 (N, 28, 28), `targets` int64 (N,): 60,000 images
    for training, 10,000 for testing.
    """

    classes: ClassVar = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
                         "8 - eight", "9 - nine"]  # fmt: skip
    source: ClassVar = "http://yann.lecun.com/exdb/mnist/"
    mirrors: ClassVar[tuple[str, ...]] = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
                         "https://storage.googleapis.com/cvdf-datasets/mnist/")  # fmt: skip
    sha256: ClassVar[dict[str, str]] = {  # of the unpacked files
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train, name = train, type(self).__name__
        part = "train" if train else "t10k"
        images = read_idx(self._find(f"{part}-images-idx3-ubyte", download), _MAX_BYTES)
        labels = read_idx(self._find(f"{part}-labels-idx1-ubyte", download), _MAX_BYTES)
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1 or images.dtype != "u1" or labels.dtype != "u1":
            raise FileFormatError(
                f"{name}: expected uint8 images (N, 28, 28) and uint8 labels (N,), "
                f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}"
            )
        if (labels > 9).any():
            raise FileFormatError(f"{name}: expected labels from 0 to 9, got {labels.max()}")
        self.data, self.targets = from_numpy(images), from_numpy(labels.astype("int64"))

    @property
    def raw_folder(self) -> str:
        """Where the files belong: `root/MNIST/raw`."""
        return str(Path(self.root) / type(self).__name__ / "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def _find(self, name: str, download: bool) -> Path:
        root, raw = Path(self.root), Path(self.raw_folder)
        places = [folder / f"{name}{ending}" for folder in (root, raw) for ending in ("", ".gz")]
        for place in places:
            if place.is_file():
                return place
        what = f"{type(self).__name__}: {name} is neither in {root} nor in {raw}"
        if not self.mirrors:
            raise MissingFilesError(f"{what}; put the four files from {self.source} there, gzipped or not")
        if not download:
            raise MissingFilesError(f"{what}; pass download=True")
        urls = [f"{mirror}{name}.gz" for mirror in self.mirrors]
        fetch(urls, places[-1], functools.partial(_check, sha256=self.sha256[name]), limit=1 << 25)
        return places[-1]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = pillow("Image", type(self).__name__).fromarray(self.data[index].numpy())
        return self.transformed(image, int(self.targets[index].item()))

    def __len__(self) -> int:
        return int(self.data.shape[0])

    def extra_repr(self) -> str:
        """The part: "Split: Train" or "Split: Test"."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Zalando's pictures of clothes, in the form of MNIST: (image, label), image one of Pillow of mode L.

    The IDX files, gzipped or not, are looked for in `root` and in `root/FashionMNIST/raw`. Nothing is downloaded:
    `download=True` is accepted if the files are there. Source: Xiao, Rasul, Vollgraf 2017, Fashion-MNIST.
    """

    classes: ClassVar = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                         "Ankle boot"]  # fmt: skip
    source: ClassVar = "https://github.com/zalandoresearch/fashion-mnist"
    mirrors: ClassVar[tuple[str, ...]] = ()
    sha256: ClassVar[dict[str, str]] = {}


def _check(path: Path, sha256: str) -> None:
    """Raise unless the gzipped IDX file `path` unpacks to the content with this checksum."""
    array = read_idx(path, _MAX_BYTES)
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    found = hashlib.sha256(header + array.tobytes()).hexdigest()
    if found != sha256:
        raise FileFormatError(f"SHA-256 {found} of the unpacked file, expected {sha256}")
