import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.vision import transforms as T
from gpunn.vision.transforms import functional as F
from tests.vision.transforms.test_geometry import host, pictures


@pytest.mark.parametrize(("flip", "axis"), [(T.RandomHorizontalFlip, -1), (T.RandomVerticalFlip, -2)])
def test_flips(flip, axis, device):
    x, t = pictures((400, 1, 3, 4), device=device)
    gp.manual_seed(0)
    y = host(flip(0.25)(t))
    flipped = (y == np.flip(x, axis)).all((1, 2, 3))
    assert (flipped | (y == x).all((1, 2, 3))).all()
    assert abs(flipped.mean() - 0.25) < 5 * np.sqrt(0.1875 / 400)
    assert flip(1)(t[0]).tolist() == np.flip(x[0], axis).tolist()
    assert flip(0)(t).tolist() == x.tolist()


def test_rotation(device):
    _, t = pictures((30, 3, 6, 6), device=device)
    turn = T.RandomRotation(40, fill=(1, 2, 3))
    gp.manual_seed(0)
    y = turn(t)
    gp.manual_seed(0)
    angles = T.draw.uniform(-40, 40, 30)
    assert y.tolist() == F.rotate(t, angles, fill=(1, 2, 3)).tolist() and len(set(angles)) == 30
    found = [T.RandomRotation.get_params((10, 20)) for _ in range(1000)]
    assert 10 <= min(found) < 10.5 and 19.5 < max(found) < 20
    with pytest.raises(ArgumentError, match="expand=True"):
        T.RandomRotation(45, expand=True)(t)
    assert T.RandomRotation((44, 46), expand=True)(t[0]).shape == (3, 10, 10)  # 3 ± 6 / √2, rounded to pixels


def test_affine(device):
    _, t = pictures((30, 3, 10, 20), device=device)
    move = T.RandomAffine(30, (0.1, 0.3), (0.5, 2), (-5, 5, -10, 10), T.InterpolationMode.BILINEAR, 7)
    gp.manual_seed(0)
    y = move(t)
    gp.manual_seed(0)
    units = np.array(T.draw.units(6, 30))
    low, high = np.array([[-30, -2, -3, 0.5, -5, -10], [30, 2, 3, 2, 5, 10]])[..., None]
    angle, right, down, scale, x, y_shear = low + (high - low) * units
    wanted = F.affine(t, angle, (np.rint(right), np.rint(down)), scale, (x, y_shear), "bilinear", 7)
    assert y.tolist() == wanted.tolist()


def test_affine_parameters():
    gp.manual_seed(0)
    found = [T.RandomAffine.get_params((-5, 5), (0.2, 0.1), (1, 3), (-2, 2), (10, 20)) for _ in range(500)]
    moves = {move for _, move, _, _ in found}
    assert moves == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}
    assert all(-5 <= angle < 5 and 1 <= scale < 3 and -2 <= x < 2 and y == 0 for angle, _, scale, (x, y) in found)
    assert T.RandomAffine.get_params((3, 3), None, None, None, (10, 20)) == (3, (0, 0), 1, (0, 0))


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    picture = image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for transform in (T.RandomRotation(20), T.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5), T.RandomHorizontalFlip()):
        assert transform(picture).size == (8, 8)
    assert T.RandomVerticalFlip(1)(picture).getpixel((0, 0)) == picture.getpixel((0, 7))
    assert T.RandomVerticalFlip(0)(picture) is picture


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (T.RandomHorizontalFlip(), "RandomHorizontalFlip(p=0.5)"),
        (T.RandomVerticalFlip(0.1), "RandomVerticalFlip(p=0.1)"),
        (T.RandomRotation(10), "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)"),
        (
            T.RandomRotation((0, 5), 2, True, (1, 2), 3),
            "RandomRotation(degrees=[0.0, 5.0], interpolation=bilinear, expand=True, center=(1, 2), fill=3)",
        ),
        (T.RandomAffine(5), "RandomAffine(degrees=[-5.0, 5.0])"),
        (
            T.RandomAffine(5, (0.1, 0.2), (1, 2), 3, 2, 4, (5, 6)),
            "RandomAffine(degrees=[-5.0, 5.0], translate=(0.1, 0.2), scale=(1, 2), shear=[-3.0, 3.0], "
            "interpolation=bilinear, fill=4, center=(5, 6))",
        ),
    ],
)
def test_repr(transform, text):
    assert repr(transform) == text


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: T.RandomRotation(-1), ArgumentError, "single number, it must be positive"),
        (lambda: T.RandomRotation((1, 2, 3)), ArgumentError, "degrees should be a sequence of length 2"),
        (lambda: T.RandomRotation("ab"), ArgumentTypeError, "degrees should be a sequence"),
        (lambda: T.RandomRotation(1, fill=object()), ArgumentTypeError, "Fill should be"),
        (lambda: T.RandomRotation(1, center=3), ArgumentTypeError, "center should be"),
        (lambda: T.RandomAffine(1, (0, 2)), ArgumentError, "between 0 and 1"),
        (lambda: T.RandomAffine(1, scale=(0, 2)), ArgumentError, "scale values should be positive"),
        (lambda: T.RandomAffine(1, shear=(1, 2, 3)), ArgumentError, "length 2 or 4"),
        (lambda: T.RandomHorizontalFlip(2), ArgumentError, "a probability"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()
