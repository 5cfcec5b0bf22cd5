"""Images flipped, turned, moved and sheared at random: the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.nn import Module
from gpunn.vision.transforms import draw
from gpunn.vision.transforms import functional as F
from gpunn.vision.transforms.interpolation import InterpolationMode, mode_of


class RandomHorizontalFlip(Module):
    """The images, each mirrored left to right with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        draw.check_probability("RandomHorizontalFlip", p)
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img, draw.own(img, draw.chosen(self.p, draw.count_of(img))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(Module):
    """The images, each upside down with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        draw.check_probability("RandomVerticalFlip", p)
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.vflip(img, draw.own(img, draw.chosen(self.p, draw.count_of(img))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomRotation(Module):
    """Images turned by angles that are uniform in `degrees`, (min, max) or a number for both directions.

    The other arguments are those of `functional.rotate`; with `expand` images must come one at a time.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _angles("RandomRotation", "degrees", degrees, (2,))
        _check_center("RandomRotation", center)
        self.interpolation = mode_of("RandomRotation", interpolation)
        self.expand, self.center, self.fill = expand, center, _fill("RandomRotation", fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return float(draw.uniform(degrees[0], degrees[1], 1)[0])

    def forward(self, img: Any) -> Any:
        angle = draw.own(img, draw.uniform(self.degrees[0], self.degrees[1], draw.count_of(img)))
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def __repr__(self) -> str:
        center = f", center={self.center}" if self.center is not None else ""
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine(Module):
    """Images turned, moved, scaled and sheared around their middles, each by numbers of its own.

    The angle is uniform in `degrees`, (min, max) or a number for both directions; the way up to the parts `translate`
    (of the width, of the height) to both sides, in whole pixels; the factor in `scale`; the shear along x in `shear`,
    (min, max) or a number, and along y in the third and fourth of its numbers. See `functional.affine`.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = _angles("RandomAffine", "degrees", degrees, (2,))
        if translate is not None and not all([0 <= t <= 1 for t in _numbers("RandomAffine", "translate", translate)]):
            raise ArgumentError(f"RandomAffine: translation values should be between 0 and 1, got {translate}")
        if scale is not None and not all([s > 0 for s in _numbers("RandomAffine", "scale", scale)]):
            raise ArgumentError(f"RandomAffine: scale values should be positive, got {scale}")
        _check_center("RandomAffine", center)
        self.translate, self.scale, self.center = translate, scale, center
        self.shear = None if shear is None else _angles("RandomAffine", "shear", shear, (2, 4))
        self.interpolation, self.fill = mode_of("RandomAffine", interpolation), _fill("RandomAffine", fill)

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """(angle, (right, down), scale, (shear x, shear y)) for one image of `img_size` (width, height)."""
        angle, right, down, size, x, y = _motions(degrees, translate, scale_ranges, shears, img_size, 1)[:, 0].tolist()
        return angle, (int(right), int(down)), size, (x, y)

    def forward(self, img: Any) -> Any:
        given = (self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img))
        angle, right, down, size, x, y = (draw.own(img, row) for row in _motions(*given, draw.count_of(img)))
        return F.affine(img, angle, (right, down), size, (x, y), self.interpolation, self.fill, self.center)

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        parts += [f"translate={self.translate}"] * (self.translate is not None)
        parts += [f"scale={self.scale}"] * (self.scale is not None)
        parts += [f"shear={self.shear}"] * (self.shear is not None)
        parts += [f"interpolation={self.interpolation.value}"] * (self.interpolation != InterpolationMode.NEAREST)
        parts += [f"fill={self.fill}"] * (self.fill != 0)
        parts += [f"center={self.center}"] * (self.center is not None)
        return f"{type(self).__name__}({', '.join(parts)})"


def _motions(
    degrees: Sequence[float],
    translate: Sequence[float] | None,
    scale: Sequence[float] | None,
    shear: Sequence[float] | None,
    size: Sequence[int],
    count: int,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(6, count): angle, right, down, scale, shear along x and along y."""
    far = (0.0, 0.0) if translate is None else (translate[0] * size[0], translate[1] * size[1])
    shears = (0.0, 0.0, 0.0, 0.0) if shear is None else (*shear, 0.0, 0.0)[:4]
    ranges = [degrees, (-far[0], far[0]), (-far[1], far[1]), scale or (1.0, 1.0), shears[:2], shears[2:]]
    low, high = np.array(ranges, np.float64).T[..., None]
    found = low + (high - low) * draw.units(6, count)
    found[1:3] = np.rint(found[1:3])
    return found


def _angles(op: str, name: str, given: Any, counts: tuple[int, ...]) -> list[float]:
    """(min, max) of each angle; a number stands for both directions."""
    if isinstance(given, (int, float)):
        if given < 0:
            raise ArgumentError(f"{op}: If {name} is a single number, it must be positive, got {given}")
        return [-float(given), float(given)]
    return _numbers(op, name, given, counts)


def _numbers(op: str, name: str, given: Any, counts: tuple[int, ...] = (2,)) -> list[float]:
    wanted = " or ".join(map(str, counts))
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ArgumentTypeError(f"{op}: {name} should be a sequence of length {wanted}, got {given!r}")
    if len(given) not in counts:
        raise ArgumentError(f"{op}: {name} should be a sequence of length {wanted}, got {given!r}")
    return [float(number) for number in given]


def _check_center(op: str, center: Any) -> None:
    if center is not None:
        _numbers(op, "center", center)


def _fill(op: str, given: Any) -> Any:
    if given is not None and not isinstance(given, (int, float, Sequence)):
        raise ArgumentTypeError(f"{op}: Fill should be either a sequence or a number, got {given!r}")
    return 0 if given is None else given
