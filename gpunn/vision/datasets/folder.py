"""DatasetFolder and ImageFolder: a folder for each class, on disk or in a tar archive."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from gpunn.errors import ArgumentError
from gpunn.vision.datasets import archive
from gpunn.vision.datasets.image import NamedBytes, read_image
from gpunn.vision.datasets.vision import MissingFilesError, Root, Transform, VisionDataset

IMG_EXTENSIONS: Final = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
Loader = Callable[[Any], Any]
Check = Callable[[str], bool]


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether the name ends with one of `extensions`, which are in lower case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename: str) -> bool:
    """Whether the name is that of an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def pil_loader(path: Any) -> Any:
    """The image in a file, given by its path or open, as one of Pillow of mode RGB; see `read_image`."""
    return read_image(path)


def default_loader(path: Any) -> Any:
    """`pil_loader`."""
    return pil_loader(path)


def find_classes(directory: Root) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in `directory`, sorted, without hidden ones, and the number of each."""
    where = archive.split(directory)
    if where is not None:
        tar = archive.shared(where[0])
        classes = tar.folders(where[1]) if tar.has_folder(where[1]) else []
    elif os.path.isdir(directory):
        with os.scandir(directory) as entries:
            classes = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    else:
        raise MissingFilesError(f"{directory} is neither a folder nor a tar archive nor a folder in one")
    if not classes:
        raise MissingFilesError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: Root,
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Check | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(path, class) of all files with one of `extensions`, or that `is_valid_file`, sorted by class and path.

    Hidden files and folders, which start with a dot, are left out. A class without files is an error unless
    `allow_empty`.
    """
    directory = os.path.expanduser(directory)
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError("Both extensions and is_valid_file cannot be None or not None at the same time")
    numbers = find_classes(directory)[1] if class_to_idx is None else class_to_idx
    if not numbers:
        raise ArgumentError("'class_to_idx' must have at least one entry to collect any samples.")
    where = archive.split(directory)
    tar = None if where is None else archive.shared(where[0])
    check = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
    samples, empty = [], []
    for name in sorted(numbers):
        found = _files(directory, name) if tar is None or where is None else _members(tar, where[1], name)
        paths = [path for path in found if check(path)]
        samples += [(path, numbers[name]) for path in paths]
        empty += [] if paths else [name]
    if empty and not allow_empty:
        known = "" if extensions is None else f" Supported extensions are: {_listed(extensions)}"
        raise MissingFilesError(f"Found no valid file for the classes {', '.join(empty)} in {directory}.{known}")
    return samples


def _listed(extensions: str | tuple[str, ...]) -> str:
    return extensions if isinstance(extensions, str) else ", ".join(extensions)


def _members(tar: archive.Archive, folder: str, name: str) -> list[str]:
    """The paths of all files of a class in an archive, by folder and name."""
    files = tar.files(f"{folder}/{name}" if folder else name)
    return [os.path.join(tar.path, *file.split("/")) for file in files]


def _files(directory: str, name: str) -> list[str]:
    """The paths of all files of a class that are not hidden, by folder and name."""
    paths = []
    for place, folders, files in os.walk(os.path.join(directory, name), followlinks=True):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        paths += [(place, file) for file in files if not file.startswith(".")]
    return [os.path.join(place, file) for place, file in sorted(paths)]


class DatasetFolder(VisionDataset):
    """Samples that `loader` reads, a folder for each class: root/class/…/file.

    `root` is a folder, a tar archive, gzipped or not, or a folder in one: "data.tar.gz/train". Files have one of
    `extensions`, or `is_valid_file(path)`; hidden files and folders are left out. `loader` gets the path of a file, or
    for an archive an open file in memory with its `name`. `classes` are the names of the folders, sorted,
    `class_to_idx` their numbers, `samples` the (path, class) of all files, `targets` the classes. Nothing is extracted
    to disk; see `archive`.
    """

    def __init__(
        self,
        root: Root,
        loader: Loader,
        extensions: tuple[str, ...] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        where = archive.split(self.root)
        self._archive = archive.shared(where[0]) if where is not None else None
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [number for _, number in self.samples]

    @staticmethod
    def make_dataset(
        directory: Root,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The samples; a subclass may choose others."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: Root) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may choose others."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        if self._archive is None:
            return self.transformed(self.loader(path), target)
        name = path.removeprefix(f"{self._archive.path}{os.sep}").replace(os.sep, "/")
        return self.transformed(self.loader(NamedBytes(self._archive.read(name), path)), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images of Pillow of mode RGB, a folder for each class: root/class/…/image.png.

    `root` is a folder, a tar archive, gzipped or not, or a folder in one; see `DatasetFolder`. `imgs` are its samples.
    """

    def __init__(
        self,
        root: Root,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Loader = default_loader,
        is_valid_file: Check | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
