"""VisionDataset: what datasets of images have in common, and how they show themselves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gpunn.errors import ArgumentError, GpunnError, UnsupportedError
from gpunn.utils.data import Dataset

Transform = Callable[[Any], Any]
Root = str | os.PathLike[str]


class MissingFilesError(GpunnError, RuntimeError, FileNotFoundError):
    """A dataset that is not where it was looked for."""


class StandardTransform:
    """`transform` for the image and `target_transform` for the target, each if it is there."""

    def __init__(self, transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        image = input if self.transform is None else self.transform(input)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for head, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                first, *others = repr(transform).splitlines()
                lines += [head + first, *[" " * len(head) + line for line in others]]
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """Images and targets under `root`: subclasses give `__getitem__` and `__len__`.

    Either `transforms(image, target)` gives both, or `transform` and `target_transform` one each.
    """

    def __init__(
        self,
        root: Root | None = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        has_single = transform is not None or target_transform is not None
        if transforms is not None and has_single:
            raise ArgumentError("Only transforms or transform/target_transform can be passed as argument")
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if has_single else transforms

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """The sample as the transforms want it; they are read anew, so that setting them later has an effect."""
        if self.transform is None and self.target_transform is None:
            if self.transforms is None or isinstance(self.transforms, StandardTransform):
                return image, target
            sample: tuple[Any, Any] = self.transforms(image, target)
            return sample
        return StandardTransform(self.transform, self.target_transform)(image, target)

    def __len__(self) -> int:
        raise UnsupportedError(f"{type(self).__name__}: subclasses of VisionDataset should implement __len__.")

    def extra_repr(self) -> str:
        """More lines for `repr`."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        body += [f"Root location: {self.root}"] * (self.root is not None)
        body += self.extra_repr().splitlines()
        body += [repr(self.transforms)] * (self.transforms is not None)  # of it torchvision indents the first line only
        return "\n".join([f"Dataset {type(self).__name__}", *[f"    {line}" for line in body]])
