"""Transforms of transforms: one after the other, or chosen at random, for each image of a batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.nn import Module
from gpunn.ops import as_tensor, cat
from gpunn.vision.transforms import draw

Transform = Callable[[Any], Any]


class Compose:
    """What the last of `transforms` makes of what the one before it makes, and so on."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return _listed(self, self.transforms)


class Lambda:
    """What the function `lambd` makes of an image or a batch."""

    def __init__(self, lambd: Transform) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms:
    """The base of what chooses among `transforms`."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Sequence):
            raise ArgumentTypeError(f"Argument transforms should be a sequence, got {type(transforms).__name__}")
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it does with an image")

    def __repr__(self) -> str:
        return _listed(self, self.transforms)


class RandomApply(Module):
    """Each image with all `transforms`, one after the other, with probability `p`; else as it is.

    In a batch the transforms must keep the shape and the type.
    """

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5) -> None:
        super().__init__()
        draw.check_probability("RandomApply", p)
        self.transforms, self.p = transforms, p

    def forward(self, img: Any) -> Any:
        chosen = draw.chosen(self.p, draw.count_of(img))
        return _each_its_own("RandomApply", img, chosen.astype(np.int64), (_same, Compose(list(self.transforms))))

    def __repr__(self) -> str:
        return _listed(self, [f"p={self.p}", *self.transforms])


class RandomChoice(RandomTransforms):
    """Each image with one of `transforms`, all as probable as another, or with the weights `p`.

    In a batch the results must be of one shape and type.
    """

    def __init__(self, transforms: Sequence[Transform], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise ArgumentTypeError(f"Argument p should be a sequence, got {type(p).__name__}")
        if p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0):
            raise ArgumentError(f"RandomChoice: p must have a weight for each of {len(transforms)} transforms, got {p}")
        self.p = p

    def __call__(self, img: Any) -> Any:
        ends = np.array(list(itertools.accumulate(self.p or [1] * len(self.transforms))), np.float64)
        number = np.searchsorted(ends, draw.units(draw.count_of(img)) * ends[-1], "right")
        return _each_its_own("RandomChoice", img, number, self.transforms)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


class RandomOrder(RandomTransforms):
    """Images with all `transforms`, one after the other in a random order, each image in its own."""

    def __call__(self, img: Any) -> Any:
        orders = draw.units(draw.count_of(img), len(self.transforms)).argsort(1, kind="stable")
        for number in orders.T:
            img = _each_its_own("RandomOrder", img, number, self.transforms)
        return img


def _same(img: Any) -> Any:
    return img


def _each_its_own(op: str, img: Any, number: np.ndarray[Any, Any], transforms: Sequence[Transform]) -> Any:
    """Each image with the transform of its `number`; images with the same one go through it together."""
    found = sorted(set(number.tolist()))
    if len(found) < 2:
        return transforms[found[0]](img) if found else img
    places = [np.flatnonzero(number == k) for k in found]
    parts = [
        transforms[k](img.index_select(0, as_tensor(place, device=img.device)))
        for k, place in zip(found, places, strict=True)
    ]
    kinds = {(part.array.shape[1:], part.dtype) for part in parts}
    if len(kinds) > 1:
        raise ShapeError(
            f"{op}: the images of a batch must come out in one shape and type, got {sorted(map(str, kinds))}; call it "
            "on single images"
        )
    back = np.concatenate(places).argsort()
    return cat(parts, 0).index_select(0, as_tensor(back, device=img.device))


def _listed(owner: object, entries: Sequence[Any]) -> str:
    return "\n".join([f"{type(owner).__name__}(", *[f"    {entry}" for entry in entries], ")"])
