"""CIFAR-10: 60,000 photographs of 32×32 pixels in ten classes, in its binary form.

A file is 10,000 records of a label and 3072 bytes, the red, green and blue planes. Source: A. Krizhevsky, Learning
multiple layers of features from tiny images, 2009; https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gpunn.errors import FileFormatError
from gpunn.vision.datasets.archive import Archive
from gpunn.vision.datasets.vision import MissingFilesError, Root, Transform, VisionDataset
from gpunn.vision.libraries import pillow

_RECORD = 1 + 3 * 32 * 32
_MAX_BYTES = 1 << 28  # of the archive, unpacked; it has 184 million


class CIFAR10(VisionDataset):
    """(image, label), image one of Pillow of mode RGB unless `transform` makes something else.

    The binary version is looked for in `root/cifar-10-batches-bin`, then in `root/cifar-10-binary.tar.gz` (or .tar),
    from which it is read without extraction. `data` is a uint8 array (N, 32, 32, 3), `targets` a list: 50,000 images
    for training, 10,000 for testing. Nothing is downloaded: `download=True` is accepted if the files are there.
    """

    base_folder: ClassVar = "cifar-10-batches-bin"
    archives: ClassVar = ("cifar-10-binary.tar.gz", "cifar-10-binary.tar")
    train_list: ClassVar = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    test_list: ClassVar = ("test_batch.bin",)
    images_per_file: ClassVar = 10_000

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        self.classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        parts = [self._records(name, content) for name, content in self._files()]
        records = np.concatenate(parts)
        self.data = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.targets: list[int] = records[:, 0].tolist()

    def _files(self) -> list[tuple[str, Any]]:
        """The name and the bytes of each file of this part."""
        names = self.train_list if self.train else self.test_list
        folder, root = Path(self.root) / self.base_folder, Path(self.root)
        size = self.images_per_file * _RECORD
        if all([(folder / name).is_file() for name in names]):
            for name in names:
                if (found := (folder / name).stat().st_size) != size:
                    raise FileFormatError(f"{folder / name}: {found} bytes, expected {size}")
            return [(str(folder / name), (folder / name).read_bytes()) for name in names]
        for place in [root / name for name in self.archives]:
            if place.is_file():
                archive = Archive(place, _MAX_BYTES)
                inside = set(archive.files(self.base_folder))
                if missing := [name for name in names if f"{self.base_folder}/{name}" not in inside]:
                    raise FileFormatError(f"{place}: has no {self.base_folder}/{missing[0]}")
                return [(f"{place}/{name}", archive.read(f"{self.base_folder}/{name}")) for name in names]
        raise MissingFilesError(
            f"{type(self).__name__}: neither {folder} has {', '.join(names)} nor is {self.archives[0]} in {root}; put "
            "the binary version from https://www.cs.toronto.edu/~kriz/cifar.html there (the Python version is not read)"
        )

    def _records(self, name: str, content: bytes) -> np.ndarray[Any, Any]:
        size = self.images_per_file * _RECORD
        if len(content) != size:
            raise FileFormatError(f"{name}: {len(content)} bytes, expected {size}")
        records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
        if (largest := int(records[:, 0].max())) >= len(self.classes):
            raise FileFormatError(f"{name}: expected labels from 0 to {len(self.classes) - 1}, got {largest}")
        return records

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = pillow("Image", type(self).__name__).fromarray(self.data[index])
        return self.transformed(image, self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """The part: "Split: Train" or "Split: Test"."""
        return f"Split: {'Train' if self.train else 'Test'}"
